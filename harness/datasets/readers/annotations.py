"""Files that list several relevant clips per caption (columns `query,audio_filenames`, as in DCASE 2025)."""

import ast
from collections import defaultdict
from pathlib import Path

from harness.datasets.csv_file import refuse
from harness.datasets.dataset import RetrievalDataset
from harness.datasets.readers.captions_csv import read_csv


def read_annotations(path: Path, dataset: RetrievalDataset) -> tuple[list[int], list[list[int]]]:
    """Read which clips answer which captions of a data set.

    Captions and clip names are compared exactly. Where several clips have the same caption, each row with it stands for
    the next of them.

    Returns:
        Indices into `dataset.queries`, in the order of the file, and for each the indices into `dataset.clips` of the
        clips that answer it, in the order of its row.

    Raises:
        UserError: something is wrong with the file, or it names captions or clips that the data set does not have.
            All problems are listed.
    """
    table = read_csv(path)
    unasked: dict[str, list[int]] = defaultdict(list)
    for index, query in enumerate(dataset.queries):
        unasked[query.text].append(index)
    clip_of = {clip.name: index for index, clip in enumerate(dataset.clips)}
    asked: list[int] = []
    relevant: list[list[int]] = []
    problems = [] if table.rows else ["no row below the header"]
    for line, text, cell in zip(table.lines, table.column("query"), table.column("audio_filenames"), strict=True):
        if text not in unasked:
            problems.append(f"line {line}: {text!r} is no caption of {dataset.name} {dataset.split}, to the letter")
        elif not unasked[text]:
            problems.append(f"line {line}: {text!r} is listed more often than {dataset.name} {dataset.split} has it")
        else:
            asked.append(unasked[text].pop(0))
        names = _names(cell)
        if not names:
            problems.append(f"line {line}: expected file names as in ['a.wav', 'b.wav'], found {cell[:60]!r}")
        problems += [
            f"line {line}: {name!r} is no clip of {dataset.name} {dataset.split}"
            for name in names
            if name not in clip_of
        ]
        problems += [f"line {line}: {name!r} is there twice" for name in dict.fromkeys(names) if names.count(name) > 1]
        relevant.append([clip_of[name] for name in names if name in clip_of])
    cause = "" if asked else ", as none of its queries is a caption there (the file of another split or edition?)"
    refuse(path, problems, f"not annotations of {dataset.name} {dataset.split}{cause}")
    return asked, relevant


def _names(cell: str) -> list[str]:
    """The file names of a list literal; none where it is something else."""
    try:
        names = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []
