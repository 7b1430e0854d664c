"""Score arrays, as an evaluation scores a system and `score_file` a predictions file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets import differences_from_published
from harness.errors import UserError, listing
from harness.measures import measures_of, rank_tiles, score_tiles
from harness.predictions.matching import match_names, match_queries
from harness.predictions.scoring import Ranked, Score
from harness.protocols import Protocol, RetrievalTask, get_protocol, load_dataset, pose

Array = NDArray[np.floating[Any]]

Arrays = Any
"""A matrix of scores, shape `(captions, clips)`, or a pair of embeddings `(captions, d)` and `(clips, d)`.

Each is what NumPy makes an array of, or a tensor of PyTorch's on any device.
"""

_ROWS_PER_TILE = 1024


def score(
    scores: Arrays,
    protocol: str | Protocol,
    *,
    captions: Sequence[str] | None = None,
    clips: Sequence[str] | None = None,
    data_root: str | Path = "data",
) -> Score:
    """Score a matrix of scores, or embeddings, of any system.

    The measures are exactly those that `lbar eval` finds for a system that returns these embeddings, and `lbar score`
    for a file of this matrix.

    Args:
        scores: a matrix, a row for each caption and a column for each clip, where larger is better; or a pair
            `(captions, clips)` of embeddings, a row for each, whose cosines are the scores.
        protocol: the rules, or their name.
        captions: the caption of every row; rows that the protocol does not ask for are passed over. By default the
            rows are in the protocol's own order, one for each caption.
        clips: the name of every clip, in the order of the columns or of the clips' embeddings; by default they are in
            the protocol's own order.
        data_root: folder with the data sets.

    Returns:
        The measures with their intervals, which a notebook shows as a table.

    Raises:
        UserError: the arrays are of other shapes or not finite, names are missing or unknown, or the data set is not
            there.
    """
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    measures = measures_of(rules)
    dataset = load_dataset(rules, Path(data_root))
    task = pose(rules, dataset)
    parts, kind = _parts(scores)
    _refuse_other_shape(parts, kind, task, captions, clips)
    rows = None if captions is None else _rows(captions, task)
    columns = None if clips is None else _columns(clips, task)
    ranks = rank_tiles(_tiles(parts, task, rows, columns), task.relevance)
    surplus = 0 if captions is None or rows is None else len(captions) - len(np.unique(rows))
    return Ranked(kind, ranks, measures, (), surplus).score(task, differences_from_published(dataset, Path(data_root)))


def _parts(scores: Arrays) -> tuple[tuple[Array, ...], str]:
    """The matrix, or both matrices of embeddings; and which of them it is."""
    if isinstance(scores, tuple | list) and len(scores) == 2 and all(len(np.shape(one)) == 2 for one in scores):
        return (_matrix("embeddings of the captions", scores[0]), _matrix("embeddings of the clips", scores[1])), (
            "embeddings"
        )
    return (_matrix("scores", scores),), "score-matrix"


def _matrix(what: str, values: Any) -> Array:
    """The values as a matrix of floating-point numbers that lose nothing."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise UserError(f"the {what} are no matrix: {error}; expected rows of one length") from error
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        shape = " by ".join(map(str, array.shape)) or "none"
        raise UserError(f"the {what} are of shape {shape} and type {array.dtype}; expected a matrix of real numbers")
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _refuse_other_shape(
    parts: Sequence[Array],
    kind: str,
    task: RetrievalTask,
    captions: Sequence[str] | None,
    clips: Sequence[str] | None,
) -> None:
    expected = tuple(
        len(of_task if names is None else names) for names, of_task in ((captions, task.captions), (clips, task.clips))
    )
    found = parts[0].shape if len(parts) == 1 else tuple(map(len, parts))
    if len(parts) == 2 and parts[0].shape[1] != parts[1].shape[1]:
        raise UserError(
            f"embeddings of the captions have {parts[0].shape[1]} numbers and those of the clips {parts[1].shape[1]}; "
            "cosines need as many"
        )
    if found == expected:
        return
    given = [name for name, names in (("captions", captions), ("clips", clips)) if names is not None]
    source = f"{' and '.join(given)} name" if given else f"{task.protocol.name} has"
    mend = "transpose it" if kind == "score-matrix" else "give them as (captions, clips)"
    if found != expected[::-1]:
        mend = "leave out what is too much, or name the rows with captions= and the clips with clips="
    raise UserError(
        f"the {kind.replace('-', ' ')} {'is' if len(parts) == 1 else 'are'} of {found[0]:,} captions and {found[1]:,} "
        f"clips, where {source} {expected[0]:,} captions and {expected[1]:,} clips; {mend}"
    )


def _rows(captions: Sequence[str], task: RetrievalTask) -> NDArray[np.int64]:
    """The row of each of the protocol's captions."""
    try:
        return match_queries(Path("captions"), captions, task.captions)
    except UserError as error:
        raise listing(
            f"captions= does not name those of {task.protocol.name}", error.problems or [str(error)]
        ) from None


def _columns(clips: Sequence[str], task: RetrievalTask) -> NDArray[np.int64]:
    """The place of each of the protocol's clips among those that are named."""
    names = [clip.name for clip in task.clips]
    match_names(Path("clips"), clips, names)
    place = {name: column for column, name in enumerate(clips)}
    problems = [f"no clip {name!r}" for name in names if name not in place]
    if len(place) < len(clips):
        problems += [f"{name!r} twice" for name in place if list(clips).count(name) > 1]
    if problems:
        raise listing(f"clips= does not name those of {task.protocol.name}", problems)
    return np.array([place[name] for name in names], np.int64)


def _tiles(
    parts: Sequence[Array], task: RetrievalTask, rows: NDArray[np.int64] | None, columns: NDArray[np.int64] | None
) -> Iterator[tuple[slice, Any]]:
    """The scores of some queries at a time, in the protocol's order."""
    text_asks = task.protocol.direction == "text-to-audio"
    if len(parts) == 2:
        sides = [part if order is None else part[order] for part, order in zip(parts, (rows, columns), strict=True)]
        yield from score_tiles(*(sides if text_asks else reversed(sides)))
        return
    matrix = parts[0] if text_asks else parts[0].T
    asked, ranked = (rows, columns) if text_asks else (columns, rows)
    for start in range(0, len(task.queries), _ROWS_PER_TILE):
        tile = slice(start, min(start + _ROWS_PER_TILE, len(task.queries)))
        scores = matrix[tile if asked is None else asked[tile]]
        yield tile, np.ascontiguousarray(scores if ranked is None else scores[:, ranked])
