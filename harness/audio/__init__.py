"""Recordings: what a clip is, decoding and resampling, the store of decoded samples, acoustic fingerprints.

Clips come out as mono float32 in [-1, 1], or as the int16 samples the store keeps.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
