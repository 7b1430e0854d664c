"""The command `lbar`: one file per group of commands, each of which parses, calls and prints.

`systems` and `leaderboard` take their options and their way of printing from here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
