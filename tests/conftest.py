"""Fixtures every test may use."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real files that are not shipped; a test that needs it skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder of real data files (shared/ beside the repository), which is not here")
    return SHARED
