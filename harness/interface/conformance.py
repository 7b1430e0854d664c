"""Check that a system keeps the contract, before it is measured.

Two vectors count as equal when they differ by at most `TOLERANCE` of their norm. Single precision summed in another
order stays below this; padding or batch statistics that influence a vector do not. The harness never passes an empty
list, so none is tried.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.audio import Array
from harness.errors import UserError
from harness.interface.returned_values import (
    METHODS,
    called,
    checked_embeddings,
    checked_scores,
    info_faults,
    is_sample_rate,
    unequal_widths,
)
from harness.interface.system import PairScorer, is_pair_scorer, takes_pcm

TOLERANCE = 1e-4
_USUAL_RATE = 32_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: the check that found it, and a message that names the method and the mend."""

    check: str
    message: str


def check(system: object, *, seed: int = 0) -> list[Finding]:
    """Try a system on a few synthetic clips and captions.

    Args:
        system: a `RetrievalSystem` or `PairScorer`, or what is meant to be one.
        seed: of the synthetic clips.

    Returns:
        What is wrong, in the order in which to mend it; empty for a system that keeps the contract.
    """
    findings = list(_findings("info", info_faults, system))
    name, sample_rate = _name_and_rate(system)
    audio = _audio_side(system, name, sample_rate, np.random.default_rng(seed))
    text = _text_side(system, name)
    if is_pair_scorer(system):
        return findings + list(_findings("score_pairs", _pairs, system, name, text.all_lengths, audio.all_lengths))
    for side in (audio, text):
        findings += _findings(f"{side.method_name} output", _output, side)
        if side.vectors is None:
            continue
        findings += _findings(f"{side.method_name} input", _leaves_input_alone, side)
        for name_of_check, comparison in _COMPARISONS.items():
            findings += _findings(f"{side.method_name} {name_of_check}", side.differs, *comparison)
        findings += _findings(f"{side.method_name} unusual input", _unusual, side)
    findings += _findings("dimension", _one_space, audio, text)
    if audio.vectors is not None and takes_pcm(system):
        findings += _findings("pcm", _pcm, audio)
    if audio.vectors is not None and text.vectors is not None and hasattr(system, "score"):
        findings += _findings("score", _score, system, name, text.vectors, audio.vectors)
    first_of_each: dict[str, Finding] = {}
    for finding in findings:
        first_of_each.setdefault(finding.message, finding)
    return list(first_of_each.values())


def _findings(name: str, look: Callable[..., Iterator[str]], *subject: object) -> Iterator[Finding]:
    """Run one check; a `UserError` it raises is a finding too."""
    try:
        for sentence in look(*subject):
            yield Finding(name, sentence)
    except UserError as error:
        yield Finding(name, str(error))


@dataclass
class _Side:
    """Clips or captions, and the system's method that embeds them, whose results are all checked.

    The items in `alike` have one length, so that none is padded; `vectors` are their embeddings once these are known to
    be usable.
    """

    what: str
    method: Any
    system_name: str
    alike: list[Any]
    all_lengths: list[Any]
    unusual: dict[str, Any]
    vectors: Any = None

    @property
    def method_name(self) -> str:
        return METHODS[self.what]

    @property
    def title(self) -> str:
        return f"{self.system_name}: {self.method_name}"

    def call(self, items: list[Any]) -> object:
        return called(self.title, self.method, items)

    def embed(self, items: list[Any]) -> Array:
        vectors = checked_embeddings(self.call(copy.deepcopy(items)), len(items), self.what, self.system_name, 0)
        if self.vectors is not None and self.vectors.shape[1] != vectors.shape[1]:
            raise UserError(
                f"{self.title} returns vectors of several lengths; "
                f"pool over time, so that every {self.what} has one dimension"
            )
        return vectors

    def embed_one_by_one(self, items: list[Any]) -> Array:
        return np.concatenate([self.embed([item]) for item in items])

    def differs(self, found: "_Embed", expected: "_Embed", message: str) -> Iterator[str]:
        """Yield the message, completed, where two ways to embed the same items give different vectors."""
        tried, vectors = found(self), expected(self)
        norm = np.maximum(np.linalg.norm(vectors, axis=1), np.finfo(np.float32).tiny)
        largest = float((np.linalg.norm(tried - vectors, axis=1) / norm).max())
        if largest > TOLERANCE:
            size = f"by {largest:.2g} of its norm, {TOLERANCE:g} is allowed"
            message = message.format(what=self.what, count=len(self.alike), size=size)
            yield f"{self.title} {message}"


