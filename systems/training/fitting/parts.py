"""A batch in parts, so that the loss over many clips fits into a small memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def in_parts(
    compute: Callable[[slice], Tensor],
    count: int,
    parts: int,
    model: nn.Module,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The rows that a function computes from the items of a batch, part after part.

    What a part needs for its gradient is not kept but computed again when the gradient comes back: only the rows of the
    whole batch, and one part's intermediate values, are in memory at a time. Value and gradient are those of the whole,
    as in gradient caching (Gao et al. 2021, arXiv 2101.06983), at the price of a second pass forward. Batch
    normalisation takes its statistics over a part, and dropout draws part by part.

    Args:
        compute: takes a slice of the items.
        count: number of items.
        parts: how many parts; 1 computes the whole at once.
        model: computes them; its running statistics follow the first pass only.
        generator: what `compute` draws from, set back for the second pass.
    """
    if parts == 1 or not torch.is_grad_enabled():
        return compute(slice(0, count))
    bounds = [count * part // parts for part in range(parts + 1)]
    rows = [
        checkpoint(
            _repeatable(compute, generator),
            slice(start, stop),
            use_reentrant=False,
            context_fn=lambda: _passes(model),
        )
        for start, stop in pairwise(bounds)
        if stop > start
    ]
    return torch.cat(rows)


def _repeatable(compute: Callable[[slice], Tensor], generator: torch.Generator | None) -> Callable[[slice], Tensor]:
    """The function, which draws the same each time it is called."""
    if generator is None:
        return compute
    state = generator.get_state()

    def repeated(part: slice) -> Tensor:
        generator.set_state(state)
        return compute(part)

    return repeated


def _passes(model: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What surrounds the first pass and the second."""
    return nullcontext(), _still(model)


@contextmanager
def _still(model: nn.Module) -> Iterator[None]:
    """Leave the running statistics of batch normalisation as they are."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
