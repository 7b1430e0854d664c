"""Whether a split is the one its publisher put out."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from harness.audio import Clip
from harness.datasets.dataset import RetrievalDataset
from harness.datasets.known import dataset_names, known_dataset
from harness.datasets.readers.layout import find_file


def differences_from_published(dataset: RetrievalDataset, data_root: Path) -> list[str]:
    """What differs between a split's captions and the published ones, one sentence each.

    A data set of which no numbers are known (a folder, the bundled benchmark) has nothing to differ from.
    """
    published = known_dataset(dataset.name).splits[dataset.split]
    differences = []
    path, md5 = dataset.root, None
    if published.captions_md5 is not None:
        path = find_file(data_root, dataset.name, published.captions_files)
        md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if published.captions_md5 != md5:
        twins = [
            f" (it is {entry.name} {name})"
            for entry in map(known_dataset, dataset_names())
            for name, split in entry.splits.items()
            if split.captions_md5 == md5
        ]
        twin = twins[0] if twins else ""
        differences.append(f"{path} is not the published file{twin}: MD5 {md5}, expected {published.captions_md5}")
    counts = (("clips", len(dataset.clips), published.clips), ("captions", len(dataset.queries), published.captions))
    differences += [
        f"{path} has {found} {what}, expected {expected}"
        for what, found, expected in counts
        if expected not in (None, found)
    ]
    return differences


def of_other_lengths(name: str, seconds: Mapping[Clip, float]) -> list[str]:
    """A sentence on the clips that do not last as long as those of the published data set; none where all do.

    Args:
        name: of the data set.
        seconds: how long each clip lasts.
    """
    published = known_dataset(name).recordings
    others = [(clip, length) for clip, length in seconds.items() if not published.admits(length)]
    if not others:
        return []
    clip, length = others[0]
    return [
        f"{len(others):,} of {len(seconds):,} clips are not as long as those of {name}, {published.lengths}: "
        f"{clip.name!r} lasts {length:.1f} s"
    ]
