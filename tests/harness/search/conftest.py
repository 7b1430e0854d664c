"""Recordings with tones at known places, and a system that hears and reads them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.errors import UserError
from harness.search.window_table import Database

try:
    Database("index")
except UserError:
    pytest.skip("needs LanceDB (extra search)", allow_module_level=True)

RATE = 16_000
Tones = Sequence[tuple[float, int]]


@pytest.fixture
def record(participant: Path, own_cache: Path) -> Callable[..., Path]:
    """Writes a recording in the folder `sounds`: seconds and pitch, one tone after the other."""

    def write(name: str, tones: Tones, rate: int = RATE, **tags: str) -> Path:
        path = participant / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = [0.3 * np.sin(2 * np.pi * pitch * np.arange(round(long * rate)) / rate) for long, pitch in tones]
        kind = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
        with soundfile.SoundFile(path, "w", rate, 1, **kind) as file:
            for key, value in tags.items():
                setattr(file, key, value)
            file.write(np.concatenate(samples))
        return path

    return write
