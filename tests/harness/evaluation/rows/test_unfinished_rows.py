"""A long computation of a system without digest goes on within its process, and never with rows of another system."""

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.evaluation.evaluating import Run, evaluate
from harness.evaluation.options import Options
from harness.evaluation.rows import unfinished_rows as kept
from harness.interface.system import SystemInfo
from harness.protocols.description import get_protocol

pytestmark = pytest.mark.usefixtures("own_cache")


class Cross:
    """Scores a pair by the length of the caption and the loudness of the clip; may be interrupted."""

    def __init__(self, digest: str | None = None) -> None:
        self.info = SystemInfo(name="cross", sample_rate=16_000, digest=digest)
        self.scored: list[str] = []
        self.stop_at: int | None = None
        self.factor = 1.0

    def score_pairs(self, captions: Sequence[str], clips: Sequence[np.ndarray]) -> np.ndarray:
        if len(self.scored) == self.stop_at:
            raise KeyboardInterrupt
        self.scored.append(captions[0])
        return np.array([self.factor * (len(captions[0]) + np.abs(clip).mean()) for clip in clips])


@pytest.fixture
def run(tones: Callable[..., Path], tmp_path: Path) -> Callable[[Cross], Run]:
    data = tones()
    return lambda system: evaluate(system, get_protocol("folder"), Options(data_root=data, out=tmp_path / "runs"))


def interrupted(run: Callable[[Cross], Run], system: Cross, after: int = 5) -> None:
    system.stop_at = after
    with pytest.raises(KeyboardInterrupt):
        run(system)
    system.stop_at = None


def test_what_was_scored_before_an_interruption_counts(run: Callable[[Cross], Run]) -> None:
    expected = run(Cross()).record.measures
    system = Cross()
    interrupted(run, system)
    interrupted(run, system, after=9)
    assert run(system).record.measures == expected
    # The last caption is scored again each time, to see that the system still answers the same.
    assert len(system.scored) == 16 + 2
    assert kept._batches == {}, "what is complete is not kept"
    run(system)
    assert len(system.scored) == 16 + 2 + 16


def test_a_system_that_was_changed_in_between_begins_anew(
    run: Callable[[Cross], Run], caplog: pytest.LogCaptureFixture
) -> None:
    system = Cross()
    interrupted(run, system)
    system.factor = -1.0
    other = Cross()
    other.factor = -1.0
    assert run(system).record.measures == run(other).record.measures
    assert caplog.messages == ["the system answers otherwise than before it was interrupted; all is computed anew"]


def test_another_object_begins_anew_and_leaves_nothing(run: Callable[[Cross], Run]) -> None:
    interrupted(run, Cross())
    gc.collect()
    assert kept._batches == {}
    system = Cross()
    run(system)
    assert len(system.scored) == 16


def test_a_system_whose_end_cannot_be_seen_keeps_nothing() -> None:
    class Slotted:
        __slots__ = ()

    assert kept.unfinished_rows(Slotted(), "key") is None
