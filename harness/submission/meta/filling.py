"""A system's meta file: what the person wrote, completed from the system's card and run."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UserError
from harness.interface import TrainingSection, recorded_training_of
from harness.runs import SystemRecord
from harness.submission.editions.profiles import Profile
from harness.submission.meta.author_checks import LONGEST_ABBREVIATION
from harness.submission.meta.data_sets import described
from harness.submission.meta.template import AUTO

OVERRIDES = "systems"
"""Section of a person's file that holds what differs between systems; it is not handed in."""


def known(profile: Profile, system: SystemRecord, results: Mapping[str, float]) -> dict[str, Any]:
    """What lbar knows about a system, in the sections of a meta file; `None` for what is not known.

    Args:
        profile: the edition.
        system: from its record.
        results: on the development-testing split, by measure.
    """
    card: Mapping[str, Any] = system.card or {}
    training = recorded_training_of(card) or TrainingSection()
    schedule = (training.model_extra or {}).get("schedule") or {}
    description: dict[str, Any] = dict.fromkeys(profile.described_by)
    description |= {
        "input_sampling_rate": f"{system.sample_rate / 1000:g}kHz",
        "ensemble": len(card["members"]) if card.get("members") else None,
        "learning_rate": schedule.get("highest"),
        **_of_members(card.get("members") or ()),
        **(card.get("described") or {}),
    }
    return {
        "submission": {"name": card.get("about") or system.name, "abbreviation": abbreviated(system.name)},
        "system": {
            "description": {key: value for key, value in description.items() if key in profile.described_by},
            "complexity": {"total_parameters": system.parameters},
            "train_datasets": described(system.trained_on, "training") or None,
            "validation_datasets": described([f"{training.validation}-validation"], "choice of the checkpoint")
            if training.validation
            else None,
            "source_code": None,
        },
        "results": {
            profile.results.section: {
                name: round(results[name], 6) if name in results else None for name in profile.results.measures
            }
        },
    }


def _of_members(names: Sequence[str]) -> dict[str, Any]:
    """The descriptions in the cards of an ensemble's members, each value once."""
    from harness.interface import common_part, read_card

    described_as: dict[str, dict[str, None]] = {}
    for name in names:
        try:
            card = common_part(read_card(name)[0])
        except UserError:
            continue
        for key, value in card.described.items():
            described_as.setdefault(key, {})[str(value)] = None
    return {key: next(iter(values)) if len(values) == 1 else list(values) for key, values in described_as.items()}


def filled(person: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """A person's file with `auto` replaced, and with the sections and the sections' keys that it lacks.

    Whatever the person wrote stays, unknown keys included. Nothing is added deeper than a section's own keys.

    >>> ours = {"system": {"description": {"y": 2, "z": 3}, "w": 4}}
    >>> filled({"system": {"description": {"x": 1, "y": "auto"}}}, ours)
    {'system': {'description': {'x': 1, 'y': 2}, 'w': 4}}
    """
    document = {key: _resolved(value, ours.get(key)) for key, value in person.items() if key != OVERRIDES}
    for section, content in ours.items():
        there = document.setdefault(section, content)
        if isinstance(there, dict) and isinstance(content, dict):
            document[section] = there | {key: value for key, value in content.items() if key not in there}
    return document


def overridden(person: Mapping[str, Any], system: str) -> dict[str, Any]:
    """A person's file, in which this system's part of the section `systems` replaces what all systems have.

    Raises:
        UserError: the section `systems` is no mapping of systems' names to sections.
    """
    special = person.get(OVERRIDES) or {}
    if not isinstance(special, dict) or not all(isinstance(sections, dict) for sections in special.values()):
        raise UserError(
            f"the section `{OVERRIDES}:` of the meta file is no mapping of systems' names to the sections they replace"
        )
    common = {key: value for key, value in person.items() if key != OVERRIDES}
    return _merged(common, special.get(system, {}))


def unknown_parts(document: Mapping[str, Any], person: Mapping[str, Any]) -> list[str]:
    """Keys for which the person wrote `auto` and lbar knows no value."""
    unknown = [path for path, value in _leaves(person) if value == AUTO and _at(document, path) is None]
    # One system is no ensemble: !!null says so.
    return [path[-1] for path in unknown if path[-1] != "ensemble"]


def abbreviated(name: str) -> str:
    """A name in at most ten characters.

    >>> abbreviated("linear"), abbreviated("passt-m3-clotho"), abbreviated("dcase2025-baseline")
    ('linear', 'pass-m3-cl', 'dcase-base')
    """
    if len(name) <= LONGEST_ABBREVIATION:
        return name
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", name) if part]
    room = LONGEST_ABBREVIATION - len(parts) + 1
    if room < len(parts):
        return "".join(parts)[:LONGEST_ABBREVIATION]
    lengths = [min(len(part), room // len(parts)) for part in parts]
    for place, part in enumerate(parts):
        lengths[place] = min(len(part), lengths[place] + room - sum(lengths))
    return "-".join(part[:length] for part, length in zip(parts, lengths, strict=True))


def written(document: Mapping[str, Any]) -> str:
    """The text of a meta file."""
    import yaml

    text: str = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=1000)
    return text


def _resolved(value: Any, known_value: Any) -> Any:
    if value == AUTO:
        return known_value
    if isinstance(value, dict):
        below = known_value if isinstance(known_value, dict) else {}
        return {key: _resolved(entry, below.get(key)) for key, entry in value.items()}
    return value


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    return merged


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for key, entry in value.items() for leaf in _leaves(entry, (*path, str(key)))]
    return [(path, value)]


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
