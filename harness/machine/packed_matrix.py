"""Products with a matrix that stays the same, packed once for the processor: what oneDNN does and torch asks it for.

Torch's own float32 product is MKL's, which takes processors of other makers for old ones: on an AMD EPYC of 2024 the
packed product is more than twice as fast for many rows, and four times for few, where packing takes longest.
"""

import platform
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_ROWS = 512
"""That the packing is best for; others are right too."""


@cache
def can_pack(kind: "torch.dtype") -> bool:
    """Whether torch can do it here with numbers of a kind, and does it right; not every processor has bfloat16."""
    import torch
    from torch.nn.functional import linear

    if platform.machine().lower() not in ("x86_64", "amd64") or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    rows, weight, bias = (one.to(kind) for one in (torch.eye(3, 16), torch.arange(64.0).view(4, 16), torch.ones(4)))
    try:
        return torch.equal(product(rows, pack(weight), bias), linear(rows, weight, bias))
    # The operators are torch's own affair and not promised to stay.
    except (AttributeError, RuntimeError, TypeError):
        return False


def pack(weight: "Tensor") -> "Tensor":
    """Pack a matrix `(out, in)`, float32 or bfloat16; the result is good for `product` only."""
    import torch

    with torch.inference_mode():
        return cast("Tensor", torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS))


def product(rows: "Tensor", packed: "Tensor", bias: "Tensor | None" = None) -> "Tensor":
    """The product of rows `(..., in)` with a packed matrix, `(..., out)`, and a bias added."""
    import torch

    return cast("Tensor", torch.ops.mkldnn._linear_pointwise(rows, packed, bias, "none", [], ""))
