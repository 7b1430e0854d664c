"""The runs a board is made of: collected, found by name, with their answers, speeds and published figures.

Which runs may stand beside each other is decided here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
