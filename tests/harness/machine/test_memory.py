import platform
import subprocess
import sys

import pytest

from harness.machine.memory import keep_freed_memory

FAULTS = """
import resource, sys
from harness.machine.memory import keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
import numpy as np
def work():
    np.ones(1 << 24, np.uint8)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library can be told")
def test_what_is_freed_is_used_again_without_the_system() -> None:
    def faults(*options: str) -> int:
        return int(subprocess.run([sys.executable, "-c", FAULTS, *options], check=True, capture_output=True).stdout)

    assert faults("keep") < 100 < faults()


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
