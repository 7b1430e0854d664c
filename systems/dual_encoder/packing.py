"""Linear layers of a model that answers on a processor, with their weights packed for it."""

from torch import Tensor, nn

from harness.machine import can_pack, pack, product

_LEAST = 1 << 17
"""Weights of a layer for which packing pays."""


class PackedLinear(nn.Module):
    """What a linear layer computes; cannot be trained, saved or moved."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self._dtype = layer.weight.dtype
        # No buffer: nothing may move or copy it.
        self._packed = pack(layer.weight)
        self._bias = None if layer.bias is None else layer.bias.detach()

    def forward(self, rows: Tensor) -> Tensor:
        """`(..., in)` to `(..., out)`, in the precision of the weights, as under autocast."""
        return product(rows.to(self._dtype), self._packed, self._bias)


def pack_linear_layers(model: nn.Module) -> None:
    """Put packed layers in the place of the large linear ones, where torch can pack."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child.weight.numel() >= _LEAST and can_pack(child.weight.dtype):
                setattr(module, name, PackedLinear(child))
