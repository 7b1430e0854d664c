import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from systems.audio.encoders.passt import Kept, Passt, PasstConfig

TINY = PasstConfig(width=32, depth=2, heads=4, frames=96, classes=7, patchout_time=2, patchout_frequency=1)


@pytest.fixture
def tiny() -> Passt:
    torch.manual_seed(0)
    passt = Passt(TINY).eval()
    with torch.no_grad():
        for name, parameter in passt.named_parameters():
            if "pos" in name or "token" in name:
                parameter.normal_()
    return passt


def images(windows: int, frames: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((windows, 128, frames)).astype(np.float32))


def relative(found: torch.Tensor, expected: np.ndarray) -> float:
    return float(np.abs(found.detach().numpy() - expected).max() / np.abs(expected).max())


@pytest.mark.shared
def test_golden_output_of_the_reference(shared: Path) -> None:
    golden = np.load(shared / "golden" / "passt_tiny.npz")
    passt = Passt(TINY).eval()
    passt.load_state_dict({key[2:]: torch.from_numpy(golden[key]) for key in golden if key.startswith("w/")})
    mel = torch.from_numpy(golden["mel"][:, 0])
    features = passt(mel)
    assert features.shape == (1, 1, 32)
    assert relative(features[:, 0], golden["features"]) < 5e-5
    assert relative(passt.head(features[:, 0]), golden["logits"]) < 5e-5
    assert relative(passt(mel[..., :64])[:, 0], golden["features_64frames"]) < 5e-5
    kept = Kept(torch.from_numpy(golden["patchout_keep_time"]), torch.from_numpy(golden["patchout_keep_freq"]))
    trained = passt.train()(mel, kept=kept)
    assert relative(trained[:, 0], golden["features_patchout"]) < 5e-5
    assert relative(passt.head(trained[:, 0]), golden["logits_patchout"]) < 5e-5


@pytest.mark.shared
def test_keys_and_shapes_of_the_published_file(shared: Path) -> None:
    published = json.loads((shared / "golden" / "bare_keys.json").read_text())["passt"]
    with torch.device("meta"):
        passt = Passt(PasstConfig())
    assert {key: list(value.shape) for key, value in passt.state_dict().items()} == published
    assert passt.width == 768


def test_patchout_in_training_only(tiny: Passt) -> None:
    mel = images(2, 96)
    whole = tiny(mel)
    torch.testing.assert_close(tiny(mel), whole, rtol=0, atol=0)
    tiny.train()
    drawn = tiny(mel, torch.Generator().manual_seed(5))
    assert not torch.allclose(drawn, whole, atol=1e-3)
    torch.testing.assert_close(tiny(mel, torch.Generator().manual_seed(5)), drawn, rtol=0, atol=0)
    kept = tiny.draw(8, 6, torch.Generator().manual_seed(5))
    torch.testing.assert_close(tiny.eval()(mel, kept=kept), drawn, rtol=0, atol=0)


def test_a_draw_keeps_columns_then_rows_in_order(tiny: Passt) -> None:
    generator = torch.Generator().manual_seed(3)
    kept = tiny.draw(8, 6, generator)
    again = torch.Generator().manual_seed(3)
    assert kept.columns.tolist() == sorted(torch.randperm(6, generator=again).tolist()[:4])
    assert kept.rows.tolist() == sorted(torch.randperm(8, generator=again).tolist()[:7])
    assert len({str(tiny.draw(8, 6, generator)) for _ in range(10)}) > 1
    assert [len(part) for part in tiny.draw(1, 2)] == [1, 1]
    full_size = PasstConfig()
    assert (62 - full_size.patchout_time, 8 - full_size.patchout_frequency) == (47, 6)


def test_patches_left_out_are_not_heard(tiny: Passt) -> None:
    mel, louder = images(2, 96), images(2, 96)
    kept = Kept(torch.tensor([0, 2, 5]), torch.tensor([1, 2, 7]))
    heard = torch.zeros(128, 96, dtype=torch.bool)
    for row in kept.rows:
        for column in kept.columns:
            heard[16 * row : 16 * (row + 1), 16 * column : 16 * (column + 1)] = True
    louder[:, ~heard] += 3
    torch.testing.assert_close(tiny(mel, kept=kept), tiny(louder, kept=kept), rtol=0, atol=0)
    assert not torch.allclose(tiny(mel), tiny(louder), atol=1e-3)


def test_length(tiny: Passt) -> None:
    torch.testing.assert_close(tiny(images(1, 111)), tiny(images(1, 111)[..., :96]), rtol=0, atol=0)
    assert tiny(images(1, 16)).shape == (1, 1, 32)
    with pytest.raises(ValueError, match="112 frames are 7 patches long.*ends at 6; expected at most 111 frames"):
        tiny(images(1, 112))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"patch": 129}, "a patch of 129 does not fit into an image of 128 bands and 1000 frames"),
        ({"frames": 15}, "a patch of 16 does not fit into an image of 128 bands and 15 frames"),
        ({"bands": 64}, "unknown field; known are "),
    ],
)
def test_nonsensical_settings(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PasstConfig.model_validate(fields)


def test_draws_are_made_on_the_cpu_whatever_device_is_in_force(tiny: Passt) -> None:
    kept = tiny.draw(8, 6, torch.Generator().manual_seed(3))
    with torch.device("meta"):
        again = tiny.draw(8, 6, torch.Generator().manual_seed(3))
    assert [part.tolist() for part in again] == [part.tolist() for part in kept]


def test_half_precision_says_the_same(tiny: Passt) -> None:
    exact = tiny(images(4, 96))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = tiny(images(4, 96))
    assert torch.nn.functional.cosine_similarity(half.float(), exact, dim=-1).min() > 0.999


def test_trains_all_that_its_output_depends_on(tiny: Passt) -> None:
    tiny.train()
    tiny.head(tiny(images(2, 96))).square().sum().backward()
    frozen = {name for name, parameter in tiny.named_parameters() if not parameter.requires_grad}
    assert frozen == {"head_dist.weight", "head_dist.bias"}
    assert {name for name, parameter in tiny.named_parameters() if parameter.grad is None} == frozen
