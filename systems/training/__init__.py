"""Training: stage 1 on captions, stage 2 on estimated audio-caption correspondences, grids, fusions.

The training data are in `data`, the estimates in `teachers`, the optimisation in `fitting`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