_Embed = Callable[[_Side], Array]


def _name_and_rate(system: Any) -> tuple[str, int]:
    """Name and sampling rate from `info`, or stand-ins where these are unusable, so that the other checks can run."""
    try:
        name, sample_rate = str(system.info.name), system.info.sample_rate
    except Exception:
        return type(system).__name__, _USUAL_RATE
    return name, sample_rate if is_sample_rate(sample_rate) else _USUAL_RATE


def _output(side: _Side) -> Iterator[str]:
    if not callable(side.method):
        raise UserError(f"{side.system_name}: there is no method {side.method_name}; see harness.RetrievalSystem")
    result = side.call(copy.deepcopy(side.alike))
    vectors = side.vectors = checked_embeddings(result, len(side.alike), side.what, side.system_name, 0)
    if isinstance(result, np.ndarray) and result.dtype != np.float32:
        yield f"{side.title} returned {result.dtype}; expected float32: end with .astype(np.float32)"
    if not vectors.any(axis=1).all():
        yield (
            f"{side.title} gives a {side.what} the zero vector, which has no cosine; "
            "return what the last layer gives, not a buffer that was never filled"
        )
    elif (np.ptp(vectors, axis=0) <= TOLERANCE * np.abs(vectors).max()).all():
        yield (
            f"{side.title} gives {len(vectors)} different {side.what}s one vector; "
            "check that the weights were loaded and that the input reaches them"
        )


def _leaves_input_alone(side: _Side) -> Iterator[str]:
    given = copy.deepcopy(side.alike)
    side.call(given)
    if len(given) != len(side.alike) or not all(map(np.array_equal, given, side.alike)):
        yield f"{side.title} changes the {side.what}s it is given; work on a copy of them"


def _unusual(side: _Side) -> Iterator[str]:
    for label, item in side.unusual.items():
        try:
            side.embed([item])
        except UserError as error:
            yield f"{error} (given {label})"


_COMPARISONS: dict[str, tuple[_Embed, _Embed, str]] = {
    "determinism": (
        lambda side: side.embed(side.alike),
        lambda side: side.vectors,
        "gives the same {what} another vector on a second call ({size}); "
        "put the model in evaluation mode and seed what is random",
    ),
    "batch size": (
        lambda side: side.embed_one_by_one(side.alike),
        lambda side: side.vectors,
        "gives a {what} another vector alone than in a batch of {count} ({size}); "
        "use no statistics of the batch (batch normalisation in evaluation mode)",
    ),
    "batch mates": (
        lambda side: side.embed(side.alike[:2])[:1],
        lambda side: side.embed(side.alike[:3:2])[:1],
        "gives a {what} another vector when the others of its batch change ({size}); "
        "let each {what} depend on itself only",
    ),
    "padding": (
        lambda side: side.embed(side.all_lengths),
        lambda side: side.embed_one_by_one(side.all_lengths),
        "gives a {what} another vector beside longer or shorter ones ({size}); "
        "mask the padding in every layer that looks along time, or pad to a fixed length",
    ),
    "order": (
        lambda side: side.embed(side.all_lengths[::-1])[::-1],
        lambda side: side.embed(side.all_lengths),
        "does not return its rows in the order of the {what}s ({size}); "
        "row i must belong to {what} i, also after sorting by length",
    ),
}
"""By name of the check: two ways to embed the same items, and the message for vectors that differ."""


def _pcm(side: _Side) -> Iterator[str]:
    stored = [np.rint(clip * 32767).astype(np.int16) for clip in side.alike]
    yield from side.differs(
        lambda side: side.embed(stored),
        lambda side: side.embed([samples.astype(np.float32) / 32768 for samples in stored]),
        "gives a clip another vector in int16 than in float32 ({size}); divide int16 samples by 32,768",
    )


