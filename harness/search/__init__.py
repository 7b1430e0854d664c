"""Search: an index of somebody's own recordings in a LanceDB database, and its answers to words and to sounds.

An answer is a place in a recording. The answers are exact, unless approximate ones are asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
