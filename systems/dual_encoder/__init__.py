"""The dual encoder of the paper: an audio and a text encoder, projected into one space.

Here are its card, its model, and the system that the harness evaluates.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
