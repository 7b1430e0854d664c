"""From captions to vectors: the tokenizer and RoBERTa.

Both are read from folders; nothing is ever downloaded.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
