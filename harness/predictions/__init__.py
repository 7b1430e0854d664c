"""Predictions files: ranked lists (2022 to 2024) and score matrices (2025), written, read and scored.

They may come from any system.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
