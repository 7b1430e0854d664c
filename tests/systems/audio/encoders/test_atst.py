import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from systems.audio.encoders.atst import Atst, AtstConfig, stretch

TINY = AtstConfig(width=32, depth=2, heads=4)


@pytest.fixture
def tiny() -> Atst:
    torch.manual_seed(0)
    return Atst(TINY).eval()


def images(windows: int, frames: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((windows, 64, frames)).astype(np.float32))


def cubic(distance: float) -> float:
    """Keys's kernel with a = -0.75."""
    if distance <= 1:
        return 1.25 * distance**3 - 2.25 * distance**2 + 1
    return -0.75 * (distance**3 - 5 * distance**2 + 8 * distance - 4) if distance < 2 else 0.0


@pytest.mark.shared
def test_golden_output_of_the_reference(shared: Path) -> None:
    golden = np.load(shared / "golden" / "atst_tiny.npz")
    atst = Atst(TINY).eval()
    atst.load_state_dict({key[2:]: torch.from_numpy(golden[key]) for key in golden if key.startswith("w/")})
    steps = atst(torch.from_numpy(golden["mel"][:, 0]))
    assert steps.shape == (1, 25, 32)
    assert np.abs(steps.detach().numpy() - golden["frames"]).max() < 5e-5 * np.abs(golden["frames"]).max()


@pytest.mark.shared
def test_keys_and_shapes_of_the_published_file(shared: Path) -> None:
    published = json.loads((shared / "golden" / "bare_keys.json").read_text())["atst"]
    with torch.device("meta"):
        atst = Atst(AtstConfig())
    assert {key: list(value.shape) for key, value in atst.state_dict().items()} == published
    assert atst.width == 768


@pytest.mark.parametrize("kept", [1, 2, 57, 63])
def test_stretching_by_definition(kept: int) -> None:
    mel = images(2, 9)
    expected = torch.zeros(2, 64, 9)
    for band in range(64):
        place = band * (kept - 1) / 63
        for source in range(int(place) - 1, int(place) + 3):
            # What lies beyond the edge is what lies on it.
            expected[:, band] += cubic(abs(place - source)) * mel[:, min(max(source, 0), kept - 1)]
    torch.testing.assert_close(stretch(mel, kept), expected, rtol=1e-4, atol=1e-4)


def test_warp_in_training_only(tiny: Atst) -> None:
    mel = images(2, 101)
    whole = tiny(mel)
    tiny.train()
    drawn = tiny(mel, torch.Generator().manual_seed(5))
    assert not torch.allclose(drawn, whole, atol=1e-3)
    torch.testing.assert_close(tiny(mel, torch.Generator().manual_seed(5)), drawn, rtol=0, atol=0)
    kept = tiny.draw(torch.Generator().manual_seed(5))
    torch.testing.assert_close(tiny(mel, kept=kept), drawn, rtol=0, atol=0)
    torch.testing.assert_close(tiny.eval()(stretch(mel, kept)), drawn, rtol=0, atol=0)
    off = Atst(TINY.model_copy(update={"frequency_warp": 1.0})).train()
    off.load_state_dict(tiny.state_dict())
    torch.testing.assert_close(off(mel), whole, rtol=0, atol=0)


def test_draws_keep_nine_tenths_or_more(tiny: Atst) -> None:
    generator = torch.Generator().manual_seed(0)
    assert {tiny.draw(generator) for _ in range(300)} == {57, 58, 59, 60, 61, 62, 63}
    with pytest.raises(ValidationError, match="frequency_warp"):
        AtstConfig(frequency_warp=1.1)


def test_draws_are_made_on_the_cpu_whatever_device_is_in_force(tiny: Atst) -> None:
    kept = tiny.draw(torch.Generator().manual_seed(3))
    with torch.device("meta"):
        assert tiny.draw(torch.Generator().manual_seed(3)) == kept


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"frames": 3}, "a patch of 4 frames does not fit into an image of 3"),
        ({"bands": 128}, "unknown field; known are "),
    ],
)
def test_nonsensical_settings(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AtstConfig.model_validate(fields)


def test_length(tiny: Atst) -> None:
    torch.testing.assert_close(tiny(images(1, 43)), tiny(images(1, 43)[..., :40]), rtol=0, atol=0)
    assert tiny(images(1, 1001)).shape == (1, 250, 32)
    with pytest.raises(ValueError, match="1004 frames are 251 steps long.*ends at 250; expected at most 1003 frames"):
        tiny(images(1, 1004))


def test_half_precision_says_the_same(tiny: Atst) -> None:
    exact = tiny(images(2, 200))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = tiny(images(2, 200))
    assert torch.nn.functional.cosine_similarity(half.float(), exact, dim=-1).min() > 0.999


def test_trains_all_that_its_output_depends_on(tiny: Atst) -> None:
    tiny.train()
    tiny(images(2, 1000)).square().sum().backward()
    frozen = {name for name, parameter in tiny.named_parameters() if not parameter.requires_grad}
    assert frozen == {"mask_embed"}
    assert {name for name, parameter in tiny.named_parameters() if parameter.grad is None} == frozen
