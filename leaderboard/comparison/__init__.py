"""Whether one system is better than another: paired differences, intervals, corrected tests, groups.

Clips are the unit that is resampled.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
