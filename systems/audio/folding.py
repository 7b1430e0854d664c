"""Encoders made ready to answer: what training needs and answering does not is computed once, beforehand."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_normalisation(encoder: nn.Module) -> None:
    """Let convolutions do what the batch normalisation after them would, in place; for an encoder that answers only.

    Normalising by stored statistics is linear, and so goes into a convolution's weights: W s / d and (b - m) s / d + t
    for scale s, shift t, mean m and deviation d. It spares a pass over every feature map.

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
                # Which a copy of the layer does not keep.
                layers[place] = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
                layers[place + 1] = nn.Identity()
