"""What space a training will need: for audio that is still to be had, decoded samples, embeddings and weights."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.audio import BrokenAudio, Clip, ExpectedSize, PcmStore, expected_size
from harness.datasets.dataset import RetrievalDataset
from harness.datasets.entry import DatasetEntry, Split
from harness.datasets.everyday.cache import is_rendered
from harness.datasets.known import known_dataset, load, splits_for, training_split
from harness.errors import UserError, meant
from harness.interface import TrainingSection, common_part, needed_files, read_card, training_of
from harness.machine import Progress, silent, usable_cores

_DIMENSION = 1_024
_SOURCE_RATE = 44_100
_COMPOSED_RATE = 32_000
# Of the weights, of the best epoch's, and of the last epoch's with the two moments of Adam, all of them float32.
_BYTES_PER_PARAMETER = 4 + 4 + 12


@dataclass(frozen=True, slots=True)
class Space:
    """Space that something will need, beyond what is there already.

    Attributes:
        where: the folder that it is needed in: `data`, `cache` or `weights`.
        what: what needs it, in words.
        size: bytes; `None` where they are not known.
        estimated: whether this follows from published figures and not from files that are there.
    """

    where: str
    what: str
    size: int | None
    estimated: bool = True


@dataclass(frozen=True, slots=True)
class SplitSize:
    """How large a split is, as it lies in the data root or, where it does not, as was published.

    Attributes:
        name: data set and split.
        clips: number of clips; `None` where it is not known, as are the others.
        captions: number of captions.
        hours: length of all clips together.
        samples: bytes of the decoded samples.
    """

    name: str
    clips: int | None
    captions: int | None
    hours: float | None
    samples: int | None


def split_sizes(training: TrainingSection, data_root: Path, sample_rate: int) -> list[SplitSize]:
    """The sizes of the splits that a system is trained on, and then of that which chooses the checkpoint.

    Raises:
        UserError: nothing is known of a data set that is not there, or it has no such split.
    """
    sizes = []
    for part in _parts(training, data_root, silent):
        hours = part.split.hours
        samples = None if hours is None else round(2 * sample_rate * 3_600 * hours)
        sizes.append(SplitSize(part.name, part.clips, part.captions, hours, samples))
    return sizes


def space_for(name: str, data_root: Path, sample_rate: int, *, progress: Progress = silent) -> list[Space]:
    """What the training of a card's system will need, at most: no clip is left out for being an evaluation clip.

    Args:
        name: a registered system, or a card's path.
        data_root: folder with the data sets, which need not be there.
        sample_rate: Hz, at which the system takes clips.
        progress: opened for the headers of the recordings that are there.

    Raises:
        UserError: there is no such card, it does not say what it is trained on, or nothing is known of a data set that
            is not there.
    """
    card, _ = read_card(name)
    training = training_of(card)
    if not training.data:
        raise UserError(f"{name} does not say what it is trained on; expected `training: {{data: [...]}}` in its card")
    parts = _parts(training, data_root, progress)
    needed = [space for part in parts for space in _for_audio(part, sample_rate, progress)]
    rows = [part.rows for part in parts[: len(training.data)]]
    width = card.get("shared")
    for teacher in training.teachers:
        size = 2 * (width if isinstance(width, int) else _DIMENSION) * sum(row or 0 for row in rows)
        needed.append(Space("cache", f"embeddings by {teacher}", None if None in rows else size))
    needed += [
        Space("weights", f"{lacked.file.path}, to be downloaded", lacked.file.size)
        for lacked in needed_files(name)
        if lacked.place is None and (lacked.file.may_be_fetched or lacked.file.page)
    ]
    parameters = common_part(card).parameters
    return [*needed, Space("weights", "weights and checkpoints", parameters and _BYTES_PER_PARAMETER * parameters)]


class _Part(NamedTuple):
    """A split of a data set: what is known of it, and itself where it is there."""

    name: str
    entry: DatasetEntry
    split: Split
    loaded: RetrievalDataset | None

    @property
    def clips(self) -> int | None:
        """Number of clips; `None` where it is not known."""
        return len(self.loaded.clips) if self.loaded is not None else self.split.clips or self.split.clips_about

    @property
    def captions(self) -> int | None:
        """Number of captions; `None` where it is not known."""
        if self.loaded is not None:
            return len(self.loaded.queries)
        clips, each = self.clips, self.split.captions_per_clip
        return None if clips is None or each is None else clips * each

    @property
    def rows(self) -> int | None:
        """Number of clips and captions; `None` where it is not known."""
        clips, captions = self.clips, self.captions
        return None if clips is None or captions is None else clips + captions


def _parts(training: TrainingSection, data_root: Path, progress: Progress) -> list[_Part]:
    """The splits that are trained on, and then that which chooses the checkpoint, if there is one."""
    splits = [training_split(name) for name in training.data]
    if training.validation:
        known = splits_for("validation")
        if training.validation not in known:
            raise UserError(f"{training.validation} has no split for validation; {meant(training.validation, known)}")
        splits.append((training.validation, known[training.validation]))
    return [_part(dataset, split, data_root, progress) for dataset, split in splits]


def _part(dataset: str, name: str, data_root: Path, progress: Progress) -> _Part:
    entry = known_dataset(dataset)
    part = _Part(f"{dataset} {name}", entry, entry.splits[name], None)
    if entry.composed and not is_rendered(dataset, name):
        return part
    try:
        return part._replace(loaded=load(dataset, name, data_root, progress=progress))
    except UserError:
        if part.split.hours is None:
            raise
        return part


def _for_audio(part: _Part, sample_rate: int, progress: Progress) -> Iterator[Space]:
    """What the audio of a split that is still to be had, and the samples that are not kept yet, will need."""
    absent, stored = (part.split.hours or 0.0) * 3_600, 0
    if part.loaded is not None:
        store = PcmStore.of(part.loaded.name, sample_rate)
        lacking = store.lacking(part.loaded.clips)
        found = _expected(part.name, lacking, sample_rate, progress)
        stored = sum(size.stored for size in found)
        absent *= (len(lacking) - len(found)) / len(part.loaded.clips)
    if absent:
        where, rate = ("cache", _COMPOSED_RATE) if part.entry.composed else ("data", _SOURCE_RATE)
        what = f"audio of {part.name}, {absent / 3_600:,.1f} hours as 16-bit WAV"
        yield Space(where, what, round(2 * rate * absent))
    yield Space("cache", f"samples of {part.name}", stored + round(2 * sample_rate * absent), bool(absent))


def _expected(name: str, clips: Sequence[Clip], sample_rate: int, progress: Progress) -> list[ExpectedSize]:
    """The sizes of those recordings that are there."""
    advance = progress(f"look at {name}", len(clips))

    def look(clip: Clip) -> ExpectedSize | None:
        try:
            return expected_size(clip.path, sample_rate)
        except BrokenAudio:
            return None

    found = []
    with ThreadPoolExecutor(usable_cores()) as pool:
        for size in pool.map(look, clips):
            advance(1)
            if size is not None:
                found.append(size)
    return found
