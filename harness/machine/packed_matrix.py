"""Products with a matrix that is packed once, by oneDNN, into the order in which the CPU reads it.

For float32 products torch otherwise uses MKL, which treats CPUs of other makers than Intel as old ones: on an AMD EPYC
of 2024 the packed product is more than twice as fast for many rows, and four times as fast for few.
"""

import platform
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_ROWS = 512
"""Number of rows that the packing is optimised for; products with another number are correct too."""


@cache
def can_pack(kind: "torch.dtype") -> bool:
    """Whether packed products work here with numbers of a type; not every CPU has bfloat16, for example."""
    import torch
    from torch.nn.functional import linear

    if platform.machine().lower() not in ("x86_64", "amd64") or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    rows, weight, bias = (one.to(kind) for one in (torch.eye(3, 16), torch.arange(64.0).view(4, 16), torch.ones(4)))
    try:
        return torch.equal(product(rows, pack(weight), bias), linear(rows, weight, bias))
    # The operators are internal to torch and may change.
    except (AttributeError, RuntimeError, TypeError):
        return False


def pack(weight: "Tensor") -> "Tensor":
    """Pack a matrix `(out, in)`, float32 or bfloat16; only `product` can use the result."""
    import torch

    with torch.inference_mode():
        return cast("Tensor", torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS))


def product(rows: "Tensor", packed: "Tensor", bias: "Tensor | None" = None) -> "Tensor":
    """Multiply rows `(..., in)` with a packed matrix and add a bias; `(..., out)`."""
    import torch

    return cast("Tensor", torch.ops.mkldnn._linear_pointwise(rows, packed, bias, "none", [], ""))
