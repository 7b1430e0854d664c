"""The computer a result is made on: devices, cores, memory, versions, cache folders, downloads, progress.

Nothing in here knows what is computed. All other rooms may use it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
