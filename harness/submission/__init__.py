"""Submissions to the DCASE challenge: editions, meta files, outputs and packages, made, checked and mended.

What an edition asks for is one YAML file in `editions`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
