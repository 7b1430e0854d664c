"""What is kept of an evaluation or a speed measurement: its record, its run folder, and the mirror in MLflow.

The run folder is the truth; everything in MLflow can be made again from it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
