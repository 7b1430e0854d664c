"""Protocols: what is published stays as it is."""

from dataclasses import fields, replace

import pytest

from harness.datasets.known import known_dataset
from harness.errors import UserError
from harness.measures.measure import measures_of
from harness.protocols.description import get_protocol
from harness.protocols.named import PROTOCOLS, Protocol

PUBLISHED = {
    "everyday": "30a96345571afc5d",
    "everyday-multi": "56362d418927f1d4",
    "everyday-validation": "9f8a6adbe316a070",
    "everyday-a2t": "55a6de26aee3cd22",
    "clotho-dcase2024": "c5b90cbd559f34b7",
    "clotho-dcase2025": "f2641a8634be4d6b",
    "clotho-validation": "b9769798947cb68f",
    "clotho-a2t": "9f42610007438f2d",
    "audiocaps": "8c4d75e1d3dc5188",
    "audiocaps-957": "c5d90af4b0a64611",
    "audiocaps-a2t": "4abcce554af09690",
    "folder": "6d6c4ab4a6b7fa79",
    "audiocaps-v2": "a94c711568e727a5",
    "audiocaps-v2-a2t": "9715f0c74be516ec",
    "clotho-graded2023": "6a1283091e01703e",
    "everyday-intents-question": "f889c0fdbaeba0db",
    "everyday-intents-command": "4ce0b90f4bd6b6ae",
    "everyday-intents-keywords": "2d72cdba54d298d8",
    "everyday-intents-paraphrase": "ce115791a272b1d6",
    "everyday-intents-negation": "2ef4360bd7639ca2",
    "clotho-intents-question": "774aed788e446d86",
    "clotho-intents-imperative": "4e487449c170e41c",
    "clotho-intents-paraphrase": "10427e370687bbfc",
    "clotho-intents-tagging": "5b83115668fca27a",
    "clotho-intents-negative": "5c8eb903335b5814",
    "audiocaps-intents-question": "689843b33b33d3b8",
    "audiocaps-intents-imperative": "44dcd0979b1a5f12",
    "audiocaps-intents-paraphrase": "981663835f6734a7",
    "audiocaps-intents-tagging": "acdfd938c0d36b15",
    "audiocaps-intents-negative": "cbb1771ad8fab201",
}
"""The beginning of every published digest. One that changes breaks every record made under it: give the changed rules
a new name instead."""


def test_published_protocols_never_change() -> None:
    assert {name: protocol.digest[:16] for name, protocol in PROTOCOLS.items()} == PUBLISHED


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_protocol_names_what_there_is(protocol: Protocol) -> None:
    entry = known_dataset(protocol.dataset)
    # AudioCaps 2.0 has the clips of 1.0 under other captions, so that leaks are looked for in one of them.
    assert protocol.split.removesuffix("-v2") in (*entry.evaluation, entry.validation)
    assert [str(measure) for measure in measures_of(protocol)] == list(protocol.measures)
    assert protocol.primary == protocol.measures[0]
    assert protocol.submission is None or protocol.direction == "text-to-audio"


def test_every_field_is_in_the_digest() -> None:
    base = get_protocol("clotho-dcase2024")
    changes = {
        "name": "other",
        "dataset": "audiocaps",
        "split": "validation",
        "direction": "audio-to-text",
        "measures": ("mAP@10",),
        "annotations": "some.csv",
        "submission": None,
        "ties": "other",
        "queries": "others.jsonl",
        "relevant_from": 50,
        "among": "judged",
    }
    assert set(changes) == {field.name for field in fields(Protocol)} - {"rules"}
    digests = {replace(base, **{name: value}).digest for name, value in changes.items()}
    assert len(digests | {base.digest}) == len(changes) + 1


def test_an_unknown_protocol_is_one_line() -> None:
    with pytest.raises(
        UserError, match=r"unknown protocol 'clotho'; did you mean .*\? Known are everyday, everyday-multi"
    ):
        get_protocol("clotho")
