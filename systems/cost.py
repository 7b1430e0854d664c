"""What a module costs: its parameters, and the multiplications it takes for one input."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """Size of a module and of its work.

    Attributes:
        parameters: all of them, classifier heads included.
        macs: multiply-accumulates of convolutions, matrix products and attention.
    """

    parameters: int
    macs: int


def cost(encoder: nn.Module, image_shape: tuple[int, ...]) -> Cost:
    """Count an encoder's parameters and the multiply-accumulates of `encoder(images)`, without computing anything.

    Counted in the mode the encoder is in: in training mode, patchout saves its part. The classifier heads are not
    called, so not counted: published figures for PaSST and MobileNet are of the logits, and larger by 0.001 % and
    0.3 %. The front end is not counted either, nor is what is done element by element.

    Args:
        encoder: on any device.
        image_shape: of its input, the number of windows first.
    """
    nothing = {name: tensor.to("meta") for name, tensor in (*encoder.named_parameters(), *encoder.named_buffers())}
    images = torch.empty(image_shape, device="meta")
    return Cost(
        sum(parameter.numel() for parameter in encoder.parameters()),
        macs(lambda: torch.func.functional_call(encoder, nothing, images)),
    )


def macs(call: Callable[[], object]) -> int:
    """Count the multiply-accumulates of a call, which costs nothing where all tensors are on the meta device.

    >>> images, weights = torch.empty(5, 3, device="meta"), torch.empty(3, 2, device="meta")
    >>> macs(lambda: images @ weights)
    30
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops()) // 2
