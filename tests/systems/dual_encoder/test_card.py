from collections.abc import Callable
from pathlib import Path

import pytest

from harness.interface.cards.card import parse_card, read_card
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder


@pytest.mark.parametrize("name", ["passt", "atst", "mn"])
def test_what_is_measured_at_full_size_is_of_the_published_sizes(name: str) -> None:
    full = Path(__file__).parents[2] / "benchmarks" / "cards" / f"full-{name}.yaml"
    measured, published = (parse_card(DualEncoderCard, read_card(one)[0]) for one in (str(full), f"{name}-m1-clotho"))
    assert measured.random_weights is not None
    # It has fewer words, whose vectors are only looked up.
    spared = (published.text.vocabulary - measured.text.vocabulary) * published.text.width
    sizes = [sum(one.numel() for one in DualEncoder.empty(card).parameters()) for card in (measured, published)]
    assert sizes[0] == sizes[1] - spared


def test_what_came_later_is_said_only_where_it_is_chosen(dual_card: Callable[..., DualEncoderCard]) -> None:
    """The digest of a system of an earlier version stays what it was; of another one it differs."""
    said, wanted = [], {"audio", "text", "training"}
    training = {"data": ["clotho"], "validation": "clotho"}
    text = {"vocabulary": 600, "width": 16, "depth": 1, "heads": 2, "intermediate": 32, "positions": 34}
    for change in ({}, {"pooling": "mean"}):
        card = dual_card("mobilenet", training=training, text=text | change)
        said.append(card.model_dump(mode="json", include=wanted, exclude=card.unsaid()))
    assert said[0]["audio"] == {"encoder": "mobilenet", "width_multiplier": 0.1, "classes": 7, "norm_momentum": 0.01}
    assert not {"initial_spread", "pooling"} & said[0]["text"].keys()
    assert not {"objective", "keep_images"} & said[0]["training"].keys()
    assert said[1]["text"]["pooling"] == "mean"
    assert not {"extra_captions", "replaced", "temperature"} & said[0]["training"].keys()


def test_what_came_later_inside_of_a_section(dual_card: Callable[..., DualEncoderCard]) -> None:
    audio = {"encoder": "mobilenet", "width_multiplier": 0.1}
    coarse, masking = (
        dual_card("mobilenet", audio=audio | {"mel": {"bands": 64, **more}}) for more in ({}, {"masked_bands": 8})
    )
    said = [card.model_dump(include={"audio"}, exclude=card.unsaid())["audio"]["mel"] for card in (coarse, masking)]
    assert said == [
        {"bands": 64, "hop": 320, "edge_jitter": True},
        {"bands": 64, "hop": 320, "edge_jitter": True, "masked_bands": 8},
    ]


def test_the_recipe_of_dcase_2023() -> None:
    first, second = (parse_card(DualEncoderCard, read_card(f"passt-dcase23{step}")[0]) for step in ("-pretrained", ""))
    for card in (first, second):
        assert card.training is not None
        mel = card.audio.front_end()
        assert (mel.masked_bands, mel.masked_frames, mel.edge_jitter) == (48, 192, True)
        assert (card.temperature, card.training.temperature, card.training.loss_scale) == (0.01, "trained", 0.5)
        assert (card.training.epochs, card.training.schedule.end, card.training.schedule.highest) == (16, 15, 2e-5)
        assert (card.training.batch, card.training.validation, card.training.leaks) == (64, "clotho", "exclude")
        assert "reconstructed" in card.about
        assert "audiocaps/test" in card.trained_on
    assert first.training is not None
    assert second.training is not None
    assert first.training.data == ("clotho", "audiocaps", "audiocaps/val", "audiocaps/test", "wavcaps")
    assert (second.training.data, second.training.start) == (("clotho",), "passt-dcase23-pretrained")
    assert (first.training.extra_captions, second.training.replaced) == ("", 0.3)
    assert second.training.extra_captions == "clotho_extra_captions.csv"
    (row,) = second.published
    assert row.measures == {"mAP@10": 38.56, "R@1": 26.07, "R@5": 55.27, "R@10": 69.30}
