"""Batch normalisation folded into the convolutions before it, for encoders that are not trained any more."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


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
