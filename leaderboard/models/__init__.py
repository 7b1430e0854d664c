"""The best system of a protocol as a model in MLflow's registry.

`retriever.py` is the code that MLflow keeps and runs where the model is loaded.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
