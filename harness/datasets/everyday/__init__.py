"""`everyday`, the bundled benchmark: scenes composed of real recordings, so that all that is true of them is known.

It checks that everything works and that systems differ as they should; it does not measure how good they are on other
recordings.
"""

from harness.datasets.everyday.cache import load

__all__ = ["load"]
