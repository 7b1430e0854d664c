"""How many floating-point operations work takes, counted as it is done."""

from collections.abc import Callable

from harness.stages import StageMeter, metered


def count_flops(call: Callable[[], object]) -> dict[str, float]:
    """Floating-point operations by stage: of matrix products, convolutions and attention, 2 a multiply-accumulate.

    Counted where torch does them; Fourier transforms, and what is done element by element or outside torch, are not.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        meter = StageMeter(lambda: float(counter.get_total_flops()))
        # What is compiled cannot be looked into.
        with metered(meter), torch.compiler.set_stance("force_eager"):
            call()
    return {stage: flops for stage, flops in meter.spent.items() if flops}
