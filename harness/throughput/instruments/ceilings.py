"""The limits of the machine, measured in the same run as the system."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from harness.machine import can_pack, kind_of, pack, product
from harness.runs import Ceilings
from harness.throughput.instruments.timing import synchronise

if TYPE_CHECKING:
    import torch

_SECONDS = 1.0
_SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
_BYTES = {"cpu": 1 << 28, "cuda": 1 << 31}


def measure_ceilings(device: str = "cpu", precision: str = "fp32") -> Ceilings:
    """Measure the limits of a device, with as many threads as torch has; takes some seconds."""
    import torch

    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    products = [one for side in _SIDES[_known_kind(device)] for one in _products(side, kind, device)]
    values = torch.ones(_BYTES[_known_kind(device)] // 4, device=device)
    return Ceilings(
        device=device,
        precision=precision,
        matrix_flops_per_second=max(flops / _fastest(call, device) for flops, call in products),
        read_bytes_per_second=_read_rate(values),
    )


def _known_kind(device: str) -> str:
    return "cuda" if kind_of(device) == "cuda" else "cpu"


def _products(side: int, kind: "torch.dtype", device: str) -> Iterator[tuple[float, Callable[[], object]]]:
    """The floating-point operations and the call of each way to multiply square matrices."""
    import torch

    left, right = (torch.rand(side, side, device=device).to(kind) for _ in range(2))
    out = torch.empty(side, side, device=device, dtype=kind)
    yield 2.0 * side**3, lambda: torch.matmul(left, right, out=out)
    if _known_kind(device) == "cpu" and can_pack(kind):
        packed = pack(right)
        yield 2.0 * side**3, lambda: product(left, packed)


def _read_rate(values: "torch.Tensor") -> float:
    """Bytes read per second, by the faster of two calls that do little else than read."""
    calls: list[Callable[[], object]] = [values.sum]
    if values.device.type == "cpu":
        flat = values.numpy()
        calls.append(lambda: flat.dot(flat))
    return 4 * len(values) / min(_fastest(call, str(values.device)) for call in calls)


def _fastest(call: Callable[[], object], device: str) -> float:
    """Seconds of the fastest of several calls."""
    call()
    fastest, until = float("inf"), perf_counter() + _SECONDS
    while perf_counter() < until:
        synchronise(device)
        begun = perf_counter()
        call()
        synchronise(device)
        fastest = min(fastest, perf_counter() - begun)
    return fastest
