"""Checks of what a system returns, made before anything is computed from it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness.audio import Array
from harness.errors import UserError, one_line, one_line_and_place
from harness.interface.metadata import KINDS
from harness.interface.system import SystemInfo, is_pair_scorer

METHODS = {"clip": "embed_audio", "caption": "embed_text"}
SAMPLE_RATES = range(4_000, 192_001)
_MOST_NAMED = 8


def is_sample_rate(value: object) -> bool:
    """Whether a system may ask for clips at this rate."""
    return isinstance(value, int) and value in SAMPLE_RATES


def info_faults(system: Any) -> Iterator[str]:
    """What is wrong with a system's `info`, one sentence each."""
    try:
        info = system.info
    except (Exception, SystemExit) as error:
        yield f"the system has no usable info ({one_line(error)}); set info = SystemInfo(name=..., sample_rate=...)"
        return
    if not isinstance(info, SystemInfo):
        yield f"info is a {type(info).__name__}; expected harness.SystemInfo(name=..., sample_rate=...)"
        return
    faults = (
        (isinstance(info.name, str) and info.name.strip(), "name", "the name tables should call the system by"),
        (
            is_sample_rate(info.sample_rate),
            "sample_rate",
            f"a whole number of Hz from {SAMPLE_RATES[0]:,} to {SAMPLE_RATES[-1]:,}, such as 32000",
        ),
        (isinstance(info.parameters, int) and info.parameters >= 0, "parameters", "their number"),
        (
            isinstance(info.trained_on, tuple) and all(isinstance(name, str) for name in info.trained_on),
            "trained_on",
            "a tuple of data set names, such as ('clotho',)",
        ),
        (isinstance(info.licence, str), "licence", "text"),
        (isinstance(info.source, str), "source", "text"),
        (
            info.digest is None or (isinstance(info.digest, str) and info.digest),
            "digest",
            "None or text that is not empty",
        ),
        (info.card is None or isinstance(info.card, dict), "card", "None or a dictionary"),
        (
            isinstance(info.uses, tuple) and set(info.uses) <= set(KINDS),
            "uses",
            f"a tuple of kinds of metadata, of which there are {', '.join(map(repr, KINDS))}, or an empty one",
        ),
    )
    for sound, field, expected in faults:
        if not sound:
            yield f"info.{field} is {getattr(info, field)!r}; expected {expected}"


def checked_info(system: Any) -> SystemInfo:
    """A system's `info`, checked.

    Raises:
        UserError: a field of it is wrong, or a method is missing; all of it is listed.
    """
    faults = list(info_faults(system))
    if not is_pair_scorer(system):
        faults += [f"{method} is missing" for method in METHODS.values() if not callable(getattr(system, method, None))]
    if faults:
        raise UserError(
            f"{type(system).__name__} is no system that can be evaluated: {faults[0]}", faults if faults[1:] else ()
        )
    info: SystemInfo = system.info
    return info


def checked_embeddings(result: object, expected_count: int, what: str, system_name: str, first_index: int) -> Array:
    """Check the embeddings of one batch, and return them as float32.

    Args:
        result: what the system returned; any floating type is accepted and rounded to float32.
        expected_count: number of clips or captions that went in.
        what: "clip" or "caption".
        system_name: for the message.
        first_index: index of the batch's first clip or caption, counted from 0, for the message.

    Returns:
        Float32 array of shape `(expected_count, d)`, every number finite.

    Raises:
        UserError: not a numpy array of numbers, another shape, or NaN or infinity.

    >>> checked_embeddings(np.ones((2, 3)), 2, "clip", "mine", 0).dtype
    dtype('float32')
    """
    returned = f"{system_name}: {METHODS[what]} returned"
    last = first_index + expected_count - 1
    given = f"{what} {first_index}" if expected_count == 1 else f"{what}s {first_index} to {last}"
    array = _floating(result, returned, given)
    if array.ndim != 2 or len(array) != expected_count or not array.shape[1]:
        raise UserError(
            f"{returned} an array of shape {array.shape} for {given}; "
            f"expected ({expected_count}, d): one row per {what}, in order"
        )
    embeddings = _as_float32(array)
    broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1)) + first_index
    if len(broken):
        raise UserError(f"{returned} NaN or infinity for {_named(broken.tolist(), what)}; every number must be finite")
    return embeddings


def unequal_widths(system_name: str, audio: Array, text: Array) -> str:
    """The message for embeddings of different widths, which no cosine can compare."""
    return (
        f"{system_name}: embed_audio returns {audio.shape[1]} numbers a clip, embed_text {text.shape[1]} a caption; "
        "project both to one dimension"
    )


def guarded_score(system: Any) -> Callable[[Array, Array], Array] | None:
    """A system's own `score(text, audio)`, whose result is checked on every call; `None` where it has none.

    Raises:
        UserError: (the returned function) `score` raises, or returns no numpy array of numbers, another shape than
            `(captions, clips)`, NaN or infinity.
    """
    score = getattr(system, "score", None)
    if score is None:
        return None
    method = f"{system.info.name}: score"

    def guarded(text: Array, audio: Array) -> Array:
        return checked_scores(called(method, score, text, audio), (len(text), len(audio)), method)

    return guarded


def called(name: str, method: Callable[..., object], *arguments: object) -> object:
    """What a system's method returns; a `UserError` that begins with `name` where it raises anything."""
    try:
        return method(*arguments)
    except (Exception, SystemExit) as error:
        raise UserError(f"{name} raised {one_line_and_place(error)}") from error


def checked_scores(result: object, shape: tuple[int, ...], method: str) -> Array:
    """Check scores, and return them as float32.

    Args:
        result: what the system returned.
        shape: what is expected: `(captions, clips)` of `score`, `(pairs,)` of `score_pairs`.
        method: the system's name and the method that returned it, for the message.

    Raises:
        UserError: not a numpy array of numbers, another shape, or NaN or infinity.
    """
    returned = f"{method} returned"
    pairs = len(shape) == 1
    given = f"{shape[0]} pairs" if pairs else f"{shape[0]} captions and {shape[1]} clips"
    array = _floating(result, returned, given)
    if array.shape != shape:
        raise UserError(
            f"{returned} an array of shape {array.shape}; "
            f"expected {shape}: {'one a pair' if pairs else 'captions by clips'}"
        )
    scores = _as_float32(array)
    if not np.isfinite(scores).all():
        raise UserError(f"{returned} NaN or infinity; every score must be finite")
    return scores


def _floating(result: object, returned: str, given: str) -> np.ndarray:
    if not isinstance(result, np.ndarray):
        kind = f"{type(result).__module__}.{type(result).__qualname__}".removeprefix("builtins.")
        mend = "end with .float().detach().cpu().numpy()" if hasattr(result, "detach") else "end with np.asarray(...)"
        raise UserError(f"{returned} a {kind} for {given}; expected a numpy array of float32: {mend}")
    if not np.issubdtype(result.dtype, np.floating):
        raise UserError(
            f"{returned} an array of type {result.dtype} for {given}; expected float32: end with .astype(np.float32)"
        )
    return result


def _as_float32(array: np.ndarray) -> Array:
    # A number too large for float32 becomes infinity, which the caller reports.
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def _named(indices: list[int], what: str) -> str:
    """Name the broken rows: few of them singly, many by range and number."""
    if len(indices) == 1:
        return f"{what} {indices[0]}"
    if len(indices) <= _MOST_NAMED:
        return f"{what}s {', '.join(map(str, indices))}"
    return f"{len(indices)} {what}s between {indices[0]} and {indices[-1]}"
