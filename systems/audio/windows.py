"""How clips become windows an encoder hears, and what it says of the windows becomes one vector per clip."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from torch import Tensor

from harness.audio import Array, Pcm
from systems.audio.mel import SAMPLE_RATE

Averaging: TypeAlias = Literal["true-length", "published"]

SHORTEST = 0.2
"""Seconds; the least that fills a patch of 16 frames, with some to spare."""
LEFT_OUT = 0.1
"""Seconds; of a last window that holds less, an encoder would describe the padding."""


class WindowConfig(BaseModel):
    """How clips are cut and what an encoder says of them is averaged.

    Attributes:
        seconds: length of a window, at least 0.2; None: each clip is one window, as long as it is.
        longest_seconds: what comes later in a clip is not heard; None: everything is.
        averaging: `true-length`: a step counts by the share of it that is sound rather than padding, and a last
            window of less than 0.1 s is left out. `published`: a step with any sound counts fully.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: Annotated[float, Field(ge=SHORTEST)] | None = 10
    longest_seconds: PositiveFloat | None = 30
    averaging: Averaging = "true-length"


class Window(NamedTuple):
    """A stretch of a clip, in samples.

    Attributes:
        clip: which clip.
        start: its first sample.
        real: how many samples of the clip it holds; zeros fill the rest.
        length: how many it has with the zeros.
    """

    clip: int
    start: int
    real: int
    length: int


def plan(lengths: Sequence[int], config: WindowConfig, sample_rate: int = SAMPLE_RATE) -> tuple[Window, ...]:
    """Cut clips into windows that do not overlap, in the order of the clips and of time.

    A clip shorter than a window gives one that zeros fill up; so does one without a sample. No other window is
    padding only. All windows of a clip have the same length.

    Args:
        lengths: of the clips, in samples.
        config: how to cut.
        sample_rate: of the clips, in Hz.
    """

    def in_samples(seconds: float) -> int:
        return round(seconds * sample_rate)

    windows = []
    for clip, samples in enumerate(lengths):
        heard = samples if config.longest_seconds is None else min(samples, in_samples(config.longest_seconds))
        length = max(heard, in_samples(SHORTEST)) if config.seconds is None else in_samples(config.seconds)
        for start in range(0, max(heard, 1), length):
            real = min(heard - start, length)
            if start and config.averaging == "true-length" and real < in_samples(LEFT_OUT):
                continue
            windows.append(Window(clip, start, real, length))
    return tuple(windows)


def groups(windows: Sequence[Window]) -> list[tuple[Window, ...]]:
    """Put windows of equal length together; no clip is in two groups."""
    by_length = defaultdict(list)
    for window in windows:
        by_length[window.length].append(window)
    return [tuple(group) for group in by_length.values()]


def passes(windows: Sequence[Window], at_once: int | None) -> list[Sequence[Window]]:
    """Divide windows into those that are computed together: `at_once` each, or all."""
    step = at_once or max(len(windows), 1)
    return [windows[start : start + step] for start in range(0, len(windows), step)]


def cut(clips: Sequence[Array] | Sequence[Pcm], windows: Sequence[Window]) -> Tensor:
    """The samples of windows of one length.

    Args:
        clips: each `(samples,)`, all float32, or all int16.
        windows: of one length.

    Returns:
        `(windows, length)`, of the clips' type.

    Raises:
        ValueError: the windows are of several lengths, or the clips of several types.
    """
    lengths = {window.length for window in windows}
    if len(lengths) != 1:
        raise ValueError(f"windows of lengths {sorted(lengths)}; expected one, so cut each group of them by itself")
    kinds = {clips[window.clip].dtype for window in windows}
    if len(kinds) != 1:
        raise ValueError(f"clips of types {sorted(map(str, kinds))}; expected one")
    samples = np.zeros((len(windows), *lengths), kinds.pop())
    for row, (clip, start, real, _) in zip(samples, windows, strict=True):
        row[:real] = clips[clip][start : start + real]
    return torch.from_numpy(samples)


def step_shares(windows: Sequence[Window], steps: int, averaging: Averaging) -> Tensor:
    """What share of each step counts.

    Args:
        windows: each divided evenly into steps.
        steps: per window.
        averaging: see `WindowConfig`.

    Returns:
        Float64 `(windows, steps)` from 0 to 1; for a window without a sample of its clip all ones.
    """
    real = torch.tensor([[window.real or window.length] for window in windows], dtype=torch.float64)
    length = torch.tensor([[window.length] for window in windows], dtype=torch.float64)
    shares = (real * steps / length - torch.arange(steps)).clamp(0, 1)
    return shares.ceil() if averaging == "published" else shares


def average(steps: Tensor, windows: Sequence[Window], averaging: Averaging) -> Tensor:
    """Average what an encoder says of the steps of each clip's windows, weighed by `step_shares`.

    Plain sums, no scattering: the same to the last bit each time, on a GPU too, and no clip sees another's vectors.

    Args:
        steps: `(windows, steps, width)`.
        windows: the windows these are of, in the order of the clips, all windows of each of them.
        averaging: see `WindowConfig`.

    Returns:
        Float32 `(clips, width)`, a row for each clip that has a window, in this order.
    """
    shares = step_shares(windows, steps.shape[1], averaging)
    per_clip = list(Counter(window.clip for window in windows).values())
    weights = torch.cat([part / part.sum() for part in torch.split(shares, per_clip)])
    weighed = steps.float() * weights.to(steps.device, torch.float32)[..., None]
    return torch.stack([part.sum(dim=0) for part in torch.split(weighed.sum(dim=1), per_clip)])


def average_each(
    describe: Callable[[Sequence[Window]], Tensor],
    windows: Sequence[Window],
    at_once: int | None,
    averaging: Averaging,
) -> Tensor:
    """Let an encoder describe windows of any lengths, and average what it says of each clip.

    Args:
        describe: what an encoder says of windows of one length, `(windows, steps, width)`.
        windows: as `plan` gives them; at least one.
        at_once: how many are described together; `None` is all of one length.
        averaging: see `WindowConfig`.

    Returns:
        Float32 `(clips, width)`.
    """
    means: list[Tensor] = []
    clips: list[int] = []
    for group in groups(windows):
        steps = torch.cat([describe(some) for some in passes(group, at_once)])
        means.append(average(steps, group, averaging))
        clips += dict.fromkeys(window.clip for window in group)
    order = torch.tensor(clips).argsort()
    return torch.cat(means)[order.to(means[0].device)]
