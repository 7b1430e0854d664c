"""What systems need, to be evaluated or trained, and is not here: told at once, with the commands that get it."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.datasets.known import known_dataset, load, splits_for, training_split
from harness.datasets.publication.fetch import INSTALL_UNPACKER, lacks_unpacker
from harness.datasets.readers.layout import find_files
from harness.errors import UserError
from harness.interface import (
    Card,
    Needed,
    common_part,
    files_to_fetch,
    identity,
    is_card,
    located,
    placed_files,
    read_card,
    target_of,
    training_of,
    weights_root,
)
from harness.machine import in_bytes

_BYTES_PER_HOUR = 3_600 * 2 * 44_100
"""Of a recording as 16-bit WAV, with as many samples a second as most have."""


@dataclass(frozen=True, slots=True)
class MissingPart:
    """A split of a data set, or a file, that is not here.

    Attributes:
        place: where it is looked for.
        what: what is missing there, and where it comes from.
        size: bytes, roughly; `None` where nobody knows.
        by_hand: whether no command gets it.
    """

    place: Path
    what: str
    size: int | None = None
    by_hand: bool = False

    def __str__(self) -> str:
        return f"{self.place}{f' (about {in_bytes(self.size)})' if self.size else ''}: {self.what}"


@dataclass(frozen=True, slots=True)
class Missing:
    """All that some systems need and that is not here.

    Attributes:
        parts: what is missing; empty where all is here.
        downloads: the commands that get what can be downloaded.
        training: the command that then trains the systems whose weights nobody published; empty where none is needed.
    """

    parts: tuple[MissingPart, ...]
    downloads: tuple[str, ...]
    training: str = ""

    @property
    def size(self) -> int:
        """Bytes of all parts of which it is known, roughly."""
        return sum(part.size or 0 for part in self.parts)

    def error(self, subject: str) -> UserError | None:
        """The error that lists all parts, and says how to get them; `None` where nothing is missing."""
        if not self.parts:
            return None
        size = f", about {in_bytes(self.size)}" if self.size else ""
        steps = [f"run {' and '.join(f'`{command}`' for command in self.downloads)}"] if self.downloads else []
        if not steps or any(part.by_hand for part in self.parts):
            steps.append("get by hand what is said so below" if steps else "get it as is said below")
        steps += [f"run `{self.training}`"] if self.training else []
        return UserError(
            f"{subject}: {len(self.parts)} of the things needed {'is' if len(self.parts) == 1 else 'are'} not here"
            f"{size}; {', '.join(steps)}, then run this command again",
            [str(part) for part in self.parts],
            whole=True,
        )


def missing_for(
    systems: Sequence[str], data_root: Path, *, training: bool = False, splits: Iterable[tuple[str, str]] = ()
) -> Missing:
    """Look for all that systems need: files and data, and those of other systems that have to be trained before them.

    Weights that nobody published are no missing file: the system counts as one to be trained, which needs the files
    and the data of its training, and its parents.

    Args:
        systems: registered names, or cards' paths; others need nothing that is known of.
        data_root: folder with the data sets.
        training: whether the systems are to be trained; else to be run.
        splits: splits of data sets, by the names of both, that are needed besides.

    Raises:
        UserError: there is no such system, or a card cannot be read.
    """
    needs = _Needs(data_root)
    for name in systems:
        needs.visit(name, to_be_trained=training)
    named = {identity(name) for name in systems} if training else set[str]()
    found, fetchable = [], []
    wanted = dict.fromkeys((*splits, *needs.splits))
    for dataset in dict.fromkeys(dataset for dataset, _ in wanted):
        parts, comes = _missing_data(dataset, [split for one, split in wanted if one == dataset], data_root)
        found += parts
        fetchable += [dataset] if comes else []
    before = [name for key, name in needs.to_train.items() if key not in named]
    files = [needed for needed in needs.files.values() if needed.place is None]
    # Later systems may be taught by earlier ones, and then need the files of all.
    root = _option("--data-root", data_root, Path("data"))
    fetch = _fetch_command([*reversed(systems), *needs.to_train.values()], files, training=bool(needs.to_train))
    packed = any(file.is_archive for name in fetchable for file in known_dataset(name).files)
    unpacker = [INSTALL_UNPACKER] if packed and lacks_unpacker() else []
    out = _option("--out", weights_root(), Path("weights"))
    return Missing(
        (*found, *needs.lists, *map(_missing_file, files), *map(_untrained, before)),
        (*unpacker, *(f"lbar data fetch {name}{root}" for name in fetchable), *fetch),
        f"lbar train {shlex.join(before)}{out}{root}" if before else "",
    )


@dataclass
class _Needs:
    """What the systems visited so far need, each thing once, whether it is here or not."""

    data_root: Path
    to_train: dict[str, str] = field(default_factory=dict)
    files: dict[str, Needed] = field(default_factory=dict)
    splits: list[tuple[str, str]] = field(default_factory=list)
    lists: list[MissingPart] = field(default_factory=list)
    _seen: dict[str, bool] = field(default_factory=dict)

    def visit(self, name: str, *, to_be_trained: bool = False) -> None:
        """Enter a system, after those that it is made of, starts from or is taught by."""
        key = identity(name)
        if not is_card(target_of(name)) or self._seen.get(key, False) or (key in self._seen and not to_be_trained):
            return
        fields, folder = read_card(name)
        card = common_part(fields)
        placed = placed_files(name, card, folder)
        if fields.get("random_weights") is not None:
            # They are drawn.
            placed.pop("weights", None)
        weights = placed.get("weights")
        unpublished = weights is not None and weights.place is None and not weights.file.is_published
        trained = to_be_trained or (unpublished and card.trainer is not None)
        self._seen[key] = trained
        parents = training_of(fields).parents if trained else ()
        for other in (*parents, *card.members):
            self.visit(located(other, folder))
        if trained:
            self._enter_training(key, name, card, fields)
            # What nobody published, training makes or its user has; of that the trainer speaks.
            placed = {key: one for key, one in placed.items() if key != "weights" and one.file.is_published}
        starts_anew = trained and not training_of(fields).start
        for needed in placed.values():
            if starts_anew or not needed.file.training_only:
                self.files.setdefault(needed.file.path, needed)

    def _enter_training(self, key: str, name: str, card: Card, fields: Mapping[str, object]) -> None:
        self.to_train[key] = name
        training = training_of(fields)
        validation = training.validation or fields.get("dataset")
        # Of a data set that there is not, the trainer speaks.
        self.splits += [training_split(one) for one in training.data if one.partition("/")[0] in splits_for("training")]
        if isinstance(validation, str) and validation in splits_for("validation"):
            self.splits.append((validation, splits_for("validation")[validation]))
        for path in (self.data_root / one for one in training.exclude):
            if not path.exists() and all(path != part.place for part in self.lists):
                self.lists.append(
                    MissingPart(path, f"by hand, the list of clips that {card.name} leaves out", None, True)
                )
        if training.extra_captions and not (path := self.data_root / training.extra_captions).exists():
            what = f"by hand, the further captions that {card.name} is trained on; see the documentation, Train"
            self.lists.append(MissingPart(path, what, None, True))


def _missing_data(dataset: str, splits: Sequence[str], data_root: Path) -> tuple[list[MissingPart], bool]:
    """What is missing of a data set, and whether a command gets it."""
    entry, home = known_dataset(dataset), data_root / dataset
    if entry.composed:
        return [], False
    parts: list[MissingPart] = []
    lacking: dict[str, list[str]] = {"captions and audio": [], "audio": []}
    for split in splits:
        captions = entry.splits[split].captions_files
        if captions and not find_files(data_root, dataset, captions):
            lacking["captions and audio"].append(split)
            continue
        try:
            loaded = load(dataset, split, data_root)
        except UserError as error:
            parts.append(MissingPart(home, "; ".join((str(error), *error.problems)), by_hand=True))
            continue
        if not any(clip.path.exists() for clip in loaded.clips):
            lacking["audio"].append(split)
    by_hand = f"; {entry.by_hand.format(home=home, data_root=data_root)}" if entry.by_hand else ""
    for what, of in lacking.items():
        hours = sum(entry.splits[split].hours or 0 for split in of)
        if of:
            source = f", from {entry.url}" if entry.url else ""
            words = f"{what} of {dataset} {', '.join(of)}{source}{by_hand}"
            parts.append(MissingPart(home, words, round(hours * _BYTES_PER_HOUR), bool(by_hand)))
    comes = any(file.is_archive for file in entry.files)
    return parts, bool(lacking["captions and audio"] and entry.files) or bool(lacking["audio"] and comes)


def _missing_file(needed: Needed) -> MissingPart:
    file = needed.file
    return MissingPart(weights_root() / file.path, file.how_to_get, file.size, not file.may_be_fetched)


def _untrained(name: str) -> MissingPart:
    card = common_part(read_card(name)[0])
    return MissingPart(weights_root() / card.name, f"{card.name} has to be trained first; nobody published its weights")


def _fetch_command(systems: Iterable[str], files: Sequence[Needed], *, training: bool) -> list[str]:
    """The command that downloads all of these files that have addresses, for the first systems that have them all."""
    left = {needed.file.path for needed in files if needed.file.may_be_fetched}
    chosen: list[str] = []
    for name in dict.fromkeys(systems):
        has = {one.file.path for one in files_to_fetch(name, training=training)} if left else set[str]()
        chosen += [name] if left & has else []
        left -= has
    if not chosen:
        return []
    where = "" if weights_root() == Path("weights") else f"LBAR_WEIGHTS={shlex.quote(str(weights_root()))} "
    return [f"{where}lbar systems fetch {shlex.join(chosen)}{' --training' if training else ''}"]


def _option(name: str, value: Path, default: Path) -> str:
    return "" if value == default else f" {name} {shlex.quote(str(value))}"
