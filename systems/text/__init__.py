"""From captions to vectors: the tokenizer and RoBERTa.

Tokenizers are read from a folder and never downloaded.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
