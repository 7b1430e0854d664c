"""How many floating-point operations work takes, counted as it is done."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from harness.machine import StageMeter, metered


def count_flops(call: Callable[[], object]) -> dict[str, float]:
    """Floating-point operations by stage: of matrix products, convolutions and attention, 2 a multiply-accumulate.

    Counted where torch does them; Fourier transforms, and what is done element by element or outside torch, are not.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False, custom_mapping=_more_formulas()) as counter:
        meter = StageMeter(lambda: float(counter.get_total_flops()))
        # What is compiled cannot be looked into.
        with metered(meter), torch.compiler.set_stance("force_eager"):
            call()
    return {stage: flops for stage, flops in meter.spent.items() if flops}


def _more_formulas() -> dict[Any, Any]:
    """For what torch does not count by itself: products with packed matrices."""
    import torch

    def packed(rows: Sequence[int], weight: Sequence[int], *_: object, **__: object) -> int:
        return 2 * math.prod(rows) * weight[0]

    operator = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    return {operator: packed} if operator else {}
