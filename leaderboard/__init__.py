"""What the measurements say: the board, comparisons, and the page.

>>> import leaderboard
>>> sorted(leaderboard.__all__)
['compare', 'load']
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leaderboard.board.frame import load
    from leaderboard.comparison.by_name import compare

__all__ = ["compare", "load"]

_PLACES = {"compare": "leaderboard.comparison.named", "load": "leaderboard.board.frame"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: none of them is needed to start the command."""
    if name not in _PLACES:
        raise AttributeError(f"module 'leaderboard' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
