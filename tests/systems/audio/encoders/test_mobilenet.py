import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.audio.decoding import decode
from systems.audio.encoders.mobilenet import MobileNet, MobileNetConfig
from systems.audio.mel import KaldiLogMel
from systems.audio.windows import WindowConfig, average_each, cut, plan


@pytest.fixture(scope="module")
def tiny() -> MobileNet:
    torch.manual_seed(0)
    encoder = MobileNet(MobileNetConfig(width_multiplier=0.1, classes=7)).eval()
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return encoder


def images(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal(shape).astype(np.float32))


def relative(found: torch.Tensor, expected: np.ndarray) -> float:
    return float(np.abs(found.detach().numpy() - expected).max() / np.abs(expected).max())


@pytest.mark.shared
def test_golden_output_of_the_reference(shared: Path) -> None:
    golden = np.load(shared / "golden" / "mn_width0.1.npz")
    encoder = MobileNet(MobileNetConfig(width_multiplier=0.1, classes=7)).eval()
    encoder.load_state_dict({key[2:]: torch.from_numpy(golden[key]) for key in golden if key.startswith("w/")})
    mel = torch.from_numpy(golden["mel"][:, 0])
    features = encoder(mel)
    assert features.shape == (1, 1, encoder.width)
    assert relative(encoder.features(mel[:, None]), golden["fmap"]) < 5e-5
    assert relative(features[:, 0], golden["features"]) < 5e-5
    assert relative(encoder.logits(mel), golden["logits"]) < 5e-5


@pytest.mark.shared
def test_keys_and_shapes_of_the_published_file(shared: Path) -> None:
    published = json.loads((shared / "golden" / "bare_keys.json").read_text())["mn40_as_ext"]
    with torch.device("meta"):
        encoder = MobileNet(MobileNetConfig())
    assert {key: list(value.shape) for key, value in encoder.state_dict().items()} == published
    assert encoder.width == 3840


@pytest.mark.shared
def test_published_weights_tell_real_sounds_apart(shared: Path) -> None:
    encoder = MobileNet(MobileNetConfig(width_multiplier=0.4)).eval()
    encoder.load_state_dict(torch.load(shared / "weights" / "mn04_as_mAP_432.pt", weights_only=True))
    clips = shared / "data" / "real_clips"
    with (clips / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["subset"] == "esc10"]
    waveforms = [decode(clips / "audio" / row["file_name"], 32_000) for row in rows]
    windows = plan([len(waveform) for waveform in waveforms], WindowConfig(seconds=None))
    with torch.inference_mode():
        features = average_each(lambda some: encoder(KaldiLogMel()(cut(waveforms, some))), windows, None, "true-length")
    assert features.shape == (80, 384)
    cosines = torch.nn.functional.normalize(features) @ torch.nn.functional.normalize(features).T
    nearest = cosines.fill_diagonal_(-1).argmax(dim=1)
    labels = np.array([row["label"] for row in rows])
    assert len(labels) == 80
    assert (labels == labels[nearest]).mean() >= 0.95


@pytest.mark.shared
def test_what_half_precision_costs_published_weights(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Printed, because it is more than transformers lose: eight bits are few for so narrow a network."""
    encoder = MobileNet(MobileNetConfig(width_multiplier=0.4)).eval()
    encoder.load_state_dict(torch.load(shared / "weights" / "mn04_as_mAP_432.pt", weights_only=True))
    cosines = []
    for path in sorted((shared / "data" / "real_clips" / "audio").glob("*.ogg"))[::7]:
        with torch.inference_mode():
            image = KaldiLogMel()(torch.from_numpy(decode(path, 32_000)[:160_000])[None])
            exact = encoder(image)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                half = encoder(image).float()
        cosines.append(torch.nn.functional.cosine_similarity(exact, half, dim=-1).item())
    with capsys.disabled():
        print(f"\nmn04 in bf16, cosine to fp32: least {min(cosines):.4f}, mean {np.mean(cosines):.4f}")  # noqa: T201
    assert 0.99 < min(cosines) < 1


@pytest.mark.parametrize("width_multiplier", [0.1, 0.4])
def test_random_weights_tell_sounds_apart(width_multiplier: float) -> None:
    torch.manual_seed(1)
    encoder = MobileNet(MobileNetConfig(width_multiplier=width_multiplier)).eval()
    with torch.inference_mode():
        features = encoder(images(4, 128, 200) * torch.logspace(-1, 0.5, 4)[:, None, None])
    assert features.std(dim=0).mean() > 1e-3


@pytest.mark.parametrize("frames", [1, 7, 100, 321])
def test_one_vector_per_window_of_any_length(tiny: MobileNet, frames: int) -> None:
    features = tiny(images(3, 128, frames))
    assert features.shape == (3, 1, 96)
    assert features.isfinite().all()
    torch.testing.assert_close(features[1:2], tiny(images(3, 128, frames)[1:2]), rtol=1e-4, atol=1e-5)


def test_half_precision_says_the_same(tiny: MobileNet) -> None:
    exact = tiny(images(4, 128, 200))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = tiny(images(4, 128, 200))
    assert torch.nn.functional.cosine_similarity(half.float(), exact, dim=-1).min() > 0.999


@pytest.mark.parametrize("assign", [False, True])
def test_channels_last_after_loading(tiny: MobileNet, assign: bool) -> None:
    plain = {key: value.clone(memory_format=torch.contiguous_format) for key, value in tiny.state_dict().items()}
    with torch.device("meta" if assign else "cpu"):
        # Loaded as a part of something, as in a dual encoder.
        whole = torch.nn.ModuleDict({"audio": MobileNet(MobileNetConfig(width_multiplier=0.1, classes=7))}).eval()
    whole.load_state_dict({f"audio.{key}": value for key, value in plain.items()}, assign=assign)
    depthwise = whole["audio"].get_parameter("features.2.block.0.0.weight")
    assert depthwise.shape == (8, 1, 3, 3)
    assert depthwise.stride() == (9, 1, 3, 1)
    strides = []
    hook = (
        whole["audio"]
        .get_submodule("features.15")
        .register_forward_hook(
            lambda module, inputs, output: strides.append(output.is_contiguous(memory_format=torch.channels_last))
        )
    )
    torch.testing.assert_close(whole["audio"](images(2, 128, 100)), tiny(images(2, 128, 100)), rtol=1e-4, atol=1e-5)
    hook.remove()
    assert strides == [True]


def test_trains(tiny: MobileNet) -> None:
    encoder = MobileNet(MobileNetConfig(width_multiplier=0.1, classes=7)).train()
    encoder.logits(images(4, 128, 64)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in encoder.parameters())


def test_config_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValidationError, match="depth"):
        MobileNetConfig.model_validate({"encoder": "mobilenet", "depth": 3})
    with pytest.raises(ValidationError, match="width_multiplier"):
        MobileNetConfig(width_multiplier=0)
