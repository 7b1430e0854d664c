"""Keywords fused with sound, late and mid-level: what they change, and that a clip without them loses nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.interface.cards.card import parse_card, read_card
from harness.interface.conformance import check
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.metadata import MetadataConfig, MidFusion, dropped, keyword_ids, keyword_text
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.system import DualEncoderSystem
from systems.text.captions import CaptionTokenizer
from systems.training.fitting.losses import supervised_loss

Card = Callable[..., DualEncoderCard]
Seeded = Callable[[DualEncoderCard], DualEncoder]
TOKENIZER = Path(__file__).parents[3] / "systems" / "text" / "tiny_tokenizer"
MID = {"fusion": "mid", "heads": 2, "intermediate": 32}
KINDS = pytest.mark.parametrize("metadata", [{"fusion": "late"}, {"fusion": "late", "normalised": False}, MID])
KEYWORDS = [[0, 40, 41, 2], [], [0, 42, 2], []]


def clips() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.uniform(-0.5, 0.5, round(seconds * 32_000)).astype(np.float32) for seconds in (1, 3, 2, 1.5)]


def embed(model: DualEncoder, keywords: Sequence[list[int]] | None) -> torch.Tensor:
    with torch.inference_mode():
        return model.embed_clips(clips(), keywords=keywords)


def card_of(dual_card: Card, metadata: dict[str, object]) -> DualEncoderCard:
    return dual_card("mobilenet", windows={"seconds": 2}, metadata=metadata)


@KINDS
def test_a_clip_without_keywords_is_as_by_its_sound_alone(
    dual_card: Card, seeded_model: Seeded, metadata: dict[str, object]
) -> None:
    model = seeded_model(card_of(dual_card, metadata))
    fused, heard = embed(model, KEYWORDS), embed(model, None)
    norms = torch.linalg.norm(heard, dim=1)
    difference = torch.linalg.norm(fused - heard, dim=1) / norms
    assert difference[[1, 3]].max() <= 1e-6
    assert difference[[0, 2]].min() > 1e-3
    same = embed(model, KEYWORDS[:1] + KEYWORDS[1:3] + [[0, 99, 98, 97, 2]])
    assert (torch.linalg.norm(same - fused, dim=1) / norms)[:3].max() <= 1e-6


@KINDS
def test_either_side_can_be_left_out(dual_card: Card, seeded_model: Seeded, metadata: dict[str, object]) -> None:
    card = card_of(dual_card, metadata | {"ablated": "audio"})
    model = seeded_model(card)
    with patch.object(type(model.audio), "forward", side_effect=AssertionError("it listens")):
        known = embed(model, KEYWORDS)
    assert torch.linalg.norm(known[0] - known[2]) > 0
    assert torch.equal(known[1], known[3])
    assert card.uses == ("keywords",)

    deaf = card_of(dual_card, metadata | {"ablated": "metadata"})
    model = seeded_model(deaf)
    assert torch.equal(embed(model, KEYWORDS), embed(model, None))
    assert deaf.uses == ()


def test_late_fusion_adds_vectors_of_length_one(dual_card: Card, seeded_model: Seeded) -> None:
    model = seeded_model(card_of(dual_card, {"fusion": "late"}))
    both = embed(model, KEYWORDS)[0]
    parts = []
    for side in ("audio", "metadata"):
        model.metadata = MetadataConfig(ablated=side)
        parts.append(embed(model, KEYWORDS)[0])
    expected = sum(part / torch.linalg.norm(part) for part in parts)
    torch.testing.assert_close(both, expected)


def test_mid_level_fusion_reads_its_first_place() -> None:
    """Against the same layers on each clip by itself, without padding."""
    torch.manual_seed(0)
    config = DualEncoderCard.model_validate(
        {"factory": "x:y", "name": "x", "audio": {"encoder": "mobilenet"}, "windows": {"seconds": 2}}
        | {"text": {"width": 16, "heads": 2}, "metadata": MID}
    ).metadata
    assert config is not None
    fusion = MidFusion(config, 24, 16).eval()
    steps, words = [torch.randn(7, 24), torch.randn(3, 24)], [torch.randn(4, 16), torch.randn(0, 16)]
    together = fusion(steps, words)
    for clip in range(2):
        torch.testing.assert_close(together[clip : clip + 1], fusion(steps[clip : clip + 1], words[clip : clip + 1]))
    x = fusion.entry(steps[1])
    rates = 10_000 ** -(torch.arange(0, 16, 2) / 16)
    angles = torch.arange(3)[:, None] * rates
    positions = torch.zeros(3, 16)
    positions[:, ::2], positions[:, 1::2] = angles.sin(), angles.cos()
    tokens = torch.cat([(fusion.summary + x.mean(0))[None], x + positions])[None]
    torch.testing.assert_close(together[1], fusion.layers[0](tokens)[0, 0])


def test_keywords_are_dropped_in_training_only(dual_card: Card, seeded_model: Seeded) -> None:
    generator = torch.Generator().manual_seed(0)
    kept = dropped([[0, 5, 2]] * 1_000, 0.2, generator)
    assert 150 < kept.count([]) < 250
    model = seeded_model(card_of(dual_card, {"fusion": "late", "dropout": 0.999}))
    heard = embed(model, None)
    assert not torch.equal(embed(model, KEYWORDS), heard)
    model.training = True  # Of the model alone: none of its parts draws anything.
    torch.testing.assert_close(model.embed_clips(clips(), keywords=KEYWORDS, generator=generator), heard)


@KINDS
def test_every_weight_learns(dual_card: Card, metadata: dict[str, object]) -> None:
    model = DualEncoder.seeded(card_of(dual_card, metadata | {"dropout": 0}), 0).train()
    heard = model.embed_clips(clips(), keywords=[[0, 40 + clip, 41, 2] for clip in range(4)])
    similarities = heard @ model.embed_captions([[0, 50 + clip, 2] for clip in range(4)]).T
    supervised_loss(similarities, torch.eye(4, dtype=torch.bool), 1.0).backward()
    silent = [name for name, one in model.named_parameters() if one.grad is None]
    assert [name for name in silent if not name.startswith("audio.")] == []


@KINDS
def test_the_system_keeps_the_contract(dual_card: Card, seeded_model: Seeded, metadata: dict[str, object]) -> None:
    card = card_of(dual_card, metadata)
    tokenizer = CaptionTokenizer.read(TOKENIZER, 600)
    system = DualEncoderSystem(card, seeded_model(card), tokenizer)
    assert system.info.uses == ("keywords",)
    assert check(system) == []
    other = card_of(dual_card, metadata | {"ablated": "audio"})
    assert DualEncoderSystem(other, seeded_model(other), tokenizer).info.digest != system.info.digest


def test_words_stay_apart() -> None:
    assert keyword_text(("field-recording", "Male speech, man speaking", "a_b;c")) == (
        "field recording, Male speech man speaking, a b c"
    )
    tokenizer = CaptionTokenizer.read(TOKENIZER, 600)
    found = keyword_ids(tokenizer, [{"keywords": ("snare-drum", "rain")}, {"keywords": ()}, {"keywords": ("?!",)}, {}])
    assert found == [*tokenizer(["snare drum, rain"]), [], [], []]


def test_cards_of_the_reconstruction() -> None:
    for name in ("hybrid-mn-clotho", "hybrid-mn-audiocaps"):
        card = parse_card(DualEncoderCard, read_card(name)[0])
        assert card.metadata is not None
        assert (card.metadata.fusion, card.uses, card.training is not None) == ("late", ("keywords",), True)
        assert "reconstructed" in card.about
        assert DualEncoder.empty(card).fusion.projection.weight.shape == (1024, 1024)
    with pytest.raises(UserError, match="metadata.heads is 12, which does not divide text.width 1024"):
        parse_card(DualEncoderCard, read_card("hybrid-mn-clotho")[0] | {"metadata": {"fusion": "mid"}})
