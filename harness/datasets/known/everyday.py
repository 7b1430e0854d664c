"""`everyday`, the benchmark that comes with the package and is rendered when it is first asked for."""

from pathlib import Path

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.entry import DatasetEntry, Split
from harness.datasets.keywords import Keywords
from harness.machine import Progress


def _read(_data_root: Path, split: str, progress: Progress) -> RetrievalDataset:
    # What renders it is imported by those who ask for it only.
    from harness.datasets.everyday import load
    from harness.datasets.everyday.intents import place_intents

    dataset = load(split, progress=progress)
    if split == "evaluation":
        place_intents(dataset.root)
    return dataset


def read_keywords(dataset: RetrievalDataset) -> Keywords:
    """The tags of all scenes of a split, of this data set or its companion."""
    from harness.datasets.everyday.tags import read_tags

    return read_tags(dataset)


ENTRY = DatasetEntry(
    name="everyday",
    splits={
        name: Split(captions_per_clip=5, hours=hours, clips_about=clips)
        for name, clips, hours in (("development", 1_000, 1.91), ("validation", 200, 0.37), ("evaluation", 200, 0.37))
    },
    read=_read,
    training="development",
    validation="validation",
    evaluation=("evaluation",),
    by_hand="everyday comes with the package: nothing to fetch",
    composed=True,
    keywords=read_keywords,
)
