"""The runs of a board: collected, found by name, with their answers, speeds and published figures.

It is decided here which runs may be compared.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
