"""Whether one system is better than another: paired differences, confidence intervals, corrected tests, groups.

Clips are resampled, with all queries that belong to them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
