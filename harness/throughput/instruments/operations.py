"""The number of floating-point operations, counted while they are done."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from harness.machine import StageMeter, metered


def count_flops(call: Callable[[], object]) -> dict[str, float]:
    """Floating-point operations of a call by stage, 2 for each multiply-accumulate.

    Matrix products, convolutions and attention of torch are counted. Fourier transforms, operations on single elements,
    and everything outside torch are not.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False, custom_mapping=_more_formulas()) as counter:
        meter = StageMeter(lambda: float(counter.get_total_flops()))
        # Operations inside compiled code cannot be counted.
        with metered(meter), torch.compiler.set_stance("force_eager"):
            call()
    return {stage: flops for stage, flops in meter.spent.items() if flops}


def _more_formulas() -> dict[Any, Any]:
    """Formulas for operations that torch does not count by itself: products with packed matrices."""
    import torch

    def packed(rows: Sequence[int], weight: Sequence[int], *_: object, **__: object) -> int:
        return 2 * math.prod(rows) * weight[0]

    operator = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    return {operator: packed} if operator else {}
