"""The state of the machine during a measurement: load by other processes, clocks, power, threads."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from harness.machine import kind_of, usable_cores
from harness.runs import Meters, Threads

_QUERY = "power.draw,clocks.sm,clocks.mem,temperature.gpu"
_INTERVAL_MS = 200
MUCH = 0.1
"""Cores that others may keep busy before a measurement counts as disturbed."""


@dataclass
class Watched:
    """The observations of a `watch`; complete when it has ended.

    Attributes:
        seconds: its duration.
        own_cores: cores that this process kept busy.
        other_cores: cores that all other processes kept busy, `None` where the operating system does not tell.
        meters: readings of the accelerator, `None` without one or where no tool reads them.
    """

    seconds: float = 0.0
    own_cores: float = 0.0
    other_cores: float | None = None
    meters: Meters | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons why figures measured meanwhile are not comparable with others."""
        if self.other_cores is None or self.other_cores <= MUCH:
            return ()
        return (f"disturbed: other processes kept {self.other_cores:.1f} of {os.cpu_count()} cores busy",)


@contextmanager
def watch(device: str = "cpu") -> Iterator[Watched]:
    """Watch the machine, by counters of the operating system and, on an accelerator, one process that reads it."""
    seen = Watched()
    metering = _start_meters(device)
    begun, own, everybody = perf_counter(), _own_seconds(), _busy_seconds()
    try:
        yield seen
    finally:
        seen.seconds = perf_counter() - begun
        spent = _own_seconds() - own
        seen.own_cores = spent / seen.seconds
        now = _busy_seconds()
        if everybody is not None and now is not None:
            # The two counters advance in different steps, so that the difference may be below zero.
            seen.other_cores = max(now - everybody - spent, 0) / seen.seconds
        if metering is not None:
            seen.meters = _stop_meters(metering, device)


def describe_threads() -> Threads:
    """The numbers of threads as they are set now."""
    import sys

    from threadpoolctl import threadpool_info

    torch = sys.modules.get("torch")
    return Threads(
        cores=usable_cores(),
        torch=int(torch.get_num_threads()) if torch else None,
        blas={str(pool.get("prefix", "?")): int(pool["num_threads"]) for pool in threadpool_info()},
        environment={name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")},
    )


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy_seconds() -> float | None:
    """Processor time that all processes have used since the machine started."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _idle, _wait, irq, softirq, steal = map(int, fields[:8])
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None


def _start_meters(device: str) -> "subprocess.Popen[str] | None":
    if kind_of(device) != "cuda":
        return None
    command = ["nvidia-smi", "-i", _uuid(device), f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        return subprocess.Popen(  # noqa: S603
            [*command, "-lms", str(_INTERVAL_MS)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return None


def _stop_meters(meters: "subprocess.Popen[str]", device: str) -> Meters | None:
    meters.terminate()
    try:
        readings, _ = meters.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        meters.kill()
        return None
    limit = ""
    with suppress(OSError, subprocess.SubprocessError):
        limit = subprocess.run(  # noqa: S603
            ["nvidia-smi", "-i", _uuid(device), "--query-gpu=power.limit", "--format=csv,noheader,nounits"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout
    return read_meters(readings, limit)


def read_meters(readings: str, limit: str = "") -> Meters | None:
    r"""Means over the lines of `nvidia-smi`, which writes `[N/A]` for what it does not know.

    >>> read_meters("300.0, 1980, 2619, 40\n500.0, 1500, 2619, 42\n", "700.00").least_sm_clock_mhz
    1500.0
    """
    rows = [[_number(cell) for cell in line.split(",")] for line in readings.splitlines()]
    columns = list(zip(*(row for row in rows if len(row) == len(_QUERY.split(","))), strict=True))
    if not columns:
        return None
    known = [[value for value in column if value is not None] for column in columns]
    power, clock, memory, temperature = (sum(column) / len(column) if column else None for column in known)
    return Meters(
        power_watts=power,
        power_limit_watts=_number(limit),
        sm_clock_mhz=clock,
        least_sm_clock_mhz=min(known[1], default=None),
        memory_clock_mhz=memory,
        temperature_celsius=temperature,
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _uuid(device: str) -> str:
    import torch

    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"
