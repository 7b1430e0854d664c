"""`everyday`, the bundled benchmark: scenes composed of real recordings, with all that is true of them known.

A check that everything works and differs as it should, not a measure of quality in the world.
"""

from harness.datasets.everyday.cache import load

__all__ = ["load"]
