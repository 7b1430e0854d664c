from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation.evaluating import Options, evaluate
from harness.interface.cards.card import parse_card, read_card
from harness.interface.conformance import check
from harness.interface.systems import load_system
from harness.protocols.description import get_protocol
from systems.linear import LinearCard, LinearSystem, LinearWeights, from_card
from systems.training.linear import train_linear

WORDS = ("bark", "dog", "rain", "the")


@pytest.fixture(scope="module")
def weights(small_card: LinearCard) -> LinearWeights:
    random = np.random.default_rng(0)
    dimension = small_card.statistics().dimension

    def draw(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    return LinearWeights(
        vocabulary=WORDS,
        idf=np.array([2.0, 1.5, 1.8, 1.0], np.float32),
        topics=draw(3, 4),
        centre=draw(3),
        text_projection=draw(3, 2),
        audio_mean=draw(dimension),
        audio_scale=np.abs(draw(dimension)) + 0.5,
        audio_projection=draw(dimension, 2),
    )


@pytest.fixture(scope="module")
def system(small_card: LinearCard, weights: LinearWeights) -> LinearSystem:
    return LinearSystem(small_card, weights)


def test_text_side_by_definition(system: LinearSystem, weights: LinearWeights) -> None:
    counts = np.array([0, 2, 0, 1])
    words = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * weights.idf
    topics = weights.topics @ (words / np.linalg.norm(words))
    expected = (topics / np.linalg.norm(topics) - weights.centre) @ weights.text_projection
    np.testing.assert_allclose(system.embed_text(["The DOG sees a dog!"])[0], expected, rtol=1e-5)


def test_audio_side_by_definition(system: LinearSystem, small_card: LinearCard, weights: LinearWeights) -> None:
    clip = np.random.default_rng(1).uniform(-0.5, 0.5, 20_000).astype(np.float32)
    statistics = small_card.statistics()(clip).astype(np.float64)
    expected = (statistics - weights.audio_mean) / weights.audio_scale @ weights.audio_projection
    np.testing.assert_allclose(system.embed_audio([clip])[0], expected, rtol=1e-4, atol=1e-4)


def test_keeps_the_contract(system: LinearSystem) -> None:
    assert check(system) == []


@pytest.mark.parametrize("caption", ["", "?!", "zebra crossing", "🐕"])
def test_a_caption_without_a_known_word(system: LinearSystem, weights: LinearWeights, caption: str) -> None:
    expected = -weights.centre @ weights.text_projection
    np.testing.assert_allclose(system.embed_text([caption])[0], expected, rtol=1e-6)
    assert np.linalg.norm(expected) > 0


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_a_clip_of_next_to_nothing(system: LinearSystem, samples: int) -> None:
    vector = system.embed_audio([np.full(samples, 0.1, np.float32)])
    assert np.isfinite(vector).all()
    assert vector.any()


def test_weights_survive_their_file(small_card: LinearCard, weights: LinearWeights, tmp_path: Path) -> None:
    (tmp_path / "small.safetensors").write_bytes(weights.to_bytes())
    read = LinearWeights.read(tmp_path / "small.safetensors")
    assert read.vocabulary == weights.vocabulary
    for field in fields(weights)[1:]:
        np.testing.assert_array_equal(getattr(read, field.name), getattr(weights, field.name))
    assert read.to_bytes() == weights.to_bytes()
    assert read.parameters == 4 + 12 + 3 + 6 + 2 * len(weights.audio_mean) + weights.audio_projection.size


def test_digest_follows_card_and_weights_but_not_the_place(small_card: LinearCard, weights: LinearWeights) -> None:
    def digest(card: LinearCard, weights: LinearWeights) -> str | None:
        return LinearSystem(card, weights).info.digest

    same = digest(small_card.model_copy(update={"files": {}}), weights)
    assert digest(small_card, weights) == same
    assert digest(small_card.model_copy(update={"lags": (10, 1)}), weights) != same
    other = {field.name: getattr(weights, field.name) for field in fields(weights)} | {"centre": weights.centre + 1}
    assert digest(small_card, LinearWeights(**other)) != same


def test_missing_weights_say_how_to_make_them(small_card: LinearCard, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lbar train linear"):
        from_card(small_card.model_dump(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"pickle?", b"\x08\0\0\0\0\0\0\0{}      "])
def test_damaged_weights(small_card: LinearCard, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "small.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"small\.safetensors cannot be read"):
        from_card(small_card.model_dump(), tmp_path)


def test_weights_that_are_not_finite(small_card: LinearCard, weights: LinearWeights, tmp_path: Path) -> None:
    broken = replace(weights, centre=np.array([1, np.nan, 1], np.float32))
    (tmp_path / "small.safetensors").write_bytes(broken.to_bytes())
    with pytest.raises(UserError, match=r"small\.safetensors cannot be used: centre hold NaN or infinity; `lbar train"):
        from_card(small_card.model_dump(), tmp_path)


def test_all_that_is_wrong_with_a_card_is_said(small_card: LinearCard) -> None:
    card = small_card.model_dump() | {"bands": "many", "surprise": 1}
    del card["ridge"]
    with pytest.raises(UserError, match="'small'") as caught:
        parse_card(LinearCard, card)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["bands", "ridge", "surprise"]


def test_the_system_that_comes_with_the_package() -> None:
    system = load_system("linear")
    assert check(system) == []
    assert system.info.name == "linear"
    assert system.info.trained_on == ("everyday",)
    assert system.info.card is not None
    assert system.info.card["ridge"] == read_card("linear")[0]["ridge"]
    card, folder = read_card("linear")
    assert (folder / "../weights/linear.safetensors").stat().st_size < 1_500_000
    assert system.info.parameters == card["parameters"]


@pytest.mark.slow
def test_ten_times_chance_on_everyday(tmp_path: Path) -> None:
    run = evaluate(load_system("linear"), get_protocol("everyday"), Options(out=tmp_path))
    chance = sum(1 / rank for rank in range(1, 11)) / run.record.dataset.clips
    assert run.record.primary.value > 10 * chance


@pytest.mark.slow
def test_training_gives_the_weights_that_are_shipped(tmp_path: Path) -> None:
    card, folder = read_card("linear")
    shipped = LinearWeights.read(folder / "../weights/linear.safetensors")
    train_linear(card, folder, tmp_path, tmp_path)
    trained = LinearWeights.read(tmp_path / "linear" / "linear.safetensors")
    assert trained.vocabulary == shipped.vocabulary
    # Signs of the directions may differ between processors; the map from sound to words does not.
    found, expected = (
        weights.audio_projection @ weights.text_projection.T @ weights.topics for weights in (trained, shipped)
    )
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
