"""The machine a speed was measured on: its limits, and what its counters showed during the measurement."""

from pydantic import PositiveFloat

from harness.machine import Environment, kind_of
from harness.runs.any_record import Part


class Memory(Part):
    """Peaks of memory, in bytes.

    Attributes:
        resident: main memory of the process, `None` where the operating system does not say.
        added: the part of it that came on during the work.
        allocated: accelerator memory that tensors took.
        reserved: accelerator memory that torch held, for these and later tensors.
    """

    resident: int | None
    added: int | None
    allocated: int | None = None
    reserved: int | None = None


class Meters(Part):
    """Readings of the accelerator's own meters: means over the measurement, and the lowest clock.

    `None` where the driver does not say.
    """

    power_watts: float | None = None
    power_limit_watts: float | None = None
    sm_clock_mhz: float | None = None
    least_sm_clock_mhz: float | None = None
    memory_clock_mhz: float | None = None
    temperature_celsius: float | None = None


class Threads(Part):
    """The number of threads that computed.

    Attributes:
        cores: cores that this process may use.
        torch: threads of torch, `None` where it was not loaded.
        blas: threads of each matrix library, by its name.
        environment: the environment variables that set them.
    """

    cores: int
    torch: int | None
    blas: dict[str, int]
    environment: dict[str, str]


class Ceilings(Part):
    """The limits of a device.

    Attributes:
        device: its name in torch's words.
        precision: of the matrix product.
        matrix_flops_per_second: the fastest of a few large square matrix products, counted as 2 operations per
            multiply-accumulate.
        read_bytes_per_second: the fastest of a few passes over memory much larger than any cache.
    """

    device: str
    precision: str
    matrix_flops_per_second: PositiveFloat
    read_bytes_per_second: PositiveFloat


def hardware_of(environment: Environment, device: str) -> str:
    """The machine as far as it decides a speed: the accelerator, or the processor and how many cores it has.

    >>> hardware_of(Environment(code="", git=None, packages={}, python="", platform="", cpu="EPYC", physical_cores=2,
    ...     logical_cores=4, memory_bytes=None), "cpu")
    'EPYC, 4 threads'
    """
    if kind_of(device) != "cpu" and environment.accelerator:
        return environment.accelerator.name
    return f"{environment.cpu}, {environment.logical_cores} threads"
