"""The dual encoder of the paper: an audio and a text encoder with projections into one space.

The card that describes it, its model, and the system the harness evaluates.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
