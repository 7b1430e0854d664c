import pytest
import torch
from torch import nn

from harness.machine import packed_matrix as packed
from harness.machine.packed_matrix import can_pack, pack, product
from harness.throughput.instruments.operations import count_flops
from systems.audio.encoders.mobilenet import MobileNet, MobileNetConfig
from systems.audio.encoders.passt import Passt, PasstConfig
from systems.dual_encoder import inference
from systems.dual_encoder.inference import PackedLinear, fold_normalisation, pack_linear_layers

packs = pytest.mark.skipif(not can_pack(torch.float32), reason="needs a torch that packs matrices for this processor")


@packs
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 40), (7, 40), (2, 3, 40), (1000, 40)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_layer_is_the_layer(shape: tuple[int, ...], bias: bool, dtype: torch.dtype) -> None:
    if not can_pack(dtype):
        pytest.skip(f"needs a processor that packs {dtype}")
    torch.manual_seed(0)
    layer, rows = nn.Linear(40, 24, bias=bias).to(dtype), torch.randn(shape).to(dtype)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(layer)(rows), layer(rows))


@packs
@pytest.mark.skipif(not can_pack(torch.bfloat16), reason="needs a processor that packs bfloat16")
def test_under_autocast_rows_are_rounded_as_weights_are() -> None:
    torch.manual_seed(0)
    layer, rows = nn.Linear(40, 24), torch.randn(5, 40)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        expected = layer(rows)
        found = PackedLinear(layer.to(torch.bfloat16))(rows)
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected)


@packs
def test_only_large_layers_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.ModuleDict({"large": nn.Linear(512, 256)}))
    expected = model[1]["large"](torch.ones(2, 512))
    pack_linear_layers(model)
    assert [type(module) for module in (model[0], model[1]["large"])] == [nn.Linear, PackedLinear]
    torch.testing.assert_close(model[1]["large"](torch.ones(2, 512)), expected)
    monkeypatch.setattr(inference, "can_pack", lambda _: False)
    plain = nn.Sequential(nn.Linear(512, 256))
    pack_linear_layers(plain)
    assert type(plain[0]) is nn.Linear


@packs
def test_what_torch_no_longer_has_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")

    can_pack.cache_clear()
    monkeypatch.setattr(packed, "product", gone)
    assert not can_pack(torch.float32)
    can_pack.cache_clear()


@packs
def test_its_operations_are_counted() -> None:
    weight, rows = pack(torch.randn(24, 40)), torch.randn(2, 3, 40)
    (total,) = count_flops(lambda: _as_encoding(lambda: product(rows, weight))).values()
    assert total == 2 * 6 * 24 * 40


def _as_encoding(call: object) -> None:
    from harness.machine.stages import stage

    with stage("encode"), torch.inference_mode():
        call()  # type: ignore[operator]


def test_a_folded_encoder_says_the_same() -> None:
    torch.manual_seed(0)
    # In double precision, since rounding grows from layer to layer.
    encoder = MobileNet(MobileNetConfig(width_multiplier=0.1)).double()
    images = torch.rand(3, 128, 200, dtype=torch.float64)
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
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_nothing_changes_without_batch_normalisation() -> None:
    encoder = Passt(PasstConfig(width=32, depth=1, heads=4)).eval()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    fold_normalisation(encoder)
    assert encoder.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_an_encoder_in_training_is_refused() -> None:
    with pytest.raises(AssertionError):
        fold_normalisation(MobileNet(MobileNetConfig(width_multiplier=0.1)))
