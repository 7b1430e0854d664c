"""The systems that come with lbar, and how they are trained.

Systems are usually loaded by name, with `harness.load_system`; the classes are here for code that builds on them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
