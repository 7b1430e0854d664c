import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from torch.utils._python_dispatch import TorchDispatchMode

from systems.audio.windows import (
    Averaging,
    Window,
    WindowConfig,
    average,
    average_each,
    cut,
    groups,
    plan,
    step_weights,
)

RATE = 32_000
# Around multiples of the windows' and steps' lengths is where it could go wrong.
LENGTHS = st.lists(
    st.one_of(
        st.integers(0, 40 * RATE),
        st.builds(
            lambda tenths, off: max(tenths * RATE // 10 + off, 0), st.integers(0, 320), st.sampled_from([-1, 0, 1])
        ),
    ),
    max_size=5,
)
CONFIGS = st.builds(
    WindowConfig,
    seconds=st.sampled_from([None, 0.2, 1.0, 10.0]),
    longest_seconds=st.sampled_from([None, 0.05, 5.05, 30.0]),
    averaging=st.sampled_from(["true-length", "published"]),
)


def heard(samples: int, config: WindowConfig) -> int:
    return samples if config.longest_seconds is None else min(samples, round(config.longest_seconds * RATE))


@given(lengths=LENGTHS, config=CONFIGS)
def test_a_plan_covers_what_is_heard_once(lengths: list[int], config: WindowConfig) -> None:
    windows = plan(lengths, config)
    least = RATE // 10 if config.averaging == "true-length" else 1
    assert [window.clip for window in windows] == sorted(window.clip for window in windows)
    for clip, samples in enumerate(lengths):
        own = [window for window in windows if window.clip == clip]
        covered = [position for window in own for position in (window.start, window.start + window.real)]
        left_out = heard(samples, config) - covered[-1]
        # Each begins where the one before ends.
        assert covered[0] == 0
        assert covered[1:-1:2] == covered[2::2]
        assert 0 <= left_out < least
        assert left_out == 0 or covered[-1] % own[0].length == 0
        assert all(window.real == window.length for window in own[:-1])
        assert all(window.real > 0 for window in own) or (heard(samples, config) == 0 and len(own) == 1)
        assert all(window.real >= least for window in own[1:])
        expected = max(heard(samples, config), RATE // 5) if config.seconds is None else config.seconds * RATE
        assert {window.length for window in own} == {expected}


@pytest.mark.parametrize(
    ("seconds", "config", "expected"),
    [
        (0, {}, [(0, 0)]),
        (4, {}, [(0, 4)]),
        (10, {}, [(0, 10)]),
        (10.05, {}, [(0, 10)]),
        (10.1, {}, [(0, 10), (10, 0.1)]),
        (10.05, {"averaging": "published"}, [(0, 10), (10, 0.05)]),
        (0.05, {}, [(0, 0.05)]),
        (24, {}, [(0, 10), (10, 10), (20, 4)]),
        (35, {}, [(0, 10), (10, 10), (20, 10)]),
        (35, {"longest_seconds": None}, [(0, 10), (10, 10), (20, 10), (30, 5)]),
        (35, {"seconds": None}, [(0, 30)]),
        (35, {"seconds": None, "longest_seconds": None}, [(0, 35)]),
    ],
)
def test_plans(seconds: float, config: dict[str, object], expected: list[tuple[float, float]]) -> None:
    windows = plan([round(seconds * RATE)], WindowConfig.model_validate(config))
    assert [(window.start / RATE, window.real / RATE) for window in windows] == expected


def test_configs_refuse_nonsense() -> None:
    for wrong in ({"seconds": 0.1}, {"longest_seconds": 0}, {"averaging": "median"}, {"hop": 5}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            WindowConfig.model_validate(wrong)


def test_cutting_fills_up_with_zeros() -> None:
    clips = [np.arange(1, 40_001, dtype=np.float32), np.zeros(0, np.float32), np.ones(7, np.float32)]
    for clip in clips:
        clip.setflags(write=False)
    samples = cut(clips, plan([len(clip) for clip in clips], WindowConfig(seconds=1)))
    assert samples.shape == (4, RATE)
    assert samples.dtype == torch.float32
    np.testing.assert_array_equal(samples[0], np.arange(1, 32_001))
    np.testing.assert_array_equal(samples[1], np.pad(np.arange(32_001, 40_001), (0, 24_000)))
    assert not samples[2].any()
    np.testing.assert_array_equal(samples[3], np.pad(np.ones(7), (0, 31_993)))


def test_whole_clips_are_cut_in_groups_of_one_length() -> None:
    clips = [np.full(samples, value, np.float32) for value, samples in enumerate([9_000, 7_000, 9_000, 10])]
    windows = plan([len(clip) for clip in clips], WindowConfig(seconds=None))
    with pytest.raises(ValueError, match=r"lengths \[6400, 7000, 9000\]; expected one"):
        cut(clips, windows)

    def describe(some: Sequence[Window]) -> torch.Tensor:
        samples = cut(clips, some)
        assert samples.shape == (len(some), some[0].length)
        return samples[:, :, None]

    means = average_each(describe, windows, None, "true-length")
    np.testing.assert_allclose(means[:, 0], [0, 1, 2, 3], rtol=1e-6)
    assert [window.clip for group in groups(windows) for window in group] == [0, 2, 1, 3]


@pytest.mark.parametrize(
    ("real", "averaging", "expected"),
    [
        (1_000, "true-length", [1, 1, 1, 1]),
        (625, "true-length", [1, 1, 0.5, 0]),
        (625, "published", [1, 1, 1, 0]),
        (500, "published", [1, 1, 0, 0]),
        (501, "published", [1, 1, 1, 0]),
        (1, "true-length", [0.004, 0, 0, 0]),
        (1, "published", [1, 0, 0, 0]),
        (0, "true-length", [1, 1, 1, 1]),
        (0, "published", [1, 1, 1, 1]),
    ],
)
def test_shares(real: int, averaging: Averaging, expected: list[float]) -> None:
    np.testing.assert_allclose(step_weights([Window(0, 0, real, 1_000)], 4, averaging)[0], expected, atol=1e-12)


@given(real=st.integers(1, 320_000), steps=st.sampled_from([1, 3, 250]))
def test_shares_by_exact_fractions(real: int, steps: int) -> None:
    step = Fraction(320_000, steps)
    exact = [min(max((real - place * step) / step, Fraction(0)), Fraction(1)) for place in range(steps)]
    windows = [Window(0, 0, real, 320_000)]
    np.testing.assert_allclose(step_weights(windows, steps, "true-length")[0], np.float64(exact), rtol=0, atol=1e-12)
    assert step_weights(windows, steps, "published")[0].tolist() == [math.ceil(share) for share in exact]


def average_by_definition(
    steps: NDArray[np.float32], windows: tuple[Window, ...], clips: int, averaging: Averaging
) -> NDArray[np.float64]:
    """Step by step, in plain Python."""
    means = np.zeros((clips, steps.shape[2]))
    for clip in range(clips):
        total = 0.0
        for (owner, _, real, length), vectors in zip(windows, steps.astype(np.float64), strict=True):
            for place, vector in enumerate(vectors):
                if owner != clip:
                    continue
                step = length / len(vectors)
                share = 1.0 if real == 0 else min(max((real - place * step) / step, 0), 1)
                weight = float(share > 1e-9) if averaging == "published" else share
                means[clip] += weight * vector
                total += weight
        means[clip] /= total
    return means


@given(
    lengths=st.lists(st.integers(0, 35 * RATE), min_size=1, max_size=5),
    steps=st.sampled_from([1, 25]),
    averaging=st.sampled_from(["true-length", "published"]),
    seed=st.integers(0, 100),
)
def test_averaging(lengths: list[int], steps: int, averaging: Averaging, seed: int) -> None:
    windows = plan(lengths, WindowConfig(averaging=averaging))
    vectors = np.random.default_rng(seed).standard_normal((len(windows), steps, 3)).astype(np.float32)
    means = average(torch.from_numpy(vectors), windows, averaging)
    expected = average_by_definition(vectors, windows, len(lengths), averaging)
    np.testing.assert_allclose(means, expected, rtol=1e-4, atol=1e-5)
    constant = average(torch.full((len(windows), steps, 2), 1.5), windows, averaging)
    np.testing.assert_allclose(constant, 1.5, rtol=1e-6)


def test_no_clip_sees_what_is_wrong_with_another() -> None:
    windows = plan([400_000, 20_000], WindowConfig())
    vectors = torch.ones(3, 1, 2)
    vectors[2] = torch.nan
    means = average(vectors, windows, "true-length")
    assert means[0].tolist() == pytest.approx([1, 1])
    assert means[1].isnan().all()


def test_averaging_is_float32_and_trains_whatever_the_autocast() -> None:
    windows = plan([400_000, 20_000], WindowConfig())
    vectors = torch.randn(3, 25, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        means = average(vectors, windows, "true-length")
    torch.testing.assert_close(means, average(vectors, windows, "true-length"), rtol=0, atol=0)
    means.sum().backward()
    assert vectors.grad is not None
    shares = step_weights(windows, 25, "true-length")
    np.testing.assert_allclose(vectors.grad[2, :, 0], shares[2] / shares[2].sum(), rtol=1e-5)


class Counting(TorchDispatchMode):
    """Counts what torch computes."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(
        self, func: torch._ops.OpOverload, types: object, args: Sequence[object] = (), kwargs: Mapping[str, object] = {}
    ) -> object:
        self.operations += 1
        return func(*args, **kwargs)


def test_clips_that_all_differ_in_length_cost_in_proportion_to_their_number() -> None:
    def operations(clips: int) -> int:
        windows = plan([10_000 + 7 * clip for clip in range(clips)], WindowConfig(seconds=None))
        with Counting() as counting:
            average_each(lambda some: torch.ones(len(some), 1, 4), windows, 8, "true-length")
        return counting.operations

    few, many = operations(16), operations(64)
    assert many < 5 * few


def test_stored_samples_are_cut_as_they_are() -> None:
    clips = [np.arange(5, dtype=np.int16), np.arange(9, dtype=np.int16)]
    windows = [Window(0, 0, 5, 6), Window(1, 6, 3, 6)]
    samples = cut(clips, windows)
    assert samples.dtype == torch.int16
    assert samples.tolist() == [[0, 1, 2, 3, 4, 0], [6, 7, 8, 0, 0, 0]]
    with pytest.raises(ValueError, match="float32', 'int16"):
        cut([clips[0], clips[1].astype(np.float32)], windows)  # type: ignore[list-item]
