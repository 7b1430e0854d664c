"""Outputs of any system, scored as an evaluation scores a system and `score_file` a predictions file."""

from collections.abc import Sequence
from pathlib import Path

from harness.datasets import differences_from_published
from harness.measures import measures_of
from harness.predictions.array_files import is_array_file
from harness.predictions.outputs import Source, paths_of, read_outputs
from harness.predictions.scoring import Score, rank_file, rank_outputs
from harness.protocols import Protocol, get_protocol, load_dataset, pose


def score(
    scores: Source,
    protocol: str | Protocol,
    *,
    captions: Sequence[str] | None = None,
    clips: Sequence[str] | None = None,
    data_root: str | Path = "data",
) -> Score:
    """Score the outputs of any system: arrays, or files.

    The measures are exactly those that `lbar eval` finds for a system that returns these embeddings, and `lbar score`
    for a file.

    Args:
        scores: a matrix of scores, a row for each caption and a column for each clip, where larger is better; a pair
            `(captions, clips)` of embeddings, a row for each, whose cosines are the scores; the path of a file with
            either (`.npy`, `.npz`, `.parquet`, `.safetensors`, or a predictions file); or the paths of two files, one
            with the embeddings of the captions and one with those of the clips.
        protocol: the rules, or their name.
        captions: the caption of every row; rows that the protocol does not ask for are passed over. By default what
            the file says, else the rows are in the protocol's own order, one for each caption.
        clips: the name of every clip, in the order of the columns or of the clips' embeddings; by default what the file
            says, else they are in the protocol's own order.
        data_root: folder with the data sets.

    Returns:
        The measures with their intervals, which a notebook shows as a table.

    Raises:
        UserError: the outputs cannot be read, are of other shapes or not finite, names are missing or unknown, or the
            data set is not there.
    """
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    measures_of(rules)
    dataset = load_dataset(rules, Path(data_root))
    task = pose(rules, dataset)
    paths = paths_of(scores)
    if len(paths) == 1 and not is_array_file(paths[0]):
        ranked = rank_file(paths[0], task)
    else:
        ranked = rank_outputs(read_outputs(scores, task, captions=captions, clips=clips))
    return ranked.score(task, differences_from_published(dataset, Path(data_root)))
