"""Queries as people type them, for the scenes of `everyday`: questions, commands, key words, paraphrases, negations.

Each scene gets one query of each kind. What it claims is known, and so is every scene that it is true of. The files lie
beside the captions and are written when they are first asked for, the same on every machine.
"""

import csv
import hashlib
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.everyday.claims import Claims, Mention, Relation, SceneIndex
from harness.datasets.everyday.draws import Draws
from harness.datasets.everyday.scenes import APART, Scene, Sound
from harness.datasets.everyday.vocabulary import LABELS, WORDINGS
from harness.errors import UserError
from harness.machine import read_json, write_text

SEED = "everyday intents 1"

DIGEST = "082e8b89d7e249cb94a015c5a047a83e20c53f70db3fa6bd60960b6f31acb70f"
"""SHA-256 over the files of all kinds; whatever changes a letter is a new set of protocols."""

# What may be said not to be there: a train whistle without a train, or a single frog beside "no frogs", would leave it
# open whether that is true, and so would families that not all of their members are known to be in.
_EXCLUDABLE = {"bird", "brass", "instrument"} | (
    {about.terms[0] for about in LABELS.values()} - {"alarm", "frogs", "train", "train whistle", "water"}
)
_TRIES = 400
_BROADEST = 40
"""A query says too little when it is true of more scenes than this."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A query: what it claims, and of which sound it says that it must not be there (`None` but for negations)."""

    text: str
    claims: Claims
    excluded: str | None = None


def queries_name(kind: str) -> str:
    """The CSV of a kind's queries (`query,file_name`), beside the captions."""
    return f"intents_{kind}_evaluation.csv"


def relevance_name(kind: str) -> str:
    """The CSV that says which scenes a kind's queries are true of, beside the captions."""
    return f"intents_{kind}_relevance_evaluation.csv"


def place_intents(folder: Path) -> None:
    """Make sure that the files of all kinds lie in the folder of the evaluation split, whole and unchanged.

    In a folder that cannot be written to nothing is done: the protocols that need them say that they are missing.

    Raises:
        UserError: they cannot be written, or come out other than in this version.
    """
    if _digest(folder) == DIGEST or not os.access(folder, os.W_OK):
        return
    scenes = read_scenes(folder / "scenes_evaluation.json")
    for kind in KINDS:
        queries, relevance = _tables(write_intents(kind, scenes), scenes)
        write_text(folder / queries_name(kind), queries)
        write_text(folder / relevance_name(kind), relevance)
    if (found := _digest(folder)) != DIGEST:
        raise UserError(f"{folder}: the queries of everyday-intents are not those of this version (SHA-256 {found})")


def read_scenes(path: Path) -> tuple[Scene, ...]:
    """The scenes of a split, from the file of their true content."""
    return tuple(
        Scene(
            one["name"], one["duration_ms"], tuple(Sound(**sound) for sound in one["sounds"]), one["room"], one["level"]
        )
        for one in read_json(path)
    )


def write_intents(kind: str, scenes: Sequence[Scene]) -> tuple[Intent, ...]:
    """Write one query of a kind for each scene, no two the same.

    Raises:
        ValueError: a scene of which the vocabulary cannot say anything new.
    """
    draws, index = Draws(f"{SEED} {kind}"), SceneIndex(scenes)
    seen: set[str] = set()
    written = []
    for scene in scenes:
        for _ in range(_TRIES):
            intent = KINDS[kind](draws, scene, index)
            if intent is not None and intent.text not in seen and len(index.matching(intent.claims)) <= _BROADEST:
                break
        else:
            raise ValueError(f"{scene.name}: no {kind} found")
        seen.add(intent.text)
        written.append(intent)
    return tuple(written)


@dataclass(frozen=True, slots=True)
class _Said:
    """Sounds in words: clauses ("a dog barks"), phrases ("a dog barking"), nouns ("a dog"), and what they claim."""

    finite: str
    gerund: str
    nouns: tuple[str, ...]
    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...] = ()


def _said(draws: Draws, scene: Scene, *, ordered: bool) -> _Said | None:
    """One or two sounds of a scene; where two are `ordered`, with how they follow or accompany each other."""
    count = min(draws.weighted(((35, 1), (65, 2))), len(scene.sounds))
    sounds = sorted(draws.some(scene.sounds, count), key=lambda sound: sound.start_ms)
    terms = [_term(draws, sound) for sound in sounds]
    if len(set(terms)) < len(terms):
        return None
    words = [draws.choose(WORDINGS[term]) for term in terms]
    finite = [f"{one.subject} {one.finite}" for one in words]
    gerund = [f"{one.subject} {one.gerund}" for one in words]
    mentions, nouns = tuple(map(Mention, terms)), tuple(one.noun for one in words)
    if count == 1 or not ordered:
        return _Said(" and ".join(finite), " and ".join(gerund), nouns, mentions)
    if sounds[0].before(sounds[1]):
        relations = (Relation(0, 1, "before"),)
        return _Said(" before ".join(finite), " followed by ".join(gerund), nouns, mentions, relations)
    if sounds[0].during(sounds[1]):
        relations = (Relation(0, 1, "during"),)
        return _Said(" while ".join(finite), " at the same time as ".join(gerund), nouns, mentions, relations)
    return None


