"""How fast a system is: the workloads that are measured, the instruments, and one system after the other.

Every figure comes with all its samples and with the limits of the machine, measured in the same run.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
