"""Evaluation protocols: named rules, and the task they pose on a data set.

A protocol is data. A published one is never edited, so equal digests mean comparable results.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
