"""From waveforms to vectors: front ends, windows and audio encoders.

One file per encoder in `encoders`; front ends and what encoders share lie beside it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
