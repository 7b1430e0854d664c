"""What a card's training learns from, without what its system is evaluated on."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from harness.audio import PcmStore
from harness.datasets import Item, Leak, RetrievalDataset, evaluation_sets, find_leaks, without_listed
from harness.errors import UserError
from harness.interface import is_card, located, read_card, target_of
from harness.machine import Progress
from systems.audio import SAMPLE_RATE
from systems.dual_encoder import TrainingConfig
from systems.training.data.training_set import TrainingSet, decoded, load_split


@dataclass(frozen=True, eq=False)
class Lessons:
    """What is learned from.

    Attributes:
        data: the training splits.
        leaks: their items that are evaluation items; they are not among the data, unless the card allows it.
        unchecked: what could not be looked at for such items, a line each.
        left_out: how many clips were left out for it.
    """

    data: TrainingSet
    leaks: tuple[Leak, ...]
    unchecked: tuple[str, ...]
    left_out: int

    def to_json(self) -> dict[str, object]:
        """What a record says of leaks."""
        return {"items": [str(leak) for leak in self.leaks], "unchecked": list(self.unchecked)}

    def told(self) -> list[str]:
        """Lines for the person."""
        allowed = len({leak.training for leak in self.leaks}) - self.left_out
        return [
            *([f"{self.left_out} training clips are left out, being evaluation clips"] if self.left_out else []),
            *([f"{allowed} training clips are evaluation clips; the record says so"] if allowed else []),
            *(f"not checked for evaluation clips: {line}" for line in self.unchecked),
        ]


def training_set(config: TrainingConfig, data_root: Path, progress: Progress) -> Lessons:
    """The training splits a card names, decoded, and which of their items are evaluation items.

    Exclusion lists are applied first; what else is an evaluation item by id or title is left out as well, unless the
    card allows it.

    Raises:
        UserError: a data set is unknown or not there, a list excludes nothing, clips are broken, or a system it starts
            from or is taught by has learned from evaluation items, which this card does not allow.
    """
    _refuse_leaking_elders(config)
    datasets = [load_split(name, "training", data_root, progress) for name in config.data]
    datasets = without_listed(datasets, [data_root / path for path in config.exclude])
    evaluation, absent = evaluation_sets(data_root, config.data, progress=progress)
    report = find_leaks(datasets, evaluation, progress=progress)
    clips = sum(len(dataset.clips) for dataset in datasets)
    if config.leaks == "exclude":
        leaked = {leak.training for leak in report.leaks}
        datasets = [_without(dataset, leaked) for dataset in datasets]
    stores = [PcmStore.of(dataset.name, SAMPLE_RATE) for dataset in datasets]
    for dataset, store in zip(datasets, stores, strict=True):
        decoded(dataset, store, progress)
    left_out = clips - sum(len(dataset.clips) for dataset in datasets)
    unchecked = tuple(dict.fromkeys((*absent, *report.unchecked)))
    return Lessons(TrainingSet(tuple(datasets), tuple(stores)), tuple(report.leaks), unchecked, left_out)


def _refuse_leaking_elders(config: TrainingConfig) -> None:
    """What others learned from is learned from through them."""
    if config.leaks == "allow":
        return
    waiting, seen = [*config.teachers, *filter(None, [config.start])], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            if not is_card(target_of(name)):
                continue
            card, folder = read_card(name)
        except UserError:
            continue  # Who needs it says so.
        training = card.get("training")
        if not isinstance(training, dict):
            continue
        if training.get("leaks") == "allow":
            raise UserError(
                f"{name} was allowed to learn from evaluation clips, and this card would learn them from it; name "
                "another, or say `leaks: allow` in its section `training:` too"
            )
        elders = [*(training.get("teachers") or []), *filter(None, [training.get("start")])]
        waiting += [located(elder, folder) for elder in elders]


def _without(dataset: RetrievalDataset, items: Collection[Item]) -> RetrievalDataset:
    names = {item.clip for item in items if (item.dataset, item.split) == (dataset.name, dataset.split)}
    return dataset.without(names)
