"""What people call the sounds: names, verbs, and the wider families a sound belongs to."""

from dataclasses import dataclass
from pathlib import Path

from harness.machine import read_yaml


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of a sound.

    Attributes:
        terms: every true name of it, the narrowest first.
        countable: its recordings hold a single call or stroke, so "twice" means something.
        background: it lasts and fills a scene.
        repetitions: how often it sounds in a scene, where this is not drawn.
    """

    terms: tuple[str, ...]
    countable: bool = False
    background: bool = False
    repetitions: int = 0


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to say that something sounds: "a cat" + "meows", "a cat" + "meowing", the sound of "a cat".

    `unit` is the countable noun for one call or stroke, singular and plural.
    """

    subject: str
    finite: str
    gerund: str
    noun: str
    unit: tuple[str, str] | None = None


def _read() -> tuple[
    dict[str, Label], dict[str, tuple[Wording, ...]], dict[str, tuple[str, ...]], dict[str, tuple[str, str]]
]:
    """The four tables of `vocabulary.yaml`, in the order of the file, which the random draws depend on."""
    tables = read_yaml(Path(__file__).with_suffix(".yaml"))
    labels = {name: Label(**{**fields, "terms": tuple(fields["terms"])}) for name, fields in tables["labels"].items()}
    wordings = {
        name: tuple(Wording(*words[:4], *map(tuple, words[4:])) for words in ways)
        for name, ways in tables["wordings"].items()
    }
    settings, several = ({name: tuple(texts) for name, texts in tables[key].items()} for key in ("settings", "several"))
    return labels, wordings, settings, several


LABELS, WORDINGS, SETTINGS, SEVERAL = _read()
"""By sound: its label; the ways to say that it sounds; phrases that put a scene before it as a background. By family of
sounds: a clause, finite and with a gerund, that says that several of its members sound."""
