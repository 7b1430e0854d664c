"""What trainings will take, told before the first step: clips, hours, steps, bytes, and days on this machine."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from harness.datasets import SplitSize, split_sizes
from harness.errors import UserError
from harness.interface import located, parse_card, read_card
from harness.machine import describe_environment, in_bytes
from harness.runs import SpeedRecord, find_runs, hardware_of, read_any_record
from systems.audio import SAMPLE_RATE, WindowConfig
from systems.dual_encoder import DualEncoder, DualEncoderCard, TrainingConfig

HEADER = ("system", "after", "clips", "hours", "steps", "kept", "days")

_STEP = 3
"""A training step takes as long as embedding its clips so many times: its way back is twice the way forth."""
_UNKNOWN = "?"
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Planned:
    """The training of a system, or of all variants of it that a grid has.

    Attributes:
        name: the system.
        after: the systems that it starts from or is taught by.
        splits: what is trained on.
        validation: what chooses the checkpoint.
        steps: of all variants together; `None` where it is not known.
        kept: bytes by what is kept: weights, and what the teachers embed, which several systems may share.
        days: on this machine, from how fast the encoder was measured to be here.
        variants: number of trainings.
    """

    name: str
    after: tuple[str, ...]
    splits: tuple[SplitSize, ...]
    validation: SplitSize
    steps: int | None
    kept: Mapping[str, int | None]
    days: float | None
    variants: int = 1

    @property
    def clips(self) -> int | None:
        """Number of training clips, at most: some may be left out for being evaluation clips."""
        return _sum(split.clips for split in self.splits)

    @property
    def hours(self) -> float | None:
        """Length of all training clips together."""
        return _sum(split.hours for split in self.splits)

    def cells(self) -> tuple[str, ...]:
        """The row of a table, under `HEADER`."""
        times = f" ({self.variants} times)" if self.variants > 1 else ""
        return (f"{self.name}{times}", ", ".join(self.after) or "-", *_amounts(self))


def planned(
    name: str, data_root: Path, runs: Path, *, device: str, precision: str, grid: Sequence[dict[str, Any]] = ()
) -> Planned:
    """What the training of a dual encoder will take.

    Args:
        name: a registered system, or a card's path.
        data_root: folder with the data sets; of what is not there, published figures tell.
        runs: folder of run folders, in which speeds are looked for.
        device: the name PyTorch gives it.
        precision: `fp32` or `bf16`, as `lbar bench` has them.
        grid: what is chosen in each variant, if there are any.

    Raises:
        UserError: the card is none of a dual encoder, does not say how it is trained, or nothing is known of its data.
    """
    fields, folder = read_card(name)
    if not fields.get("training"):
        raise UserError(f"{name} has no section `training:` with epochs to be planned; leave it or --dry-run out")
    card = parse_card(DualEncoderCard, fields)
    config = card.training
    assert config is not None
    *splits, validation = split_sizes(config, data_root, SAMPLE_RATE)
    speed = encoding_speed(card, runs, device, precision)
    variants = len(grid) or 1
    taught = [chosen.get("teachers", config.teachers) for chosen in grid] or [config.teachers]
    kept: dict[str, int | None] = {
        card.name: 4 * variants * sum(map(Tensor.numel, DualEncoder.empty(card).parameters()))
    }
    for teacher in dict.fromkeys(teacher for names in taught for teacher in names):
        for split in splits:
            rows = _sum((split.clips, split.captions))
            kept[f"{split.name} by {teacher}"] = rows and 2 * card.shared * rows
    steps = _steps(config, splits)
    days = speed and (heard := _seconds_heard(config, splits, card.windows)) and _STEP * heard / speed / 86_400
    return Planned(
        card.name,
        tuple(Path(one).stem if one.endswith(".yaml") else one for one in (located(p, folder) for p in config.parents)),
        tuple(splits),
        validation,
        steps and variants * steps,
        kept,
        variants * days if days else None,
        variants,
    )


def together(plans: Sequence[Planned]) -> tuple[str, ...]:
    """The last row of the table: all trainings, what they share counted once, and with the decoded samples."""
    kept: dict[str, int | None] = {}
    for plan in plans:
        kept |= {**plan.kept, **{split.name: split.samples for split in (*plan.splits, plan.validation)}}
    steps, days = _sum(plan.steps for plan in plans), _sum(plan.days for plan in plans)
    return ("all, with decoded samples", "", "", "", _count(steps), _bytes(_sum(kept.values())), _days(days))


def encoding_speed(card: DualEncoderCard, runs: Path, device: str, precision: str) -> float | None:
    """Seconds of windows that the card's audio encoder embeds in a second here, by the newest `lbar bench` of it.

    Returns:
        `None` where no system with the same encoder was measured on this machine in this precision.
    """
    hardware = hardware_of(describe_environment(device), device)
    for folder in reversed(find_runs(runs, "speed")):
        with suppress(UserError):
            record = read_any_record(folder)
            assert isinstance(record, SpeedRecord)
            here = hardware_of(record.environment, record.settings.device) == hardware
            if here and record.settings.precision == precision and (found := _speed_of(record, card)):
                return found
    return None


def _speed_of(record: SpeedRecord, card: DualEncoderCard) -> float | None:
    """The speed that a record says, if its system has the same encoder and windows."""
    measured = parse_card(DualEncoderCard, record.system.card or {})
    if (_encoder(measured), measured.windows.seconds) != (_encoder(card), card.windows.seconds):
        return None
    for case in (case for workload in record.workloads for case in workload.cases):
        # Of clips of one length it is known how many windows they are.
        if case.name.startswith("index") and case.name.endswith("of noise") and case.audio_seconds:
            return case.per_second * _windows_of(case.audio_seconds / case.items, card.windows)
    return None


def _encoder(card: DualEncoderCard) -> object:
    """What decides how long the audio encoder takes."""
    return card.audio.model_dump(exclude={"mel": {"edge_jitter", "masked_bands", "masked_frames"}})


def _steps(config: TrainingConfig, splits: Sequence[SplitSize]) -> int | None:
    units = _sum(split.captions if config.captions == "one" else split.clips for split in splits)
    return None if units is None else config.epochs * (units // config.batch)


def _seconds_heard(config: TrainingConfig, splits: Sequence[SplitSize], windows: WindowConfig) -> float | None:
    """Seconds of windows, padding included, that go through the encoder in all epochs; of clips of mean length."""
    seconds = []
    for split in splits:
        draws = split.captions if config.captions == "one" else split.clips
        if not split.clips or split.hours is None or draws is None:
            return None
        seconds.append(draws * _windows_of(3_600 * split.hours / split.clips, windows))
    return config.epochs * sum(seconds)


def _windows_of(seconds: float, windows: WindowConfig) -> float:
    """Seconds of the windows of a clip, padding included."""
    used = min(seconds, windows.longest_seconds or math.inf)
    return used if windows.seconds is None else max(math.ceil(used / windows.seconds), 1) * windows.seconds


def _sum(parts: Iterable[_Number | None]) -> _Number | None:
    """The sum; `None` where a part is not known."""
    known: list[_Number] = []
    for part in parts:
        if part is None:
            return None
        known.append(part)
    return sum(known)


def _amounts(plan: Planned) -> tuple[str, ...]:
    hours = _UNKNOWN if plan.hours is None else f"{plan.hours:,.1f}"
    return (_count(plan.clips), hours, _count(plan.steps), _bytes(_sum(plan.kept.values())), _days(plan.days))


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _bytes(number: int | None) -> str:
    return _UNKNOWN if number is None else in_bytes(number)


def _days(number: float | None) -> str:
    return _UNKNOWN if number is None else f"{number:,.2f}"
