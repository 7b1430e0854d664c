"""What a system returns is looked at before anything is computed from it."""

import numpy as np

from harness.errors import UserError
from harness.system import Array

METHODS = {"clip": "embed_audio", "caption": "embed_text"}
_MOST_NAMED = 8


def checked_embeddings(result: object, expected_count: int, what: str, system_name: str, first_index: int) -> Array:
    """Return the embeddings of one batch as float32, or say what is wrong with them.

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


def checked_scores(result: object, shape: tuple[int, int], system_name: str) -> Array:
    """Return one tile of scores as float32, or say what is wrong with it.

    Args:
        result: what the system's `score` returned.
        shape: `(captions, clips)` of the embeddings that went in.
        system_name: for the message.

    Raises:
        UserError: not a numpy array of numbers, another shape, or NaN or infinity.
    """
    returned = f"{system_name}: score returned"
    array = _floating(result, returned, f"{shape[0]} captions and {shape[1]} clips")
    if array.shape != shape:
        raise UserError(f"{returned} an array of shape {array.shape}; expected {shape}: captions by clips")
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
    # A number beyond float32 becomes infinity, which the caller reports.
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def _named(indices: list[int], what: str) -> str:
    """Name the broken rows: few of them singly, many by range and number."""
    if len(indices) == 1:
        return f"{what} {indices[0]}"
    if len(indices) <= _MOST_NAMED:
        return f"{what}s {', '.join(map(str, indices))}"
    return f"{len(indices)} {what}s between {indices[0]} and {indices[-1]}"
