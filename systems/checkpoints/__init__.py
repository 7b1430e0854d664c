"""Weights files: read without running code that they may hold, and written.

The names that published files give to tensors are translated into those of our modules.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
