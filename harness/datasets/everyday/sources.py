"""The recordings scenes are made of."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 32_000
SAMPLES_PER_MS = 32

FOLDER = Path(__file__).parent / "sounds"


@dataclass(frozen=True, slots=True)
class Source:
    """One bundled recording, with the label of its sound; an event, or a background that fills a scene."""

    file_name: str
    label: str
    kind: Literal["event", "background"]
    milliseconds: int


@cache
def sources() -> dict[str, tuple[Source, ...]]:
    """All bundled recordings by label, in the order of `sources.csv`."""
    import soundfile

    by_label: dict[str, tuple[Source, ...]] = {}
    with (FOLDER / "sources.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            frames = soundfile.info(str(FOLDER / row["file_name"])).frames
            kind: Literal["event", "background"] = "background" if row["kind"] == "background" else "event"
            source = Source(row["file_name"], row["label"], kind, frames // SAMPLES_PER_MS)
            by_label[source.label] = (*by_label.get(source.label, ()), source)
    return by_label


@cache
def samples(file_name: str) -> NDArray[np.int16]:
    """The samples of one recording, mono at 32 kHz, shape `(frames,)`; read-only."""
    import soundfile

    decoded: NDArray[np.int16] = soundfile.read(FOLDER / file_name, dtype="int16")[0]
    decoded.flags.writeable = False
    return decoded
