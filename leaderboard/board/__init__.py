"""The board: standings, the table, exports, the data frame, and the plot of quality against cost.

The values of its columns are defined here, once for all formats.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
