"""What the harness needs of a retrieval system: the contract, its checks, and the cards that describe systems.

A name that a person types becomes a system here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
