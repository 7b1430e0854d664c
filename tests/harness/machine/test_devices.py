"""Where a system runs."""

import pytest
import torch

from harness.errors import UserError
from harness.machine.devices import resolve


def test_auto_takes_an_accelerator_where_there_is_one() -> None:
    assert resolve("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve("cpu") == "cpu"


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "mps:-3"])
def test_a_device_that_is_not_here_is_one_line(device: str) -> None:
    with pytest.raises(UserError, match=f"device '{device}'(; known are| cannot be used here)") as caught:
        resolve(device)
    assert "\n" not in str(caught.value)
