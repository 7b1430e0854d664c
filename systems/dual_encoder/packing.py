"""Linear layers with weights packed for the CPU, for models that are not trained any more."""

from torch import Tensor, nn

from harness.machine import can_pack, pack, product

_LEAST = 1 << 17
"""Number of weights from which packing makes a layer faster."""


class PackedLinear(nn.Module):
    """Computes what a linear layer computes; it cannot be trained, saved or moved."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self._dtype = layer.weight.dtype
        # Not a buffer: a packed matrix must not be moved or copied.
        self._packed = pack(layer.weight)
        self._bias = None if layer.bias is None else layer.bias.detach()

    def forward(self, rows: Tensor) -> Tensor:
        """From `(..., in)` to `(..., out)`, in the precision of the weights, as under autocast."""
        return product(rows.to(self._dtype), self._packed, self._bias)


def pack_linear_layers(model: nn.Module) -> None:
    """Replace the large linear layers of a model by packed ones, if torch can pack their weights here."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child.weight.numel() >= _LEAST and can_pack(child.weight.dtype):
                setattr(module, name, PackedLinear(child))
