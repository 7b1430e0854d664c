"""Similarity, exact ranks, retrieval measures, intervals and significance tests.

Numbers in, numbers out: no file is opened in here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
