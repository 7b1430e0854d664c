from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from systems.dual_encoder.schedule import Schedule


@pytest.mark.shared
@pytest.mark.parametrize(("name", "schedule"), [("readme", Schedule(end=15)), ("config_default", Schedule())])
def test_golden_schedules(shared: Path, name: str, schedule: Schedule) -> None:
    golden = np.load(shared / "golden" / "lr_schedule.npz")
    found = [schedule.at(float(epoch)) for epoch in golden["epoch"]]
    assert len(found) > 20
    np.testing.assert_allclose(found, golden[name], rtol=1e-12, atol=0)


def test_the_defaults_are_the_papers() -> None:
    schedule = Schedule()
    assert (schedule.highest, schedule.lowest, schedule.warm_up, schedule.end) == (2e-5, 1e-7, 1, 20)
    assert schedule.at(10.5) == pytest.approx((2e-5 + 1e-7) / 2)
    assert schedule.at(19.9) > schedule.at(20) == schedule.at(1_000) == 1e-7


def test_without_a_warm_up_it_starts_at_the_top() -> None:
    assert Schedule(warm_up=0).at(0) == 2e-5


def test_a_rate_of_nothing() -> None:
    with pytest.raises(ValidationError):
        Schedule(highest=0)
