"""MTEB both ways: its models as systems, our systems as its models, and our protocols as its tasks.

Needs the extra `mteb`, and neither torchaudio nor a hub.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
