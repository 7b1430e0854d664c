"""Whether a split is the one its publisher put out."""

import hashlib
from pathlib import Path

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.publication.published import SPLITS as PUBLISHED
from harness.datasets.readers import audiocaps, clotho

_READERS = {"clotho": clotho, "audiocaps": audiocaps}


def differences_from_published(dataset: RetrievalDataset, data_root: Path) -> list[str]:
    """What differs between a split's captions and the published ones, one sentence each.

    A data set without a publisher (a folder, the bundled benchmark) has nothing to differ from.
    """
    published = PUBLISHED.get((dataset.name, dataset.split))
    if published is None:
        return []
    path = _READERS[dataset.name].captions_file(data_root, dataset.split)
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    differences = []
    if md5 != published.captions_md5:
        twin = next(
            (f" (it is {name} {split})" for (name, split), other in PUBLISHED.items() if other.captions_md5 == md5), ""
        )
        differences.append(f"{path} is not the published file{twin}: MD5 {md5}, expected {published.captions_md5}")
    counts = (("clips", len(dataset.clips), published.clips), ("captions", len(dataset.queries), published.captions))
    differences += [
        f"{path} has {found} {what}, expected {expected}" for what, found, expected in counts if found != expected
    ]
    return differences
