"""Sentences: patterns that join the sounds of a scene, each with exactly the relations it states."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.datasets.everyday.claims import Mention, Relation
from harness.datasets.everyday.draws import Draws
from harness.datasets.everyday.scenes import Sound
from harness.datasets.everyday.vocabulary import LABELS, SETTINGS, WORDINGS

Form = Literal["finite", "gerund"]


@dataclass(frozen=True, slots=True)
class Part:
    """One sound of a scene, with what a caption claims of it, in words.

    `finite` is a main clause ("a dog barks twice"), `gerund` and `noun` are noun phrases ("a dog barking twice" and
    "a dog").
    """

    sound: Sound
    mention: Mention
    finite: str
    gerund: str
    noun: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence without its capital letter and full stop, and what it states."""

    text: str
    form: Form
    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...] = ()


# What the patterns say: of parts a, b, c, each pair (i, j, kind) is stated. The parts are given in order of onset.
_Stated = tuple[tuple[int, int, Literal["before", "during"]], ...]
_PATTERNS: dict[_Stated, dict[Form, tuple[str, ...]]] = {
    (): {"finite": ("{0}",), "gerund": ("{0}",)},
    ((0, 1, "before"),): {
        "finite": (
            "{0}, then {1}",
            "{0} before {1}",
            "{0} and then {1}",
            "after {0}, {1}",
            "{1} after {0}",
            "first {0}, then {1}",
        ),
        "gerund": ("{0} followed by {1}", "{0}, then {1}", "{0} and then {1}"),
    },
    ((0, 1, "during"),): {
        "finite": ("{0} while {1}", "{1} while {0}", "{0} as {1}", "while {0}, {1}", "{0} and at the same time {1}"),
        "gerund": ("{0} at the same time as {1}", "{0} and {1} at the same time"),
    },
    ((0, 1, "before"), (0, 2, "before"), (1, 2, "before")): {
        "finite": ("{0}, then {1}, then {2}", "{0}, then {1}, and after that {2}", "after {0}, {1} and then {2}"),
        "gerund": ("{0} followed by {1} and then {2}", "{0}, then {1}, then {2}"),
    },
    ((0, 1, "during"), (0, 2, "before"), (1, 2, "before")): {
        "finite": ("{0} while {1}, then {2}", "{1} while {0}, and then {2}"),
        "gerund": ("{0} at the same time as {1}, followed by {2}",),
    },
    ((0, 1, "before"), (0, 2, "before"), (1, 2, "during")): {
        "finite": ("{0}, then {1} while {2}", "after {0}, {1} while {2}"),
        "gerund": ("{0} followed by {1} and {2} at the same time",),
    },
}
_LISTS = ("{0}", "{0} and {1}", "{0}, {1} and {2}")
_BEHIND_CLAUSE = ("{0} while {1}", "{0} as {1}", "as {1}, {0}", "while {1}, {0}", "{1} while {0}")
_BEHIND = ("{0} with {2} in the background", "{0} {3}")


def related(draws: Draws, parts: Sequence[Part]) -> Sentence | None:
    """A sentence that says how one to three parts, given in order of onset, follow or accompany each other."""
    sounds = [part.sound for part in parts]
    stated: list[tuple[int, int, Literal["before", "during"]]] = []
    for second in range(len(parts)):
        for first in range(second):
            before = sounds[first].before(sounds[second])
            stated.append((first, second, "before" if before else "during"))
    patterns = _PATTERNS.get(tuple(sorted(stated, key=lambda pair: pair[:2])))
    if patterns is None:
        return None
    form = _form(draws)
    return _filled(draws.choose(patterns[form]), form, parts, tuple(Relation(*pair) for pair in stated))


def listed(draws: Draws, parts: Sequence[Part]) -> Sentence:
    """A sentence that only says that one to three parts are there, in any order."""
    form = _form(draws)
    return _filled(_LISTS[len(parts) - 1], form, draws.some(parts, len(parts)), ())


def named(draws: Draws, parts: Sequence[Part]) -> Sentence:
    """`the sound of a cat`, without how often, how far or in what order."""
    *most, last = draws.some(parts, len(parts))
    names = f"{', '.join(part.noun for part in most)} and {last.noun}" if most else last.noun
    mentions = tuple(Mention(part.mention.term) for part in (*most, last))
    return Sentence(f"the sound{'s' if most else ''} of {names}", "gerund", mentions)


def with_background(draws: Draws, sentence: Sentence, background: Sound) -> Sentence:
    """Add what sounds all the time."""
    term = LABELS[background.label].terms[0]
    wording = draws.choose(WORDINGS[term])
    # A sentence with a relation has a subordinate clause already.
    plain = sentence.form == "finite" and not sentence.relations
    pattern = draws.choose(_BEHIND_CLAUSE + _BEHIND if plain else _BEHIND)
    text = pattern.format(
        sentence.text,
        f"{wording.subject} {wording.finite}",
        f"{wording.subject} {wording.gerund}",
        draws.choose(SETTINGS[background.label]),
    )
    count = len(sentence.mentions)
    return Sentence(
        text,
        sentence.form,
        (*sentence.mentions, Mention(term)),
        sentence.relations + tuple(Relation(index, count, "during") for index in range(count)),
    )


def _form(draws: Draws) -> Form:
    return "finite" if draws.chance(58) else "gerund"


def _filled(pattern: str, form: Form, parts: Sequence[Part], relations: tuple[Relation, ...]) -> Sentence:
    text = pattern.format(*(part.finite if form == "finite" else part.gerund for part in parts))
    return Sentence(text, form, tuple(part.mention for part in parts), relations)
