"""Our encoders have the sizes and take the multiplications that were published for them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from systems.audio.encoders.atst import Atst, AtstConfig
from systems.audio.encoders.mobilenet import MobileNet, MobileNetConfig
from systems.audio.encoders.passt import Passt, PasstConfig
from systems.text.roberta import TextConfig, build


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


def full_size(name: str) -> Passt | Atst | MobileNet:
    with torch.device("meta"):
        if name == "passt":
            return Passt(PasstConfig()).eval()
        return Atst(AtstConfig()).eval() if name == "atst" else MobileNet(MobileNetConfig()).eval()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["passt", "atst", "mn40_as_ext"])
def test_published_figures(shared: Path, name: str) -> None:
    published = json.loads((shared / "golden" / "full_size_info.json").read_text())[name]
    encoder = full_size(name)
    images = torch.empty(1, *published["mel_shape"][-2:], device="meta")
    found = cost(encoder, tuple(images.shape))
    assert found.parameters == published["params"]
    # The published figures of the taggers include the layers that follow the features.
    features = torch.empty(1, encoder.width, device="meta")
    head = {Passt: lambda: encoder.head(features), MobileNet: lambda: encoder.classifier[2:](features)}
    of_head = macs(head[type(encoder)]) if type(encoder) in head else 0
    assert found.macs + of_head == round(published["gmacs_10s"] * 1e9)


@pytest.mark.shared
def test_published_figures_of_the_text_encoder(shared: Path) -> None:
    published = json.loads((shared / "golden" / "full_size_info.json").read_text())["roberta-large"]
    with torch.device("meta"):
        model = build(TextConfig()).eval()
        ids = torch.zeros(1, 32, dtype=torch.int64)
    assert sum(weight.numel() for weight in model.parameters()) == published["params"] == 354_310_144
    # Published are the linear layers; scores and sums of the values are the attention's own.
    attention = 24 * 2 * 32**2 * 1024
    assert macs(lambda: model(ids)) == round(published["gmacs_32tok"] * 1e9) + attention
    assert round(attention / 1e9, 2) == 0.05


def test_patchout_saves_its_part() -> None:
    tokens = (62 - 15) * (8 - 2) + 2
    blocks = 12 * (12 * tokens * 768**2 + 2 * tokens**2 * 768)
    assert cost(full_size("passt").train(), (1, 128, 1000)).macs == 62 * 8 * 16**2 * 768 + blocks


def test_the_sum_of_what_is_multiplied() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv1d(2, 4, 3), torch.nn.BatchNorm1d(4), torch.nn.Linear(8, 5))
    before = {key: value.clone() for key, value in layers.state_dict().items()}
    assert cost(layers, (6, 2, 10)) == Cost(parameters=28 + 8 + 45, macs=6 * (4 * 8 * 2 * 3 + 4 * 8 * 5))
    for key, value in layers.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)
