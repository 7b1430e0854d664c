"""Where derived files are kept: anything in there can be made again."""

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder named by the environment variable `LBAR_CACHE`, else the user's cache folder of this platform."""
    named = os.environ.get("LBAR_CACHE")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("lbar")
