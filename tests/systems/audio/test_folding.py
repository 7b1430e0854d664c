import pytest
import torch
from torch import nn

from systems.audio.encoders.mobilenet import MobileNet, MobileNetConfig
from systems.audio.encoders.passt import Passt, PasstConfig
from systems.audio.folding import fold_normalisation


def test_a_folded_encoder_says_the_same() -> None:
    encoder = MobileNet(MobileNetConfig(width_multiplier=0.1))
    images = torch.rand(3, 128, 200, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        # Statistics, scales and shifts other than those it begins with.
        encoder.train()(images)
        for module in encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 2)
                module.bias.uniform_(-0.5, 0.5)
        expected = encoder.eval()(images)
        fold_normalisation(encoder)
        found = encoder(images)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())
    assert all(
        module.weight.is_contiguous(memory_format=torch.channels_last)
        for module in encoder.modules()
        if isinstance(module, nn.Conv2d)
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_nothing_changes_without_batch_normalisation() -> None:
    encoder = Passt(PasstConfig(width=32, depth=1, heads=4)).eval()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    fold_normalisation(encoder)
    assert encoder.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_an_encoder_in_training_is_refused() -> None:
    with pytest.raises(AssertionError):
        fold_normalisation(MobileNet(MobileNetConfig(width_multiplier=0.1)))
