"""Rendering a split once into the cache, and reading it from there."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.everyday.captions import write_captions
from harness.datasets.everyday.scenes import Scene, draw_scenes
from harness.datasets.everyday.writing import captions_name, digest, file_names, size_in_bytes, write_split
from harness.datasets.readers.captions_csv import read_split
from harness.errors import UserError
from harness.machine import Progress, cache_root, silent


@dataclass(frozen=True)
class Edition:
    """One version of a data set: number of scenes per split, and the digest of the files of each split.

    Attributes:
        version: of the data set.
        sizes: number of scenes per split.
        digests: SHA-256 over the files of each split.
        name: of the data set.
        apart_from: another edition, whose scenes this one does not have.
    """

    version: str
    sizes: Mapping[str, int]
    digests: Mapping[str, str]
    name: str = "everyday"
    apart_from: "Edition | None" = None

    @property
    def seed(self) -> str:
        """The text that seeds the random draws of this version."""
        return f"{self.name} {self.version}"

    def scenes(self) -> dict[str, tuple[Scene, ...]]:
        """The scenes of each split."""
        others = chain.from_iterable(self.apart_from.scenes().values()) if self.apart_from else ()
        return draw_scenes(self.seed, self.sizes, others)


EDITION = Edition(
    version="1",
    sizes={"development": 1000, "validation": 200, "evaluation": 200},
    digests={
        "development": "e06712659fe08fe6ce055fd369ed1e602238f1d9c775659d14fecf1ea0eb11d4",
        "validation": "7826372f93b6827cc361ebf17c8cbb37241e4f325b10a93a228bad85df487925",
        "evaluation": "02731e08ea516dbb95406a5490209b95def2cd1f3df420c73c1ee23e8a89d6e6",
    },
)
"""The edition in use. Whatever changes a sample or a letter is a new version with new digests."""

PRETRAINING = Edition(
    version="1",
    sizes={"training": 4000},
    digests={"training": "6cc8b49c063a0065632bef455f24ce952441144d006886a197990485e9443a17"},
    name="everyday-pretraining",
    apart_from=EDITION,
)
"""The larger companion to pre-train on: other scenes of the same recordings."""


def load(split: str, *, edition: Edition = EDITION, progress: Progress = silent) -> RetrievalDataset:
    """Load one split of the bundled benchmark, or of its companion: rendered on first use, verified on every use.

    Args:
        split: `development`, `validation` or `evaluation`; `training` of the companion.
        edition: of which data set.
        progress: opened when there is something to render.

    Raises:
        UserError: the cache cannot be written to, or files that differ from the edition's.
    """
    folder = prepare(edition, split, cache_root(), progress)
    return read_split(folder / captions_name(split), folder / split, edition.name, split)


@cache
def everyday_captions(split: str) -> tuple[str, ...]:
    """The captions of a split of the benchmark, in order, of which nothing need be rendered."""
    written = write_captions(EDITION.seed, split, EDITION.scenes()[split])
    return tuple(caption.text for captions in written for caption in captions)


def is_rendered(dataset: str, split: str) -> bool:
    """Whether a split of the benchmark or of its companion is in the cache, so that `load` has nothing to render."""
    edition = {one.name: one for one in (EDITION, PRETRAINING)}[dataset]
    return (_folder(edition, cache_root()) / captions_name(split)).exists()


def prepare(edition: Edition, split: str, root: Path, progress: Progress = silent) -> Path:
    """Make sure that a split is in the cache, whole and unchanged, and return the folder it is in.

    Several processes may do so at once: one renders, the others wait for it.

    Raises:
        UserError: the cache cannot be written to, or the files differ from the edition's.
    """
    folder = _folder(edition, root)
    # The captions file is put there last; a process that is killed right after that leaves its own folder.
    if not (folder / captions_name(split)).exists():
        _render(edition, split, folder, progress)
    elif _digest(folder, split) != edition.digests[split]:
        raise UserError(
            f"{folder}: the files of the {split} split were changed or damaged since they were rendered (SHA-256 over "
            f"all of them differs from version {edition.version}'s); delete this folder and run again to render anew"
        )
    else:
        _remove_unfinished(folder, split)
    return folder


def _folder(edition: Edition, root: Path) -> Path:
    return root / f"{edition.name}-{edition.version}"


def _render(edition: Edition, split: str, folder: Path, progress: Progress) -> None:
    from filelock import FileLock

    scenes = edition.scenes()[split]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{split}.lock"):
            if (folder / captions_name(split)).exists():
                return
            _remove_leftovers(folder, split)
            with tempfile.TemporaryDirectory(prefix=f".{split}-", dir=folder) as name:
                unfinished = Path(name)
                advance = progress(f"render {edition.name}/{split}", len(scenes))
                write_split(unfinished, split, scenes, write_captions(edition.seed, split, scenes), advance)
                _refuse_other(edition, split, digest(unfinished, split))
                for finished in (split, *file_names(split)):
                    (unfinished / finished).replace(folder / finished)
    except OSError as error:
        raise UserError(
            f"{folder}: {edition.name} cannot be rendered there: {error.strerror or error}; its {split} split "
            f"needs {size_in_bytes(scenes) / 1e6:.0f} MB; make room, or name another folder in LBAR_CACHE"
        ) from error


def _remove_leftovers(folder: Path, split: str) -> None:
    """Remove what a process left that was killed while it rendered, or while it moved the finished files here."""
    _remove_unfinished(folder, split)
    shutil.rmtree(folder / split, ignore_errors=True)


def _remove_unfinished(folder: Path, split: str) -> None:
    for unfinished in folder.glob(f".{split}-*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def _refuse_other(edition: Edition, split: str, found: str) -> None:
    if found != edition.digests[split]:
        raise UserError(
            f"{edition.name} {edition.version} {split} came out with SHA-256 {found} where {edition.digests[split]} is "
            "expected: this installation renders other bytes, so its figures could not be compared; reinstall lbar, "
            "and if that does not help, report the processor and the versions of numpy and soundfile"
        )


def _digest(folder: Path, split: str) -> str | None:
    try:
        return digest(folder, split)
    except OSError:
        return None
