"""`everyday-pretraining`: thousands of further scenes of the recordings of `everyday`, to pre-train small encoders on.

None of its scenes has the content of one of `everyday`. It has no split to evaluate on.
"""

from pathlib import Path

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.entry import DatasetEntry, Split
from harness.datasets.known.everyday import read_keywords
from harness.machine import Progress


def _read(_data_root: Path, split: str, progress: Progress) -> RetrievalDataset:
    # What renders it is imported by those who ask for it only.
    from harness.datasets.everyday.cache import PRETRAINING, load

    return load(split, edition=PRETRAINING, progress=progress)


ENTRY = DatasetEntry(
    name="everyday-pretraining",
    splits={"training": Split(captions_per_clip=5, hours=7.85, clips_about=4_000)},
    read=_read,
    training="training",
    by_hand="everyday-pretraining comes with the package: nothing to fetch",
    composed=True,
    keywords=read_keywords,
)
