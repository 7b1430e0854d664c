from collections.abc import Callable

import pytest

from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.settings import contradictions

AGREEING = {
    "audio_features": {
        "model": "passt",
        "segment_length": 10,
        "hop_length": 10,
        "aggregate": "mean",
        "adopt_n_layers": 0,
        "sequence_model": {"num_layers": 0},
    },
    "sentence_features": {"max_sentence_tokens": 32, "remove_punctuation": True, "use_first_token": True},
    "shared_representation_size": 8,
    "lr_audio_encoder": 2e-5,
}


@pytest.mark.parametrize("settings", [AGREEING, {}, {"roberta_base": False}, {"audio_features": None}])
def test_nothing_to_say(dual_card: Callable[..., DualEncoderCard], settings: dict[str, object]) -> None:
    assert contradictions(settings, dual_card()) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"audio_features": {"model": "mn40_as_ext"}}, "audio_features.model is 'mn40_as_ext'"),
        ({"audio_features": {"segment_length": 30}}, "audio_features.segment_length is 30, expected 10"),
        ({"audio_features": {"adopt_n_layers": 2}}, "audio_features.adopt_n_layers is 2, expected 0"),
        ({"sentence_features": {"use_first_token": False}}, "use_first_token is False, expected True"),
        ({"shared_representation_size": 1024}, "shared_representation_size is 1024, expected 8"),
        ({"audio_features": {"hop_length": 5}}, "audio_features.hop_length is 5, expected 10"),
        ({"audio_features": {"aggregate": "max"}}, "audio_features.aggregate is 'max', expected 'mean'"),
        ({"audio_features": {"sequence_model": {"num_layers": 1}}}, "sequence_model.num_layers is 1, expected 0"),
        ({"sentence_features": {"adopt_n_layers": 1}}, "sentence_features.adopt_n_layers is 1, expected 0"),
        ({"sentence_features": {"max_sentence_tokens": 64}}, "max_sentence_tokens is 64, expected 32"),
        ({"sentence_features": {"remove_punctuation": False}}, "remove_punctuation is False, expected True"),
    ],
)
def test_each_contradiction(
    dual_card: Callable[..., DualEncoderCard], settings: dict[str, object], problem: str
) -> None:
    (found,) = contradictions(settings, dual_card())
    assert problem in found


def test_model_names_of_the_others(dual_card: Callable[..., DualEncoderCard]) -> None:
    assert contradictions({"audio_features": {"model": "mn40_as_ext"}}, dual_card("mobilenet")) == []
    assert contradictions({"audio_features": {"model": "atst"}}, dual_card("atst")) == []
