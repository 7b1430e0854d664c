from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from systems.dual_encoder.schedule import Schedule


@pytest.mark.shared
@pytest.mark.parametrize(("name", "end"), [("readme", 15), ("config_default", 20)])
def test_golden_schedules(shared: Path, name: str, end: float) -> None:
    golden = np.load(shared / "golden" / "lr_schedule.npz")
    found = [Schedule(end=end).at(float(epoch)) for epoch in golden["epoch"]]
    np.testing.assert_allclose(found, golden[name], rtol=1e-12, atol=0)


def test_by_default_it_ends_after_twenty_epochs() -> None:
    assert Schedule() == Schedule(highest=2e-5, lowest=1e-7, warm_up=1, end=20)
    # Half of the cosine's way lies between the warm-up and the end.
    assert Schedule().at(10.5) == pytest.approx((2e-5 + 1e-7) / 2)
    assert Schedule().at(19.9) > Schedule().at(20) == 1e-7


def test_without_a_warm_up_it_starts_at_the_top() -> None:
    assert Schedule(warm_up=0).at(0) == 2e-5


def test_a_rate_of_nothing() -> None:
    with pytest.raises(ValidationError):
        Schedule(highest=0)
