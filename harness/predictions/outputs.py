"""What a system answered, from arrays or files: its embeddings or scores, put in the order of a task."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets import read_rows
from harness.errors import UserError, listing
from harness.measures import score_tiles
from harness.predictions.array_files import NAMES_OF, Side, is_array_file, joined, read_array_file
from harness.predictions.matching import match_names, match_queries
from harness.predictions.ranked_list import ASKED_BY_CLIPS, IN_USE, Columns, columns_of, read_ranked_list
from harness.predictions.score_matrix import read_score_matrix
from harness.predictions.spelling import hints
from harness.predictions.writing import detect
from harness.protocols import RetrievalTask

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

Source = Any
"""Outputs as a person hands them over: a matrix of scores, shape `(captions, clips)`; a pair of embeddings,
`(captions, d)` and `(clips, d)`; the path of a file with either; or the paths of two files with one side each.

Arrays are what NumPy makes an array of, or tensors of PyTorch's on any device.
"""

Arrays = Source
"""The former name of `Source`."""

_ROWS_PER_TILE = 1024


@dataclass(frozen=True, eq=False)
class Outputs:
    """A system's outputs for a task.

    Attributes:
        task: what they answer.
        format: `ranked-list`, `score-matrix` or `embeddings`.
        parts: the scores, shape `(captions, clips)`; or the embeddings of captions and of clips.
        rows: the row of each of the task's captions; `None` where they are in the task's order.
        columns: the place of each of the task's clips, likewise.
        depth: length of the ranked lists; `None` where everything is scored.
        source: the names of the files; empty for arrays.
    """

    task: RetrievalTask
    format: str
    parts: tuple[Array, ...]
    rows: Indices | None = None
    columns: Indices | None = None
    depth: int | None = None
    source: str = ""

    @property
    def surplus(self) -> int:
        """Number of rows whose captions are none of the task's."""
        return 0 if self.rows is None else len(self.parts[0]) - len(np.unique(self.rows))

    def tiles(self) -> Iterator[tuple[slice, Any]]:
        """The scores of some queries at a time with all items, in the task's order."""
        text_asks = self.task.protocol.direction == "text-to-audio"
        if len(self.parts) == 2:
            sides = self.arrays().values()
            yield from score_tiles(*(sides if text_asks else reversed([*sides])))
            return
        matrix = self.parts[0] if text_asks else self.parts[0].T
        asked, ranked = (self.rows, self.columns) if text_asks else (self.columns, self.rows)
        for start in range(0, len(self.task.queries), _ROWS_PER_TILE):
            tile = slice(start, min(start + _ROWS_PER_TILE, len(self.task.queries)))
            scores = matrix[tile if asked is None else asked[tile]]
            yield tile, np.ascontiguousarray(scores if ranked is None else scores[:, ranked])

    def arrays(self) -> dict[str, Array]:
        """The outputs in the task's order: the embeddings `text` and `audio`, or all `scores`."""
        if len(self.parts) == 2:
            orders = (self.rows, self.columns)
            ordered = (part if order is None else part[order] for part, order in zip(self.parts, orders, strict=True))
            return dict(zip(("text", "audio"), ordered, strict=True))
        scores = self.parts[0] if self.rows is None else self.parts[0][self.rows]
        return {"scores": scores if self.columns is None else scores[:, self.columns]}


def read_outputs(
    source: Source,
    task: RetrievalTask,
    *,
    captions: Sequence[str] | None = None,
    clips: Sequence[str] | None = None,
    known: Sequence[Columns] = IN_USE,
) -> Outputs:
    """Put a system's outputs in the order of a task.

    Args:
        source: the outputs.
        task: what they answer.
        captions: the caption of every row, where neither the file says them nor the rows are in the task's order.
        clips: the name of every clip, in the order of the columns or of the clips' embeddings, likewise.
        known: the columns that a ranked list may have.

    Raises:
        UserError: the outputs cannot be read, are of other shapes or not finite, or do not answer this task.
    """
    paths = paths_of(source)
    if len(paths) == 1 and not is_array_file(paths[0]):
        return _from_csv(paths[0], task, known)
    if not paths:
        return _matched(*_parts(source), task, captions, clips)
    parts, kind, named = _from_array_files(paths)
    captions, clips = captions or named.get("captions"), clips or named.get("clips")
    try:
        return _matched(parts, kind, task, captions, clips, joined(paths))
    except UserError as error:
        raise UserError(f"{joined(paths)}: {error}", error.problems) from None


def paths_of(source: Source) -> tuple[Path, ...]:
    """The files that a person hands over; none where it is arrays."""
    several = source if isinstance(source, tuple | list) else (source,)
    if not all(isinstance(one, str | PathLike) for one in several):
        return ()
    if len(several) > 2:
        raise UserError(f"{len(several)} files; expected one, or two: the embeddings of captions and those of clips")
    return tuple(Path(one) for one in several)


def _parts(scores: Source) -> tuple[tuple[Array, ...], str]:
    """The matrix, or both matrices of embeddings; and which of them it is."""
    if isinstance(scores, tuple | list) and len(scores) == 2 and all(len(np.shape(one)) == 2 for one in scores):
        return (_matrix("embeddings of the captions", scores[0]), _matrix("embeddings of the clips", scores[1])), (
            "embeddings"
        )
    return (_matrix("scores", scores),), "score-matrix"


