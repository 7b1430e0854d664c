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


def test_without_a_warm_up_it_starts_at_the_top() -> None:
    assert Schedule(warm_up=0).at(0) == 2e-5


def test_a_rate_of_nothing() -> None:
    with pytest.raises(ValidationError):
        Schedule(highest=0)
