"""Arrays are scored as a file of them, or a system that returns them, would be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import harness
from harness.datasets.known import load
from harness.errors import UserError
from harness.evaluation.evaluating import evaluate
from harness.evaluation.options import Options
from harness.interface.systems import load_system
from harness.predictions.arrays import score
from harness.predictions.score_matrix import write_score_matrix
from harness.predictions.scoring import score_file
from harness.protocols.description import get_protocol
from harness.protocols.named import Protocol
from harness.protocols.task import RetrievalTask, pose

FOLDER = get_protocol("folder")
A2T = Protocol("a2t", "folder", "all", "audio-to-text", measures=("mAP@20", "Hit@1"), submission=None)


@pytest.fixture
def root(tones: Callable[..., Path]) -> Path:
    return tones()


@pytest.fixture
def task(root: Path) -> RetrievalTask:
    return pose(FOLDER, load("folder", "all", root))


@pytest.fixture
def matrix() -> Any:
    return np.random.default_rng(0).standard_normal((16, 8)).astype(np.float32)


@pytest.mark.usefixtures("participant", "own_cache")
@pytest.mark.parametrize("protocol", [FOLDER, A2T])
def test_embeddings_score_as_their_system_does(root: Path, tmp_path: Path, protocol: Protocol) -> None:
    options = Options(data_root=root, out=tmp_path / "runs", keep_embeddings=True)
    run = evaluate(load_system("tone_system:ToneSystem"), protocol, options)
    text, audio = (np.load(run.folder / "embeddings" / f"{side}.npy") for side in ("text", "audio"))
    found = score((text, torch.from_numpy(audio)), protocol, data_root=root)
    assert found.measures == run.record.measures
    assert found.format == "embeddings"
    assert harness.score is score


def test_a_matrix_scores_as_its_file_does(root: Path, task: RetrievalTask, matrix: Any, tmp_path: Path) -> None:
    write_score_matrix(tmp_path / "scores.csv", task.captions, task.items, matrix)
    from_file = score_file(tmp_path / "scores.csv", task)
    for values in (matrix, matrix.astype(np.float64), torch.from_numpy(matrix), matrix.tolist()):
        found = score(values, "folder", data_root=root)
        assert found.to_json() == from_file.to_json()


def test_names_say_the_order(root: Path, task: RetrievalTask, matrix: Any) -> None:
    random = np.random.default_rng(1)
    rows, columns = random.permutation(16), random.permutation(8)
    captions = [*(task.captions[row] for row in rows), "not asked"]
    clips = [task.items[column] for column in columns]
    shuffled = np.vstack([matrix[rows][:, columns], np.ones(8, np.float32)])
    expected = score(matrix, FOLDER, data_root=root)
    found = score(shuffled, FOLDER, captions=captions, clips=clips, data_root=root)
    assert (found.measures, found.surplus) == (expected.measures, 1)
    text, audio = random.standard_normal((16, 3)), random.standard_normal((8, 3))
    expected = score((text, audio), A2T, data_root=root)
    found = score((text[rows], audio[columns]), A2T, captions=captions[:-1], clips=clips, data_root=root)
    assert found.measures == expected.measures


def test_numbers_of_other_types(root: Path, matrix: Any) -> None:
    whole = (matrix * 2).round()
    expected = score(whole, FOLDER, data_root=root).measures
    for values in (whole.astype(int), whole.astype(np.float16), torch.from_numpy(whole).bfloat16().requires_grad_()):
        assert score(values, FOLDER, data_root=root).measures == expected


@pytest.mark.parametrize(
    ("change", "names", "message"),
    [
        (lambda m: m.T, {}, "is of 8 captions and 16 clips, where folder has 16 captions and 8 clips; transpose it"),
        (lambda m: m[:9], {}, "is of 9 captions and 8 clips, where folder has 16 captions and 8 clips; leave out what"),
        (lambda m: m, {"clips": ["a"]}, "of 16 captions and 8 clips, where clips name 16 captions and 1 clips"),
        (lambda m: m[0], {}, "the scores are of shape 8 and type float32; expected a matrix of real numbers"),
        (lambda m: [[1, 2], [3]], {}, "the scores are no matrix: .*; expected rows of one length"),
        (lambda m: m.astype(str), {}, "of type <U|type <U.*; expected a matrix of real numbers"),
        (lambda m: (m, m[:8, :7]), {}, "captions have 8 numbers and those of the clips 7; cosines need as many"),
        (lambda m: (m[:8], m), {}, "are of 8 captions and 16 clips, where folder .*; give them as .captions, clips."),
        (lambda m: m / np.float32(0), {}, "not finite|inf"),
        (lambda m: m, {"clips": ["tone 0.wav"] * 8}, "clips= does not name those of folder in 8 ways"),
        (lambda m: m, {"captions": ["x"] * 16}, "captions= does not name those of folder in 16 ways"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero|invalid value")
def test_what_does_not_fit_is_one_line(
    root: Path, matrix: Any, change: Callable[[Any], Any], names: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        score(change(matrix), "folder", data_root=root, **names)


def test_a_notebook_shows_it(root: Path, matrix: Any) -> None:
    found = score(matrix, "folder", data_root=root)
    assert repr(found) == f"Score(folder, 16 queries, score-matrix: {found.measures[0]})"
    html = found._repr_html_()
    assert "<caption>folder, 16 queries, score-matrix</caption>" in html
    assert html.count("<tr>") == 5
    backwards = score(-np.repeat(np.eye(8), 2, axis=0), "folder", data_root=root)
    assert "<p>worse than chance: mAP@10 0.1250" in backwards._repr_html_()
