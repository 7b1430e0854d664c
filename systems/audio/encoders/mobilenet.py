"""EfficientAT's MobileNetV3: a convolutional audio tagger, whose pooled features describe a window."""

from collections import OrderedDict
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from systems.audio.encoder import AudioConfig, AudioEncoder
from systems.audio.mel import KaldiLogMel, MelConfig


class MobileNetConfig(AudioConfig):
    """A MobileNet; the defaults are the published `mn40_as_ext`.

    Attributes:
        encoder: the name of the encoder.
        mel: the images.
        width_multiplier: scales every number of channels: 4.0 for the published `mn40_as_ext`, 0.4 for `mn04_as`.
        classes: number of tags.
        norm_momentum: weight of each new batch in the running statistics of the batch normalisation; the published
            value suits long trainings.
    """

    authors_name = "mn"

    encoder: Literal["mobilenet"] = "mobilenet"
    mel: MelConfig = MelConfig()
    width_multiplier: PositiveFloat = 4.0
    classes: PositiveInt = 527
    norm_momentum: Annotated[float, Field(gt=0, le=1)] = 0.01

    def build(self) -> "MobileNet":
        """A MobileNet with random weights."""
        return MobileNet(self)

    def front_end(self) -> KaldiLogMel:
        """What makes the images."""
        return self.mel.build()

    def repeats_images(self) -> bool:
        """Without jitter of the edges and masks, it does."""
        return self.mel.repeats_images


class _Stage(NamedTuple):
    """One inverted residual block; numbers of channels are before the multiplier."""

    kernel: int
    expanded: int
    out: int
    squeezes: bool
    activation: type[nn.ReLU | nn.Hardswish]
    stride: int


_STEM, _TAIL_FACTOR, _HIDDEN = 16, 6, 1280
_STAGES = (
    _Stage(3, 16, 16, False, nn.ReLU, 1),
    _Stage(3, 64, 24, False, nn.ReLU, 2),
    _Stage(3, 72, 24, False, nn.ReLU, 1),
    _Stage(5, 72, 40, True, nn.ReLU, 2),
    _Stage(5, 120, 40, True, nn.ReLU, 1),
    _Stage(5, 120, 40, True, nn.ReLU, 1),
    _Stage(3, 240, 80, False, nn.Hardswish, 2),
    _Stage(3, 200, 80, False, nn.Hardswish, 1),
    _Stage(3, 184, 80, False, nn.Hardswish, 1),
    _Stage(3, 184, 80, False, nn.Hardswish, 1),
    _Stage(3, 480, 112, True, nn.Hardswish, 1),
    _Stage(3, 672, 112, True, nn.Hardswish, 1),
    _Stage(5, 672, 160, True, nn.Hardswish, 2),
    _Stage(5, 960, 160, True, nn.Hardswish, 1),
    _Stage(5, 960, 160, True, nn.Hardswish, 1),
)


class MobileNet(AudioEncoder):
    """Log-mel images of `KaldiLogMel` to one vector per window.

    Names and shapes in the state dict are those of the published files. Weights and images are laid out channels-last,
    with which convolutions are faster; loading a state dict keeps that layout, also with `assign=True`.

    Attributes:
        width: dimension of the features, 3840 for a width multiplier of 4.

    >>> MobileNet(MobileNetConfig(width_multiplier=0.1)).eval()(torch.zeros(2, 128, 100)).shape
    torch.Size([2, 1, 96])
    """

    unused = ("classifier",)

    def __init__(self, config: MobileNetConfig) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return _divisible(channels * config.width_multiplier)

        channels = scaled(_STEM)
        layers: list[nn.Module] = [_convolution(1, channels, 3, nn.Hardswish, stride=2)]
        for stage in _STAGES:
            layers.append(_InvertedResidual(channels, scaled(stage.expanded), scaled(stage.out), stage))
            channels = scaled(stage.out)
        self.width = _TAIL_FACTOR * channels
        self.features = nn.Sequential(*layers, _convolution(channels, self.width, 1, nn.Hardswish))
        hidden = scaled(_HIDDEN)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(self.width, hidden),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(hidden, config.classes),
        )
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = config.norm_momentum
        _channels_last(self)
        self.register_load_state_dict_post_hook(_channels_last)  # type: ignore[no-untyped-call]

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:  # noqa: ARG002
        """Compute the features of each window, averaged over frequency and time.

        Args:
            images: `(windows, bands, frames)`, any number of bands and frames.
            generator: not used; every encoder takes one.

        Returns:
            `(windows, 1, width)`.
        """
        # Only `to` sets the strides: `contiguous` takes a single channel for channels-last whatever its strides are.
        maps = self.features(images.unsqueeze(1).to(memory_format=torch.channels_last))
        features: Tensor = self.classifier[:2](maps)
        return features.unsqueeze(1)

    def logits(self, images: Tensor) -> Tensor:
        """The logits `(windows, classes)` of the tags, for images `(windows, bands, frames)`."""
        logits: Tensor = self.classifier[2:](self(images).squeeze(1))
        return logits


class _InvertedResidual(nn.Module):
    """Widen, filter each channel, scale the channels, narrow; then add the input if it has the same shape."""

    def __init__(self, channels: int, expanded: int, out: int, stage: _Stage) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if expanded != channels:
            layers.append(_convolution(channels, expanded, 1, stage.activation))
        layers.append(_convolution(expanded, expanded, stage.kernel, stage.activation, stage.stride, groups=expanded))
        if stage.squeezes:
            layers.append(nn.Sequential(OrderedDict(conc_se_layers=nn.Sequential(_SqueezeExcitation(expanded)))))
        layers.append(_convolution(expanded, out, 1, None))
        self.block = nn.Sequential(*layers)
        self.adds_input = stage.stride == 1 and channels == out

    def forward(self, maps: Tensor) -> Tensor:
        changed: Tensor = self.block(maps)
        return maps + changed if self.adds_input else changed


class _SqueezeExcitation(nn.Module):
    """Scale each channel by a weight that is computed from the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = _divisible(channels // 4)
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, maps: Tensor) -> Tensor:
        weights: Tensor = self.fc2(self.fc1(maps.mean((2, 3))).relu()).sigmoid()
        return maps * weights[:, :, None, None]


def _convolution(
    channels: int,
    out: int,
    kernel: int,
    activation: type[nn.ReLU | nn.Hardswish] | None,
    stride: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
    # Torch's default weights shrink the signal in each layer, to nothing after so many.
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear" if activation is None else "relu")
    layers: list[nn.Module] = [convolution, nn.BatchNorm2d(out, eps=1e-3)]
    if activation is not None:
        layers.append(activation(inplace=True))
    return nn.Sequential(*layers)


def _divisible(channels: float) -> int:
    """The nearest multiple of 8 that is at least 8 and not below 90 % of the number."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def _channels_last(module: nn.Module, *_: object) -> None:
    """Lay the weights out channels-last."""
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


ENCODER = MobileNetConfig
