"""Check that a system keeps the contract, before it is measured.

Two vectors u and v count as equal where |u - v| ≤ `TOLERANCE` |v|. Summing in another order, in single precision, stays
within that; padding or batch statistics that change a vector do not. The harness never passes an empty list, so none is
tried.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from harness.audio import Array
from harness.errors import UserError
from harness.interface.findings import Finding
from harness.interface.metadata import beside_the_sound
from harness.interface.probes import (
    Probe,
    audio_probe,
    described,
    keywords_of,
    name_and_rate,
    text_probe,
    uses_on_trial,
)
from harness.interface.returned_values import called, checked_embeddings, checked_scores, info_faults, unequal_widths
from harness.interface.system import PairScorer, accepts_int16, is_pair_scorer

TOLERANCE = 1e-4


def check(system: object, *, seed: int = 0) -> list[Finding]:
    """Try a system on a few synthetic clips and captions.

    Args:
        system: a `RetrievalSystem` or `PairScorer`, or what is meant to be one.
        seed: of the synthetic clips.

    Returns:
        What is wrong, in the order in which to mend it; empty for a system that keeps the contract.
    """
    name, sample_rate = name_and_rate(system)
    audio, text = audio_probe(system, name, sample_rate, seed), text_probe(system, name)
    findings = list(_findings("info", info_faults, system))
    if is_pair_scorer(system):
        return findings + list(_findings("score_pairs", _pairs, system, name, text.all_lengths, audio.all_lengths))
    for probe in (audio, text):
        findings += _findings(f"{probe.method_name} output", _output, probe)
        if probe.vectors is not None:
            for name_of_check, look in _CHECKS.items():
                findings += _findings(f"{probe.method_name} {name_of_check}", look, probe)
    findings += _findings("dimension", _one_space, audio, text)
    if audio.vectors is not None:
        findings += _findings("metadata", _metadata, system, audio)
    if audio.vectors is not None and accepts_int16(system):
        findings += _findings("pcm", _pcm, audio)
    if audio.vectors is not None and text.vectors is not None and hasattr(system, "score"):
        findings += _findings("score", _score, system, name, text.vectors, audio.vectors)
    first_of_each: dict[str, Finding] = {}
    for finding in findings:
        first_of_each.setdefault(finding.found, finding)
    return list(first_of_each.values())


def _findings(name: str, look: Callable[..., Iterator[str]], *subject: object) -> Iterator[Finding]:
    """Run one check. A `UserError` that it raises is a finding too."""
    try:
        for sentence in look(*subject):
            yield Finding(sentence, check=name)
    except UserError as error:
        yield Finding(str(error), check=name)


def _output(probe: Probe) -> Iterator[str]:
    method = f"{probe.system_name}: {probe.method_name}"
    if not callable(probe.method):
        raise UserError(f"{probe.system_name}: there is no method {probe.method_name}; see harness.RetrievalSystem")
    result = probe.call(copy.deepcopy(probe.alike))
    vectors = probe.vectors = checked_embeddings(result, len(probe.alike), probe.what, probe.system_name, 0)
    if isinstance(result, np.ndarray) and result.dtype != np.float32:
        yield f"{method} returned {result.dtype}; expected float32: end with .astype(np.float32)"
    if not vectors.any(axis=1).all():
        yield (
            f"{method} gives a {probe.what} the zero vector, which has no cosine; "
            "return what the last layer gives, not a buffer that was never filled"
        )
    elif (np.ptp(vectors, axis=0) <= TOLERANCE * np.abs(vectors).max()).all():
        yield (
            f"{method} gives {len(vectors)} different {probe.what}s one vector; "
            "check that the weights were loaded and that the input reaches them"
        )


def _leaves_input_alone(probe: Probe) -> Iterator[str]:
    given = copy.deepcopy(probe.alike)
    probe.call(given)
    if len(given) != len(probe.alike) or not all(map(np.array_equal, given, probe.alike)):
        yield f"{probe.system_name}: {probe.method_name} changes the {probe.what}s it is given; work on a copy of them"


def _unusual(probe: Probe) -> Iterator[str]:
    for label, item in probe.unusual.items():
        try:
            probe.embed([item])
        except UserError as error:
            yield f"{error} (given {label})"


@dataclass(frozen=True)
class _Invariance:
    """The check that two ways of embedding the same items give the same vectors.

    Attributes:
        found: one way, from the probe to vectors of shape `(items, d)`.
        expected: the other way.
        sentence: the message where they differ, with `{what}` for "clip" or "caption" and `{by}` for the difference.
    """

    found: Callable[[Probe], Array]
    expected: Callable[[Probe], Array]
    sentence: str

    def __call__(self, probe: Probe) -> Iterator[str]:
        found, expected = self.found(probe), self.expected(probe)
        norm = np.maximum(np.linalg.norm(expected, axis=1), np.finfo(np.float32).tiny)
        difference = float((np.linalg.norm(found - expected, axis=1) / norm).max())
        if difference > TOLERANCE:
            by = f"by {difference:.2g} of its norm, {TOLERANCE:g} is allowed"
            sentence = self.sentence.format(what=probe.what, by=by, number=len(probe.alike))
            yield f"{probe.system_name}: {probe.method_name} {sentence}"


def _known(probe: Probe) -> Array:
    assert probe.vectors is not None
    return probe.vectors


_CHECKS: dict[str, Callable[[Probe], Iterator[str]]] = {
    "input": _leaves_input_alone,
    "determinism": _Invariance(
        lambda probe: probe.embed(probe.alike),
        _known,
        "gives the same {what} another vector on a second call ({by}); "
        "put the model in evaluation mode and seed what is random",
    ),
    "batch size": _Invariance(
        lambda probe: probe.embed_one_by_one(probe.alike),
        _known,
        "gives a {what} another vector alone than in a batch of {number} ({by}); "
        "use no statistics of the batch (batch normalisation in evaluation mode)",
    ),
    "batch mates": _Invariance(
        lambda probe: probe.embed([probe.alike[0], probe.alike[1]])[:1],
        lambda probe: probe.embed([probe.alike[0], probe.alike[2]])[:1],
        "gives a {what} another vector when the others of its batch change ({by}); "
        "let each {what} depend on itself only",
    ),
    "padding": _Invariance(
        lambda probe: probe.embed(probe.all_lengths),
        lambda probe: probe.embed_one_by_one(probe.all_lengths),
        "gives a {what} another vector beside longer or shorter ones ({by}); "
        "mask the padding in every layer that looks along time, or pad to a fixed length",
    ),
    "order": _Invariance(
        lambda probe: probe.embed(probe.all_lengths[::-1])[::-1],
        lambda probe: probe.embed(probe.all_lengths),
        "does not return its rows in the order of the {what}s ({by}); "
        "row i must belong to {what} i, also after sorting by length",
    ),
    "unusual input": _unusual,
}
"""By name of the check: two ways to embed the same items, and the message for vectors that differ."""


def _pcm(audio: Probe) -> Iterator[str]:
    stored = [np.rint(clip * 32767).astype(np.int16) for clip in audio.alike]
    same = _Invariance(
        lambda probe: probe.embed(stored),
        lambda probe: probe.embed([samples.astype(np.float32) / 32768 for samples in stored]),
        "gives a clip in int16 another vector than in float32 ({by}); its samples are integers, divide them by 32,768",
    )
    return same(audio)


def _always(words: tuple[str, ...], clip: Array) -> tuple[str, ...]:  # noqa: ARG001
    return words


def _metadata(system: Any, audio: Probe) -> Iterator[str]:
    """What a system says it uses has to change what it returns, and it has to do without."""
    for kind in beside_the_sound(uses_on_trial(system)):
        vectors = []
        for words in (("rain", "roof"), ("bell", "church"), ()):
            method = described(system.embed_audio, (kind,), partial(_always, words))
            vectors.append(replace(audio, method=method).embed(audio.alike))
        if np.abs(vectors[0] - vectors[1]).max() <= TOLERANCE * np.abs(vectors[0]).max():
            yield (
                f"{audio.system_name}: embed_audio returns the same with other {kind}, although info.uses has them; "
                f"use them, or take {kind!r} out of info.uses"
            )


def _one_space(audio: Probe, text: Probe) -> Iterator[str]:
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
    if _scores_differ(whole[:1, :2], tile, np.abs(whole).max()):
        yield (
            f"{name}: score gives a caption and a clip another score in a smaller tile; "
            "let each score depend on its own caption and clip only"
        )


def _pairs(system: PairScorer, name: str, captions: list[str], clips: list[Array]) -> Iterator[str]:
    def score(order: list[int]) -> Array:
        chosen = [captions[i] for i in order], [clips[i].copy() for i in order]
        method = f"{name}: score_pairs"
        return checked_scores(called(method, score_pairs, *chosen), (len(order),), method)

    score_pairs = described(system.score_pairs, uses_on_trial(system), keywords_of, place=2)
    order = list(range(len(clips)))
    together = score(order)
    largest = np.abs(together).max()
    if _scores_differ(score(order), together, largest):
        yield f"{name}: score_pairs gives the same pairs other scores the second time; switch off what draws at random"
    if _scores_differ(np.concatenate([score([i]) for i in order]), together, largest):
        yield f"{name}: score_pairs gives a pair another score alone than with others; keep padding out of the scores"
    if _scores_differ(score(order[::-1])[::-1], together, largest):
        yield f"{name}: score_pairs scores depend on the order of the pairs; keep a pair's score to that pair"


def _scores_differ(found: Array, expected: Array, largest: float) -> bool:
    return bool(np.abs(found - expected).max() > TOLERANCE * largest)
