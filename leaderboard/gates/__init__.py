"""Gates: whether shipped systems still answer as stored, and the code is still as fast.

A gate is a function that returns findings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
