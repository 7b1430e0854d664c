"""Data sets: clips, captions, and which caption was written for which clip.

One entry per data set says where its files are, how they are read, and what may be learned or evaluated on.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
