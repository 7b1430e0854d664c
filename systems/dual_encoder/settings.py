"""Compares the settings that the authors' training framework keeps in a checkpoint with a card."""

from collections.abc import Mapping
from typing import Any

from systems.dual_encoder.card import DualEncoderCard

_ABSENT = object()


def contradictions(settings: Mapping[str, Any], card: DualEncoderCard) -> list[str]:
    """Describe each setting of a checkpoint that contradicts the card.

    Settings that do not matter here, or that the checkpoint does not have, are ignored.

    Args:
        settings: `hyper_parameters` of the authors' checkpoint.
        card: the card of the system.
    """
    model = card.audio.authors_name
    found = _value(settings, "audio_features.model")
    problems = []
    if isinstance(found, str) and not found.startswith(model):
        problems.append(f"audio_features.model is {found!r}, expected a name beginning with {model!r}")
    expected: dict[str, object] = {
        "audio_features.segment_length": card.windows.seconds,
        "audio_features.hop_length": card.windows.seconds,
        "audio_features.aggregate": "mean",
        "audio_features.adopt_n_layers": 0,
        "audio_features.sequence_model.num_layers": 0,
        "sentence_features.adopt_n_layers": 0,
        "sentence_features.max_sentence_tokens": card.text.longest,
        "sentence_features.remove_punctuation": card.text.normalised,
        "sentence_features.use_first_token": True,
        "shared_representation_size": card.shared,
    }
    for name, value in expected.items():
        found = _value(settings, name)
        if found is not _ABSENT and found != value:
            problems.append(f"{name} is {found!r}, expected {value!r}")
    return problems


def _value(settings: Any, name: str) -> object:
    """The value at a dotted name, or `_ABSENT`."""
    for part in name.split("."):
        if not isinstance(settings, Mapping) or part not in settings:
            return _ABSENT
        settings = settings[part]
    return settings
