import subprocess
import sys

import numpy as np
import torch

from harness.machine.stages import stage
from harness.runs.measured_machine import Meters
from harness.throughput.instruments import ceilings
from harness.throughput.instruments import watching as machine
from harness.throughput.instruments.ceilings import measure_ceilings
from harness.throughput.instruments.observation import split
from harness.throughput.instruments.operations import count_flops
from harness.throughput.instruments.watching import describe_threads, read_meters, watch


def test_others_that_compute_disturb(monkeypatch):
    own, everybody = iter([5.0, 6.0]), iter([100.0, 103.0])
    clock = iter([0.0, 2.0])
    monkeypatch.setattr(machine, "_own_seconds", lambda: next(own))
    monkeypatch.setattr(machine, "_busy_seconds", lambda: next(everybody))
    monkeypatch.setattr(machine, "perf_counter", lambda: next(clock))
    with watch() as seen:
        pass
    assert (seen.seconds, seen.own_cores, seen.other_cores) == (2.0, 0.5, 1.0)
    assert seen.reasons[0].startswith("disturbed: other processes kept 1.0 of ")


def test_a_system_that_tells_nothing(monkeypatch):
    monkeypatch.setattr(machine, "_busy_seconds", lambda: None)
    with watch() as seen:
        pass
    assert seen.other_cores is None
    assert seen.reasons == ()


def test_a_machine_without_the_drivers_tool(monkeypatch):
    monkeypatch.setattr(machine, "_uuid", lambda device: "GPU-0")
    monkeypatch.setenv("PATH", "")
    with watch("cuda") as seen:
        pass
    assert seen.meters is None


def test_the_drivers_answer():
    assert read_meters("300.0, 1980, 2619, 40\n500.0, 1500, 2619, 44\n", "700.00") == Meters(
        power_watts=400,
        power_limit_watts=700,
        sm_clock_mhz=1740,
        least_sm_clock_mhz=1500,
        memory_clock_mhz=2619,
        temperature_celsius=42,
    )
    assert read_meters("[N/A], 1980, [N/A], 40\nhalf a li") == Meters(
        sm_clock_mhz=1980, least_sm_clock_mhz=1980, temperature_celsius=40
    )
    assert read_meters("No devices were found") is None
    assert read_meters("") is None


def test_threads_are_told(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = describe_threads()
    assert threads.torch == torch.get_num_threads()
    assert threads.environment["OMP_NUM_THREADS"] == "1"
    assert threads.blas


def test_memory_that_comes_and_goes_is_seen():
    # In a process of its own: this one may keep memory that earlier tests have freed, and use it again.
    code = (
        "import numpy as np; from harness.throughput.instruments.memory import peak_memory;"
        "print(peak_memory(lambda: np.ones(30_000_000)).added)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 200e6


def test_ceilings_are_of_this_machine(monkeypatch):
    monkeypatch.setattr(ceilings, "_SECONDS", 0.05)
    monkeypatch.setattr(ceilings, "_SIDES", {"cpu": (128,)})
    monkeypatch.setattr(ceilings, "_BYTES", {"cpu": 1 << 22})
    found = measure_ceilings()
    assert 1e8 < found.matrix_flops_per_second < 1e14
    assert 1e8 < found.read_bytes_per_second < 1e13


def test_operations_by_stage():
    left, right = torch.ones(5, 3), torch.ones(3, 2)

    def call():
        with stage("encode"), torch.inference_mode():
            left @ right
        with stage("rank"):
            np.sort([2, 1])

    assert count_flops(call) == {"encode": 60}


def test_a_split_is_of_the_fastest_pass():
    stages, whole = split(lambda: stage("encode").__enter__())
    assert stages == {"encode": 0}
    assert whole < 1
