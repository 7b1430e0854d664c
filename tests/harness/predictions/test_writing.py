"""The predictions file an evaluation leaves, in each format."""

import csv
from pathlib import Path

import numpy as np
import pytest

from harness.audio.clip import Clip
from harness.predictions.writing import write_predictions
from harness.protocols.named import Protocol
from harness.protocols.relevance import Relevance
from harness.protocols.task import RetrievalTask

SCORES = np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3], [0.4, 0.6, 0.8]], np.float32)
CAPTIONS = ("rain, then wind ", "a dog", "rain, then wind ")


def task(submission: str | None) -> RetrievalTask:
    clips = tuple(Clip(name, Path(name)) for name in (" a.wav", "b &#39;.wav", "c .wav"))
    protocol = Protocol("toy", "toy", "all", submission=submission)  # type: ignore[arg-type]
    return RetrievalTask(protocol, clips, CAPTIONS, Relevance.from_lists([[1], [0], [2]]), ("x", "y", "x"))


def written(folder: Path, submission: str | None, name: str = "mine") -> list[list[str]]:
    best = np.argsort(-SCORES, axis=1)
    path = write_predictions(
        folder, name, task(submission), best, [(slice(0, 2), SCORES[:2]), (slice(2, 3), SCORES[2:])]
    )
    assert path is not None
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_ranked_list_has_a_row_for_every_query(tmp_path: Path) -> None:
    assert written(tmp_path, "ranked-list") == [
        ["caption", "file_name_1", "file_name_2", "file_name_3"],
        ["rain, then wind ", "b &#39;.wav", "c .wav", " a.wav"],
        ["a dog", " a.wav", "c .wav", "b &#39;.wav"],
        ["rain, then wind ", "c .wav", "b &#39;.wav", " a.wav"],
    ]


def test_a_score_matrix_has_a_row_for_every_text_the_first_of_equal_ones(tmp_path: Path) -> None:
    header, *rows = written(tmp_path, "score-matrix")
    assert header == ["index", " a.wav", "b &#39;.wav", "c .wav"]
    assert [row[0] for row in rows] == ["rain, then wind ", "a dog"]
    assert np.array_equal(np.array([row[1:] for row in rows], np.float32), SCORES[:2])


def test_no_format_no_file(tmp_path: Path) -> None:
    assert write_predictions(tmp_path, "mine", task(None), np.zeros((3, 3), np.int64), []) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "file"), [("../évil/name", ".._vil_name.output.csv"), ("a b", "a_b.output.csv")])
def test_any_name_makes_a_file_in_the_folder(tmp_path: Path, name: str, file: str) -> None:
    written(tmp_path, "ranked-list", name)
    assert [path.name for path in tmp_path.iterdir()] == [file]
