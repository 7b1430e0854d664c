"""Results that groups have handed in: kept with the project, checked, and small enough for a pull request.

The folder `runs` has a folder for each: the record, its queries without their words, and who says what of it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