def _term(draws: Draws, sound: Sound) -> str:
    terms = LABELS[sound.label].terms
    return terms[0] if draws.chance(85) else draws.choose(terms)


_QUESTIONS = (
    "is there a recording in which {finite}?",
    "which clip has {gerund}?",
    "do you have something where {finite}?",
    "where can I hear {gerund}?",
    "in which sound file do we hear {gerund}?",
    "what recording would let me hear {gerund}?",
)
_COMMANDS = (
    "find a clip in which {finite}",
    "play {gerund}",
    "give me a recording of {gerund}",
    "show me a sound file where {finite}",
    "search for {gerund}",
    "I need the sound of {gerund}",
)
_PARAPHRASES = (
    "One hears how {finite}.",
    "{gerund}, that is what can be heard.",
    "The microphone picked up {gerund}.",
    "In this clip {finite}.",
    "Audible here: {gerund}.",
    "We listen to {gerund}.",
)
_NEGATIONS = (
    "{noun} but no {other}",
    "{gerund}, without {other_noun}",
    "{gerund} and no {other}",
    "{noun} with no {other} in it",
    "{finite}, but there is no {other}",
    "{gerund}, not {other_noun}",
)


def _sentence(patterns: Sequence[str], *, ordered: bool) -> Callable[[Draws, Scene, SceneIndex], Intent | None]:
    def write(draws: Draws, scene: Scene, _index: SceneIndex) -> Intent | None:
        said = _said(draws, scene, ordered=ordered)
        if said is None:
            return None
        text = draws.choose(patterns).format(finite=said.finite, gerund=said.gerund)
        return Intent(f"{text[0].upper()}{text[1:]}", Claims(said.mentions, said.relations))

    return write


def _keywords(draws: Draws, scene: Scene, _index: SceneIndex) -> Intent | None:
    """Two or three names of sounds, without articles; of a scene with a single sound, its name and what it does."""
    said = _said(draws, scene, ordered=False)
    if said is None:
        return None
    words = [_bare(noun) for noun in said.nouns]
    text = draws.choose((" ", ", ")).join(words)
    if len(words) == 1:
        # Not of a clause whose subject is a person: "organ playing", but not "organ playing an organ".
        ways = [one for one in WORDINGS[said.mentions[0].term] if one.subject == one.noun]
        way = draws.choose(ways) if ways else None
        text = f"{_bare(way.noun)} {way.gerund}" if way else f"{words[0]} sound"
    return Intent(text, Claims(said.mentions))


def _negation(draws: Draws, scene: Scene, index: SceneIndex) -> Intent | None:
    """A sound that is there, and one that is not and that other scenes have beside the first."""
    term = _term(draws, draws.choose(scene.sounds))
    there = {name for sound in scene.sounds for name in LABELS[sound.label].terms}
    beside = {
        name
        for other in index.matching(Claims((Mention(term),)))
        for sound in other.sounds
        for name in LABELS[sound.label].terms
        if name in _EXCLUDABLE and name not in there and not any({term, name} <= group for group in APART)
    }
    if not beside:
        return None
    excluded = draws.choose(sorted(beside))
    said, other = draws.choose(WORDINGS[term]), draws.choose(WORDINGS[excluded]).noun
    text = draws.choose(_NEGATIONS).format(
        noun=said.noun,
        finite=f"{said.subject} {said.finite}",
        gerund=f"{said.subject} {said.gerund}",
        other=_bare(other),
        other_noun=other,
    )
    return Intent(f"{text[0].upper()}{text[1:]}", Claims((Mention(term),)), excluded)


def _bare(noun: str) -> str:
    first, blank, rest = noun.partition(" ")
    return rest if blank and first in ("a", "an") else noun


KINDS: dict[str, Callable[[Draws, Scene, SceneIndex], Intent | None]] = {
    "question": _sentence(_QUESTIONS, ordered=True),
    "command": _sentence(_COMMANDS, ordered=True),
    "keywords": _keywords,
    "paraphrase": _sentence(_PARAPHRASES, ordered=True),
    "negation": _negation,
}
"""What writes one query of each kind for a scene, or `None` where the draw does not suit the scene."""


def _tables(intents: Sequence[Intent], scenes: Sequence[Scene]) -> tuple[str, str]:
    """The CSV of the queries, and that of the scenes they are true of."""
    index = SceneIndex(scenes)
    queries = [["query", "file_name"], *([one.text, scene.name] for one, scene in zip(intents, scenes, strict=True))]
    if not any(one.excluded for one in intents):
        lists = [[one.text, repr([scene.name for scene in index.matching(one.claims)])] for one in intents]
        return _csv(queries), _csv([["query", "audio_filenames"], *lists])
    judged = [["query", "file_name", "relevance"]]
    for one in intents:
        for scene in index.matching(one.claims):
            without = all(one.excluded not in LABELS[sound.label].terms for sound in scene.sounds)
            judged.append([one.text, scene.name, "1" if without else "-1"])
    return _csv(queries), _csv(judged)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _digest(folder: Path) -> str:
    """SHA-256 over all files; of one that is missing, over its name alone."""
    digest = hashlib.sha256()
    for name in (name(kind) for kind in KINDS for name in (queries_name, relevance_name)):
        path = folder / name
        digest.update(f"{name}\0{path.read_bytes().hex() if path.is_file() else ''}\n".encode())
    return digest.hexdigest()
