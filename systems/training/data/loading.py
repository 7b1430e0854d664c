"""Load the data that a card's system is trained on, without what it is evaluated on."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from harness.audio import PcmStore
from harness.datasets import (
    Item,
    Leak,
    RetrievalDataset,
    evaluation_sets,
    find_leaks,
    known_dataset,
    splits_for,
    without_listed,
)
from harness.errors import UserError
from harness.interface import ancestors_of
from harness.machine import Progress
from systems.audio import SAMPLE_RATE
from systems.dual_encoder import TrainingConfig
from systems.training.data.decoding import LeftOut, decoded
from systems.training.data.extra_captions import read_extra_captions
from systems.training.data.training_set import TrainingSet, load_split


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The data that a system is trained on, and what is known of evaluation clips among them.

    Attributes:
        training_set: the training splits.
        leaks: training clips that are evaluation clips; the training set has them only where the card allows it.
        unchecked: what could not be compared with the evaluation clips, a line each.
        left_out: number of clips that were left out for being evaluation clips.
        broken: what was left out for being broken.
        extra: a line on the further captions; empty where there are none.
    """

    training_set: TrainingSet
    leaks: tuple[Leak, ...]
    unchecked: tuple[str, ...]
    left_out: int
    broken: tuple[LeftOut, ...] = ()
    extra: str = ""

    def to_json(self) -> dict[str, object]:
        """The leaks, for a record."""
        return {"items": [str(leak) for leak in self.leaks], "unchecked": list(self.unchecked)}

    def notes(self) -> list[str]:
        """Lines on leaks and further captions that the person who trains has to see."""
        allowed = len({leak.training for leak in self.leaks}) - self.left_out
        return [
            *([f"{self.left_out} training clips are left out, being evaluation clips"] if self.left_out else []),
            *([f"{allowed} training clips are evaluation clips; the record says so"] if allowed else []),
            *(f"not checked for evaluation clips: {line}" for line in self.unchecked),
            *([self.extra] if self.extra else []),
        ]


def load_training_data(
    config: TrainingConfig, data_root: Path, progress: Progress, *, skip_broken: bool = False
) -> TrainingData:
    """Load and decode the training splits a card names, and find out which of their clips are evaluation clips.

    Exclusion lists are applied first. Whatever else is an evaluation clip by id or title is left out as well, unless
    the card allows it, and with `skip_broken` whatever is broken. In `config` the paths of other systems go from the
    working directory.

    Raises:
        UserError: a data set is unknown, not there or what chooses the checkpoint, a list excludes nothing, further
            captions cannot be used, clips are broken, or an ancestor was trained on evaluation clips, which this card
            does not allow.
    """
    if config.leaks == "exclude":
        _refuse_leaking_ancestors(config)
    datasets = [load_split(name, "training", data_root, progress) for name in config.data]
    chosen_by = (config.validation, splits_for("validation").get(config.validation))
    if chosen_by in [(dataset.name, dataset.split) for dataset in datasets]:
        raise UserError(f"{' '.join(map(str, chosen_by))} cannot both be trained on and choose the checkpoint")
    read = read_extra_captions(data_root / config.extra_captions, datasets) if config.extra_captions else None
    datasets = without_listed(datasets, [data_root / path for path in config.exclude])
    evaluation, absent = evaluation_sets(data_root, {dataset.name for dataset in datasets}, progress=progress)
    # A system that is trained on an evaluation split, as its card says, is not evaluated on that data set.
    given_up = {one.name for one in datasets if one.split in known_dataset(one.name).evaluation}
    evaluation = [dataset for dataset in evaluation if dataset.name not in given_up]
    report = find_leaks(datasets, evaluation, progress=progress)
    clips = sum(len(dataset.clips) for dataset in datasets)
    if config.leaks == "exclude":
        leaked = {leak.training for leak in report.leaks}
        datasets = [_without(dataset, leaked) for dataset in datasets]
    stores = [PcmStore.of(dataset.name, SAMPLE_RATE) for dataset in datasets]
    left_out = clips - sum(len(dataset.clips) for dataset in datasets)
    whole, broken = zip(
        *(
            decoded(dataset, store, progress, skip_broken=skip_broken)
            for dataset, store in zip(datasets, stores, strict=True)
        ),
        strict=True,
    )
    unchecked = tuple(dict.fromkeys((*absent, *report.unchecked)))
    extra = read.of(whole) if read else ()
    return TrainingData(
        TrainingSet(whole, tuple(stores), extra),
        tuple(report.leaks),
        unchecked,
        left_out,
        tuple(chain.from_iterable(broken)),
        read.coverage(extra) if read else "",
    )


def _refuse_leaking_ancestors(config: TrainingConfig) -> None:
    """Refuse ancestors that were trained on evaluation clips: their weights and estimates pass them on.

    An ancestor whose card cannot be read is reported where it is needed.
    """
    for ancestor in ancestors_of(config, Path()):
        if ancestor.training.leaks == "allow":
            raise UserError(
                f"{ancestor.name} was allowed to learn from evaluation clips, and this card would learn them from it; "
                "name another, or say `leaks: allow` in its section `training:` too"
            )


def _without(dataset: RetrievalDataset, items: Collection[Item]) -> RetrievalDataset:
    names = {item.clip for item in items if (item.dataset, item.split) == (dataset.name, dataset.split)}
    return dataset.without(names)
