"""Weight files of any origin, read without running what they may hold, and written.

Published layouts are translated into the names our modules use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
