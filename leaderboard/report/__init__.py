"""The page: the board, comparisons and the failures of each system, as files that open from disk.

It needs neither a network nor a server.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
