"""Where a system runs."""

import subprocess
import sys
from importlib.metadata import version

import pytest
import torch

from harness.errors import UserError
from harness.machine.devices import resolve


def test_auto_takes_an_accelerator_where_there_is_one() -> None:
    assert resolve("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve("cpu") == "cpu"


def test_a_build_for_the_cpu_is_not_loaded_to_find_that_out() -> None:
    code = "import sys; from harness.machine import resolve; resolve('auto'); print('torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    assert printed == str(not version("torch").endswith("+cpu"))


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "mps:-3"])
def test_a_device_that_is_not_here_is_one_line(device: str) -> None:
    with pytest.raises(UserError, match=f"device '{device}'(; known are| cannot be used here)") as caught:
        resolve(device)
    assert "\n" not in str(caught.value)
