"""The two towers: what goes through them, what it costs, and how many weights they have."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.interface.cards.card import parse_card, read_card
from harness.interface.names import registered
from systems.audio.windows import WindowConfig
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder

RATE = 32_000
Card = Callable[..., DualEncoderCard]
Seeded = Callable[[DualEncoderCard], DualEncoder]


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)


def embed(model: DualEncoder, *clips: np.ndarray, at_once: int | None = None) -> torch.Tensor:
    with torch.inference_mode():
        return model.embed_clips(clips, at_once)


def assert_close(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> None:
    assert torch.linalg.norm(found - expected) <= tolerance * torch.linalg.norm(expected)


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
def test_a_clip_costs_its_own_windows_and_no_padding(dual_card: Card, seeded_model: Seeded, encoder: str) -> None:
    model = seeded_model(dual_card(encoder))
    short, long = noise(12), noise(30, 1)
    computed = []
    forward = type(model.audio).forward

    def counted(self: torch.nn.Module, images: torch.Tensor, *more: object) -> torch.Tensor:
        computed.append(len(images))
        return forward(self, images, *more)

    with patch.object(type(model.audio), "forward", counted):
        together = embed(model, short, long)
        assert sum(computed) == 2 + 3
        computed.clear()
        alone = embed(model, short)
        assert sum(computed) == 2
    assert_close(together[:1], alone)


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
@pytest.mark.parametrize("windows", [{"seconds": 10}, {"seconds": None}, {"averaging": "published"}])
def test_passes_of_any_size_give_the_same(
    dual_card: Card, seeded_model: Seeded, encoder: str, windows: dict[str, object]
) -> None:
    if encoder != "mobilenet" and windows == {"seconds": None}:
        windows = {"seconds": None, "longest_seconds": 9}
    model = seeded_model(dual_card(encoder, windows=windows))
    clips = [noise(seconds, round(seconds)) for seconds in (3, 21, 0.5, 10, 21)]
    whole = embed(model, *clips)
    assert whole.shape == (5, 8)
    for at_once in (1, 2, 3):
        assert_close(embed(model, *clips, at_once=at_once), whole)
    assert_close(torch.cat([embed(model, clip) for clip in clips]), whole)
    assert_close(whole[4:], embed(model, noise(21, 21)))


def test_a_whole_clip_is_not_padded(dual_card: Card, seeded_model: Seeded) -> None:
    model = seeded_model(dual_card("mobilenet", windows={"seconds": None, "longest_seconds": None}))
    clip = noise(13.7)
    with torch.inference_mode():
        features = model.audio(model.front_end(torch.from_numpy(clip)[None]))[:, 0]
        assert_close(embed(model, clip), model.audio_projection(features))


def test_what_comes_after_the_longest_is_not_heard(dual_card: Card, seeded_model: Seeded) -> None:
    model = seeded_model(dual_card(windows={"longest_seconds": 12}))
    clip = noise(25)
    torch.testing.assert_close(embed(model, clip), embed(model, clip[: 12 * RATE]), rtol=0, atol=0)


def test_training_goes_through_both_towers(dual_card: Card) -> None:
    model = DualEncoder.seeded(dual_card(), 0).train()
    first = torch.Generator().manual_seed(1)
    clips, ids = [noise(10), noise(12, 1)], [[0, 50, 60, 2], [0, 70, 2]]
    scores = model.embed_clips(clips, generator=first) @ model.embed_captions(ids).T
    scores.diagonal().sum().backward()
    unused = {"head", "head_dist", "mask_embed"}
    without = [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
    assert all(unused & set(name.split(".")) for name in without), without
    reached = {name.split(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert reached == {"audio", "text", "audio_projection", "text_projection"}
    again = torch.Generator().manual_seed(1)
    torch.testing.assert_close(
        model.embed_clips(clips, generator=again), model.embed_clips(clips, generator=again.manual_seed(1))
    )


def test_a_seed_decides_the_weights_and_nothing_else(dual_card: Card) -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    one, same, other = (DualEncoder.seeded(dual_card(), seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(tensor, same[name]) for name, tensor in one.items())
    assert not torch.equal(one["audio_projection.weight"], other["audio_projection.weight"])


def test_a_seed_is_no_matter_of_accelerators(dual_card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def seeded(seed: int) -> None:
        raise AssertionError("their state is not put back")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded)
    DualEncoder.seeded(dual_card(), 0)


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
def test_silence_is_defined(dual_card: Card, seeded_model: Seeded, encoder: str) -> None:
    model = seeded_model(dual_card(encoder))
    silence = np.zeros(15 * RATE, np.float32)
    vectors = embed(model, silence, noise(3), silence[:RATE])
    assert vectors.isfinite().all()
    assert vectors.any(dim=1).all()
    assert_close(vectors[:1], embed(model, silence))


def test_no_clips_and_no_captions(dual_card: Card, seeded_model: Seeded) -> None:
    model = seeded_model(dual_card())
    assert embed(model).shape == model.embed_captions([]).shape == (0, 8)


@pytest.mark.parametrize(
    ("encoder", "windows", "said"),
    [
        ("passt", {"seconds": 30}, "windows.seconds is 30, longer than the 10.07 s that this encoder takes at once"),
        ("atst", {"seconds": 10.03}, "windows.seconds is 10.03, longer than the 10.02 s that this encoder takes"),
        ("passt", {"seconds": None}, "windows.longest_seconds is 30, longer than the 10.07 s"),
        (
            "atst",
            {"seconds": None, "longest_seconds": None},
            "windows.longest_seconds is unlimited, longer than the",
        ),
    ],
)
def test_windows_that_the_encoder_cannot_hear(
    dual_card: Card, encoder: str, windows: dict[str, object], said: str
) -> None:
    card = dual_card().model_dump(mode="json") | {"audio": {"encoder": encoder}, "windows": windows}
    with pytest.raises(UserError) as caught:
        parse_card(DualEncoderCard, card)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("windows", [{"seconds": 10.02}, {"seconds": None, "longest_seconds": 10}, {"seconds": 0.2}])
@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
def test_windows_that_every_encoder_hears(
    dual_card: Card, seeded_model: Seeded, encoder: str, windows: dict[str, object]
) -> None:
    model = seeded_model(dual_card(encoder, windows=windows))
    assert embed(model, noise(11), noise(0.01)).isfinite().all()


@pytest.mark.parametrize("windows", [{"seconds": 40}, {"seconds": None, "longest_seconds": None}])
def test_a_convolution_hears_windows_of_any_length(dual_card: Card, windows: dict[str, object]) -> None:
    assert dual_card("mobilenet", windows=windows).windows.seconds == windows["seconds"]


def test_an_empty_one_takes_no_memory_and_all_weights(dual_card: Card, seeded_model: Seeded) -> None:
    card = dual_card()
    model = seeded_model(card)
    empty = DualEncoder.empty(card)
    assert {tensor.device.type for tensor in empty.state_dict().values()} == {"meta"}
    empty.load_state_dict(model.state_dict(), assign=True)
    torch.testing.assert_close(embed(empty.eval(), noise(4)), embed(model, noise(4)), rtol=0, atol=0)
    ids = [[0, 5, 6, 7, 2], [0, 2]]
    torch.testing.assert_close(empty.embed_captions(ids), model.embed_captions(ids), rtol=0, atol=0)


def test_cards_say_how_many_parameters_there_are() -> None:
    cards = {name: read_card(name)[0] for name, target in registered().items() if Path(target).suffix == ".yaml"}
    dual = {name: card for name, card in cards.items() if card["factory"] == "systems.dual_encoder.system:from_card"}
    assert len(dual) >= 25
    for name, card in dual.items():
        counted = sum(weight.numel() for weight in DualEncoder.empty(parse_card(DualEncoderCard, card)).parameters())
        assert card["parameters"] == counted, f"{name}: {counted}"
        assert counted < 600_000 or not name.startswith("tiny-")


def test_the_windows_of_the_paper() -> None:
    def windows(name: str) -> WindowConfig:
        return parse_card(DualEncoderCard, read_card(name)[0]).windows

    assert windows("passt-m3-clotho") == WindowConfig(seconds=10, longest_seconds=30)
    assert windows("mn-m3-clotho") == WindowConfig(seconds=30, longest_seconds=30)
    assert windows("mn-m1-audiocaps") == windows("atst-stage1-audiocaps") == WindowConfig(longest_seconds=10)
    assert windows("passt-distilled-all").averaging == "published"


@pytest.mark.parametrize(("device", "together"), [("cpu", [64, 64, 64, 64, 44]), ("meta", [256, 44])])
def test_captions_are_computed_in_batches_that_suit_the_device(
    dual_card: Card, device: str, together: list[int]
) -> None:
    model = DualEncoder.seeded(dual_card(), 0).eval().to(device)
    found: list[int] = []
    model.text.register_forward_hook(lambda *seen: found.append(len(seen[2]["input_ids"])), with_kwargs=True)
    with torch.inference_mode():
        assert model.embed_captions([[0, 50, 2]] * 300).shape == (300, 8)
    assert found == together