def _from_array_files(paths: Sequence[Path]) -> tuple[tuple[Array, ...], str, dict[str, tuple[str, ...]]]:
    """The arrays of one file, or of the two files of both sides; and the names they say."""
    files = [read_array_file(path) for path in paths]
    first = files[0]
    sides: tuple[Side, ...] = ("text", "audio")
    if len(files) == 1 and not first.is_pair:
        scores = _matrix(f"scores in {first.path}", first.only("scores"))
        said = {"captions": first.rows, "clips": first.columns}
        return (scores,), "score-matrix", first.names | {side: names for side, names in said.items() if names}
    named: dict[str, tuple[str, ...]] = dict(first.names)
    if len(files) == 2:
        for side, file in zip(sides, files, strict=True):
            names = file.names.get(NAMES_OF[side]) or file.rows
            named |= {NAMES_OF[side]: names} if names else {}
    arrays = [
        _matrix(f"embeddings of the {NAMES_OF[side]} in {file.path}", file.only(side))
        for side, file in zip(sides, files if len(files) == 2 else (first, first), strict=True)
    ]
    return tuple(arrays), "embeddings", named


def _matrix(what: str, values: Any) -> Array:
    """The values as a matrix of finite floating-point numbers that lose nothing."""
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
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        row, column = wrong[0].tolist()
        mend = "; float16 ends at 65,504: write float32" if array.dtype == np.float16 else ""
        raise UserError(
            f"the {what} hold {array[row, column]} in row {row}, column {column}, counted from 0, and {len(wrong):,} "
            f"values in all that are not finite{mend}"
        )
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _matched(
    parts: tuple[Array, ...],
    kind: str,
    task: RetrievalTask,
    captions: Sequence[str] | None,
    clips: Sequence[str] | None,
    source: str = "",
) -> Outputs:
    _refuse_other_shape(parts, kind, task, captions, clips)
    rows = None if captions is None else _rows(captions, task)
    columns = None if clips is None else _columns(clips, task)
    return Outputs(task, kind, parts, rows, columns, source=source)


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


def _rows(captions: Sequence[str], task: RetrievalTask) -> Indices:
    """The row of each of the protocol's captions."""
    try:
        return match_queries(Path("captions"), captions, task.captions)
    except UserError as error:
        raise listing(
            f"captions= does not name those of {task.protocol.name}", error.problems or [str(error)]
        ) from None


def _columns(clips: Sequence[str], task: RetrievalTask) -> Indices:
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


def _from_csv(path: Path, task: RetrievalTask, known: Sequence[Columns]) -> Outputs:
    """A score matrix, or ranked lists as one."""
    text_asks = task.protocol.direction == "text-to-audio"
    columns = known if text_asks else ASKED_BY_CLIPS
    if detect(path, (*known, *ASKED_BY_CLIPS)) == "ranked-list":
        if columns_of(next(read_rows(path))[1], columns) is None:
            what, header = ("clips", "caption,file_name_1") if text_asks else ("captions", "file_name,caption_1")
            raise UserError(
                f"protocol {task.protocol.name} ranks {what}, and {path} ranks the other side: choose a protocol of "
                f"the other direction, or a file with the header {header},..."
            )
        scores, depth = _ranked(path, task, columns)
        refuse_short_lists(path, task, depth or len(task.items))
        return Outputs(task, "ranked-list", (scores if text_asks else scores.T,), depth=depth, source=path.name)
    matrix = read_score_matrix(path)
    captions, scored = zip(*matrix.rows(), strict=True)
    rows = match_queries(path, captions, task.captions)
    try:
        return Outputs(task, "score-matrix", (np.stack(scored),), rows, _columns(matrix.names, task), source=path.name)
    except UserError as error:
        raise UserError(str(error).replace("clips= does", f"{path} does"), error.problems) from None


def refuse_short_lists(path: Path, task: RetrievalTask, depth: int) -> None:
    """Refuse lists that do not hold all judged items, where these are ranked among themselves.

    Raises:
        UserError: the lists are shorter than that.
    """
    if task.relevance.judged_only and depth < len(task.items):
        raise UserError(
            f"{path}: {task.protocol.name} ranks judged clips among themselves, and lists of {depth} clips do not hold "
            f"all of them; expected lists of all {len(task.items)} clips, or a score matrix"
        )


def _ranked(path: Path, task: RetrievalTask, known: Sequence[Columns]) -> tuple[Array, int | None]:
    """Ranked lists as scores, shape `(queries, items)`: from 1 for the first down to 0 for what a list leaves out.

    Beside them the length of the lists; `None` where they leave nothing out.

    An item of which several read the same (captions) is listed once and stands for all of them: they tie.
    """
    lists = read_ranked_list(path, known)
    rows = match_queries(path, lists.queries, task.queries)
    places: dict[str, list[int]] = defaultdict(list)
    for item, name in enumerate(task.items):
        places[name].append(item)
    unknown = [name for row in rows.tolist() for name in lists.names[row] if name not in places]
    what = "clip is called" if task.protocol.direction == "text-to-audio" else "caption reads"
    if unknown:
        problems = [f"no {what} {name!r}{meant}" for name, meant in hints(dict.fromkeys(unknown), places)]
        raise listing(f"{path} ranks what {task.protocol.name} does not have", problems)
    scores = np.zeros((len(task.queries), len(task.items)), np.float32)
    for query, row in enumerate(rows.tolist()):
        for position, name in enumerate(lists.names[row]):
            scores[query, places[name]] = (lists.depth - position) / lists.depth
    return scores, lists.depth if lists.depth < len(places) else None
