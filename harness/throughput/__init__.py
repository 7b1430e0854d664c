"""How fast a system is: workloads, instruments, and the record of what they measured.

Every figure comes with its samples and with what the machine could do at most.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
