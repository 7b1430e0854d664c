"""Listening: a page from a server of this machine's own, on which answers to words are heard.

The page shares its parts with the report's. It needs no network.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
