"""The results of the measurements: the board, comparisons, and the page.

>>> import leaderboard
>>> sorted(leaderboard.__all__)
['Comparison', 'board', 'compare', 'load']
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
