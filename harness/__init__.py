"""The rules of language-based audio retrieval: what is measured, on what, and how.

The public names load when first used, so that `import harness` costs nothing.

>>> import harness
>>> harness.get_protocol("clotho-dcase2024").primary
'mAP@10'
"""

import lazy_loader

from harness.interface.addresses import keep_earlier_addresses

__version__ = "0.2.0"

keep_earlier_addresses()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