def _one_space(audio: _Side, text: _Side) -> Iterator[str]:
    if audio.vectors is not None and text.vectors is not None and audio.vectors.shape[1] != text.vectors.shape[1]:
        yield unequal_widths(audio.system_name, audio.vectors, text.vectors)


def _score(system: Any, name: str, text: Array, audio: Array) -> Iterator[str]:
    def score(captions: Array, clips: Array) -> Array:
        result = called(f"{name}: score", system.score, captions.copy(), clips.copy())
        types.add(str(getattr(result, "dtype", "")))
        return checked_scores(result, (len(captions), len(clips)), f"{name}: score")

    types: set[str] = set()
    whole, tile = score(text[:3], audio), score(text[:1], audio[:2])
    if types != {"float32"}:
        yield f"{name}: score returned {', '.join(sorted(types))}; expected float32: end with .astype(np.float32)"
    if np.abs(whole[:1, :2] - tile).max() > TOLERANCE * np.abs(whole).max():
        yield (
            f"{name}: score gives a caption and a clip another score in a smaller tile; "
            "let each score depend on its own caption and clip only"
        )


def _pairs(system: PairScorer, name: str, captions: list[str], clips: list[Array]) -> Iterator[str]:
    def score(order: list[int]) -> Array:
        method, given = f"{name}: score_pairs", ([captions[i] for i in order], [clips[i].copy() for i in order])
        return checked_scores(called(method, system.score_pairs, *given), (len(order),), method)

    def differ(found: Array, expected: Array) -> bool:
        return bool(np.abs(found - expected).max() > TOLERANCE * np.abs(expected).max())

    order = list(range(len(clips)))
    together = score(order)
    if differ(score(order), together):
        yield f"{name}: score_pairs gives the same pairs other scores the second time; switch off what draws at random"
    if differ(np.concatenate([score([i]) for i in order]), together):
        yield f"{name}: score_pairs scores a pair otherwise alone than with others; keep padding out of the scores"
    if differ(score(order[::-1])[::-1], together):
        yield f"{name}: score_pairs scores depend on the order of the pairs; keep a pair's score to that pair"


def _audio_side(system: object, name: str, sample_rate: int, generator: np.random.Generator) -> _Side:
    def clip(seconds: float) -> Array:
        """A tone and noise that swell and fade."""
        time = np.arange(round(seconds * sample_rate)) / sample_rate
        tone = np.sin(2 * np.pi * generator.uniform(100, min(4_000, sample_rate / 2)) * time)
        noise = generator.standard_normal(len(time)).clip(-3, 3) / 3
        envelope = 0.55 + 0.45 * np.sin(2 * np.pi * generator.uniform(0.3, 3) * time)
        return (envelope * (0.6 * tone + generator.uniform(0.05, 0.4) * noise)).astype(np.float32)

    return _Side(
        "clip",
        getattr(system, "embed_audio", None),
        name,
        [clip(2.0) for _ in range(4)],
        [clip(seconds) for seconds in (1.1, 10.0, 0.5, 4.2)],
        {
            "a clip of 0.1 s": clip(0.1),
            "a clip of 30 s": clip(30.0),
            "silence": np.zeros(5 * sample_rate, np.float32),
        },
    )


def _text_side(system: object, name: str) -> _Side:
    return _Side(
        "caption",
        getattr(system, "embed_text", None),
        name,
        [
            "A dog barks twice at a car",
            "Rain falls on a tin roof",
            "Someone walks slowly over dry leaves",
            "Birds SING while a train passes",
        ],
        [
            "A bell rings",
            "A machine whines and squeals while punching or stamping, and then it slows down and stops for good",
            "Rain",
            "Water drips into a sink and somebody closes a door",
        ],
        {
            "a caption of 600 words": " ".join(["rain and wind"] * 200),
            "an emoji": "🐕 barks 🔊",
            "accents and quotes": 'Ein "Käuzchen" ruft, très loin',
            "outer blanks": " A dog barks. ",
        },
    )
