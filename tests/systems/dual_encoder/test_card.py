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
