"""A dual encoder made fast for inference; after that it is not trained any more."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from harness.machine import can_pack, keep_freed_memory, pack, product
from systems.dual_encoder.model import DualEncoder

_LEAST = 1 << 17
"""Number of weights from which packing makes a layer faster."""


def prepare(model: DualEncoder, device: str, precision: str, compiled: bool) -> None:
    """Prepare a model for inference, in place."""
    keep_freed_memory()
    model.eval().requires_grad_(False).to(device)
    fold_normalisation(model.audio)
    if precision == "bf16":
        _round_weights(model)
    if device == "cpu" and not compiled:
        pack_linear_layers(model)
    if precision == "fp32":
        # Otherwise a GPU rounds the inputs of convolutions to ten bits.
        torch.backends.cudnn.allow_tf32 = False
    if compiled:
        # Lengths of windows and captions differ from batch to batch. Names of weights stay as they are.
        model.audio.compile(dynamic=True)
        model.text.compile(dynamic=True)


def fold_normalisation(encoder: nn.Module) -> None:
    """Fold each batch normalisation into the convolution before it, in place.

    Normalising by stored statistics is linear. With scale s, shift t, mean m and standard deviation d, a convolution
    with weights W and bias b becomes one with weights W s / d and bias (b - m) s / d + t. That saves a pass over every
    feature map.

    >>> layers = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2)).eval()
    >>> fold_normalisation(layers)
    >>> layers
    Sequential(
      (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
    )
    """
    for layers in encoder.modules():
        if not isinstance(layers, nn.Sequential):
            continue
        for place, (convolution, normalisation) in enumerate(pairwise(list(layers))):
            if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                folded = fuse_conv_bn_eval(convolution, normalisation)
                # The new layer does not keep the memory format of the old one.
                layers[place] = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
                layers[place + 1] = nn.Identity()


def _round_weights(model: nn.Module) -> None:
    """Round the weights to bfloat16 that autocast would round in each pass: the same results, with half the memory."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(torch.bfloat16)


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
