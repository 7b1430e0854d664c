"""Cuts clips into windows for an encoder, and averages the features of the windows into one vector per clip."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from harness.audio import Array, Pcm
from harness.machine import KnownFields
from systems.audio.rate import SAMPLE_RATE

Averaging: TypeAlias = Literal["true-length", "published"]

SHORTEST = 0.2
"""Seconds of the shortest window; a patch of 16 frames takes a little less."""
LEFT_OUT = 0.1
"""Seconds; a last window with less sound is left out, since its features would describe the padding."""


class WindowConfig(KnownFields):
    """How clips are cut into windows, and how the features of the windows are averaged.

    Attributes:
        seconds: length of a window, at least 0.2. `None`: each clip is one window.
        longest_seconds: only this much of a clip, from its beginning, is used. `None`: all of it.
        averaging: `true-length`: a step is weighted by the share of it that is sound rather than padding, and a last
            window with less than 0.1 s of sound is left out. `published`: every step with any sound has weight 1, as
            in the training of every published checkpoint; a card that does not say which gets this for such a file.
    """

    seconds: Annotated[float, Field(ge=SHORTEST)] | None = 10
    longest_seconds: PositiveFloat | None = 30
    averaging: Averaging = "true-length"


class Window(NamedTuple):
    """A stretch of a clip, in samples.

    Attributes:
        clip: index of the clip.
        start: index of its first sample in the clip.
        real: number of samples that are the clip's; the rest is padding with zeros.
        length: number of samples, with the padding.
    """

    clip: int
    start: int
    real: int
    length: int


def plan(lengths: Sequence[int], config: WindowConfig, sample_rate: int = SAMPLE_RATE) -> tuple[Window, ...]:
    """Cut clips into windows that do not overlap, in the order of the clips and of time.

    A clip that is shorter than a window gives one window with padding; a clip without samples gives one that is all
    padding. All windows of a clip have the same length.

    Args:
        lengths: of the clips, in samples.
        config: how to cut.
        sample_rate: of the clips, in Hz.
    """

    def in_samples(seconds: float) -> int:
        return round(seconds * sample_rate)

    windows = []
    for clip, samples in enumerate(lengths):
        used = samples if config.longest_seconds is None else min(samples, in_samples(config.longest_seconds))
        length = max(used, in_samples(SHORTEST)) if config.seconds is None else in_samples(config.seconds)
        for start in range(0, max(used, 1), length):
            real = min(used - start, length)
            if start and config.averaging == "true-length" and real < in_samples(LEFT_OUT):
                continue
            windows.append(Window(clip, start, real, length))
    return tuple(windows)


def groups(windows: Sequence[Window]) -> list[tuple[Window, ...]]:
    """Group windows by length; since all windows of a clip have one length, a clip is in one group only."""
    by_length = defaultdict(list)
    for window in windows:
        by_length[window.length].append(window)
    return [tuple(group) for group in by_length.values()]


def passes(windows: Sequence[Window], at_once: int | None) -> list[Sequence[Window]]:
    """Divide windows into parts that go through the encoder together: `at_once` in each, or all in one."""
    step = at_once or max(len(windows), 1)
    return [windows[start : start + step] for start in range(0, len(windows), step)]


def cut(clips: Sequence[Array] | Sequence[Pcm], windows: Sequence[Window], *, pinned: bool = False) -> Tensor:
    """The samples of windows of one length.

    Args:
        clips: each `(samples,)`, all float32, or all int16.
        windows: of one length.
        pinned: in memory that a GPU copies from by itself.

    Returns:
        `(windows, length)`, of the clips' type.

    Raises:
        ValueError: the windows are of several lengths, or the clips of several types.
    """
    lengths = {window.length for window in windows}
    if len(lengths) != 1:
        raise ValueError(f"windows of lengths {sorted(lengths)}; expected one, so cut each group of them by itself")
    types = {clips[window.clip].dtype for window in windows}
    if len(types) != 1:
        raise ValueError(f"clips of types {sorted(map(str, types))}; expected one")
    dtype = torch.from_numpy(np.empty(0, types.pop())).dtype
    samples = torch.empty(len(windows), *lengths, dtype=dtype, device="cpu", pin_memory=pinned)
    for row, (clip, start, real, _) in zip(samples.numpy(), windows, strict=True):
        row[:real] = clips[clip][start : start + real]
        row[real:] = 0
    return samples


def step_weights(windows: Sequence[Window], steps: int, averaging: Averaging) -> Tensor:
    """The weight of each step of each window.

    Args:
        windows: each is divided evenly into steps.
        steps: number of steps per window.
        averaging: see `WindowConfig`.

    Returns:
        Float64 `(windows, steps)` from 0 to 1; all ones for a window that is all padding.
    """
    real = torch.tensor([[window.real or window.length] for window in windows], dtype=torch.float64)
    length = torch.tensor([[window.length] for window in windows], dtype=torch.float64)
    shares = (real * steps / length - torch.arange(steps)).clamp(0, 1)
    return shares.ceil() if averaging == "published" else shares


def average(steps: Tensor, windows: Sequence[Window], averaging: Averaging) -> Tensor:
    """Average the features of all steps of a clip's windows, weighted by `step_weights`.

    The sums are plain ones, not scattered additions, so that a result is the same to the last bit each time, on a GPU
    too, and does not depend on the other clips.

    Args:
        steps: features, `(windows, steps, width)`.
        windows: the windows that the features are of: all windows of each clip, in the order of the clips.
        averaging: see `WindowConfig`.

    Returns:
        Float32 `(clips, width)`, one row per clip, in the same order.
    """
    of_steps = step_weights(windows, steps.shape[1], averaging)
    per_clip = list(Counter(window.clip for window in windows).values())
    weights = torch.cat([part / part.sum() for part in torch.split(of_steps, per_clip)])
    weighted = steps.float() * weights.to(steps.device, torch.float32)[..., None]
    return torch.stack([part.sum(dim=0) for part in torch.split(weighted.sum(dim=1), per_clip)])


def average_each(
    describe: Callable[[Sequence[Window]], Tensor],
    windows: Sequence[Window],
    at_once: int | None,
    averaging: Averaging,
) -> Tensor:
    """Compute the features of windows of any lengths, and average them over each clip.

    Args:
        describe: computes the features `(windows, steps, width)` of windows of one length.
        windows: as `plan` returns them; at least one.
        at_once: how many windows are computed together; `None` is all of one length.
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


def steps_each(
    describe: Callable[[Sequence[Window]], Tensor],
    windows: Sequence[Window],
    at_once: int | None,
    averaging: Averaging,
) -> list[Tensor]:
    """Compute the features of windows of any lengths, and return those steps of each clip that have a weight.

    The arguments are those of `average_each`.

    Returns:
        Float32 `(steps, width)` of each clip, in the order of time.
    """
    of_clip: dict[int, list[Tensor]] = defaultdict(list)
    for group in groups(windows):
        steps = torch.cat([describe(some) for some in passes(group, at_once)]).float()
        sound = (step_weights(group, steps.shape[1], averaging) > 0).to(steps.device)
        for window, features, heard in zip(group, steps, sound, strict=True):
            of_clip[window.clip].append(features[heard])
    return [torch.cat(of_clip[clip]) for clip in sorted(of_clip)]
