"""The page: the board, comparisons and each system's failures, as files that open from disk.

It needs no network and no server.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
