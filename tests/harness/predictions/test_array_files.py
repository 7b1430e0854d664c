"""Files of arrays and of names, as other programs write them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from harness.datasets.known import load
from harness.errors import UserError
from harness.predictions.array_files import read_names
from harness.predictions.arrays import score
from harness.protocols.description import get_protocol
from harness.protocols.task import RetrievalTask, pose


@pytest.fixture
def root(tones: Callable[..., Path]) -> Path:
    return tones()


@pytest.fixture
def task(root: Path) -> RetrievalTask:
    return pose(get_protocol("folder"), load("folder", "all", root))


def shuffled(task: RetrievalTask) -> dict[str, Any]:
    """Embeddings and scores in an order of their own, with the names that say which."""
    random = np.random.default_rng(3)
    rows, columns = random.permutation(16), random.permutation(8)
    text, audio = (random.standard_normal((count, 5)).astype(np.float32) for count in (16, 8))
    return {
        "text": text,
        "audio": audio,
        "scores": text @ audio.T,
        "captions": [task.captions[row] for row in rows],
        "clips": [task.items[column] for column in columns],
    }


def write_npz(path: Path, held: dict[str, Any]) -> Path:
    np.savez(path, **{name: np.array(value) for name, value in held.items()})
    return path


def write_safetensors(path: Path, held: dict[str, Any]) -> Path:
    tensors = {name: torch.from_numpy(value) for name, value in held.items() if isinstance(value, np.ndarray)}
    save_file(tensors, path, {name: json.dumps(value) for name, value in held.items() if isinstance(value, list)})
    return path


def write_parquet(path: Path, held: dict[str, Any]) -> Path:
    frame = pd.DataFrame(held["scores"], columns=held["clips"], index=pd.Index(held["captions"], name="caption"))
    frame.reset_index().to_parquet(path)
    return path


def test_every_kind_of_file_scores_alike(root: Path, task: RetrievalTask, tmp_path: Path) -> None:
    held = shuffled(task)
    names = {side: held[side] for side in ("captions", "clips")}
    pair = score((held["text"], held["audio"]), "folder", **names, data_root=root).measures
    matrix = score(held["scores"], "folder", **names, data_root=root).measures
    both = {name: value for name, value in held.items() if name != "scores"}
    scores = {name: value for name, value in held.items() if name not in ("text", "audio")}
    for path, expected in (
        (write_npz(tmp_path / "both.npz", both), pair),
        (write_safetensors(tmp_path / "both.safetensors", both), pair),
        (write_npz(tmp_path / "scores.npz", scores), matrix),
        (write_safetensors(tmp_path / "scores.safetensors", scores), matrix),
        (write_parquet(tmp_path / "scores.parquet", held), matrix),
    ):
        assert score(path, "folder", data_root=root).measures == expected, path
    np.save(tmp_path / "scores.npy", held["scores"])
    assert score(str(tmp_path / "scores.npy"), "folder", **names, data_root=root).measures == matrix
    for side, name in (("text", "captions"), ("audio", "clips")):
        np.save(tmp_path / f"{side}.npy", held[side])
        table = pd.DataFrame({"name": held[name], "vector": held[side].tolist()})
        table.to_parquet(tmp_path / f"{side}.parquet")
    arrays = (tmp_path / "text.npy", tmp_path / "audio.npy")
    assert score(arrays, "folder", **names, data_root=root).measures == pair
    tables = [tmp_path / "text.parquet", tmp_path / "audio.parquet"]
    assert score(tables, "folder", data_root=root).measures == pair


def test_a_predictions_file_is_a_source_too(root: Path, task: RetrievalTask, tmp_path: Path) -> None:
    path = tmp_path / "x.output.csv"
    rows = [f'"{text}",{name}' for text, name in zip(task.captions, np.repeat(task.items, 2), strict=True)]
    path.write_text("\n".join(["caption,file_name_1", *rows]) + "\n")
    found = score(path, "folder", data_root=root)
    assert (found.format, [(one.name, one.value) for one in found.measures]) == ("ranked-list", [("R@1", 1.0)])


def unreadable(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY damaged")


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("x.npy", unreadable, "x.npy cannot be read: "),
        ("x.npy", lambda path: None, "there is no file .*x.npy"),
        ("x.npy", lambda path: np.save(path, np.array([{}])), "x.npy cannot be read: ValueError: Object arrays"),
        ("x.npz", unreadable, "x.npz cannot be read: "),
        ("x.npz", lambda p: np.savez(p, a=np.eye(2), b=np.eye(2)), "holds a, b; expected an array 'scores', or `text`"),
        ("x.npz", lambda p: np.savez(p, text=np.eye(2)), "x.npz holds text; expected an array 'scores'"),
        ("x.npz", lambda p: np.savez(p, scores=np.eye(2), clips=np.eye(2)), "'clips' is no list of texts; expected"),
        ("x.npz", lambda p: np.savez(p, scores=np.ones((16, 8)), clips=np.array(["a"])), "clips name 16.* and 1 clips"),
        ("x.npy", lambda p: np.save(p, np.ones((16, 7))), "x.npy: the score matrix is of 16 captions and 7 clips"),
        ("x.safetensors", unreadable, "x.safetensors cannot be read: "),
        ("x.parquet", unreadable, "x.parquet cannot be read: "),
        ("x.parquet", lambda p: pd.DataFrame({"a": [1.0]}).to_parquet(p), "0 columns of texts .none.; expected one,"),
        (
            "x.parquet",
            lambda p: pd.DataFrame({"a": ["x", "y"], "v": [[1.0], [1.0, 2.0]]}).to_parquet(p),
            "x.parquet cannot be read: ValueError: .*inhomogeneous",
        ),
        (
            "x.npy",
            lambda p: np.save(p, np.full((16, 8), 1e6).astype(np.float16)),
            "hold inf in row 0, column 0, .* and 128 values in all that are not finite; float16 ends at 65,504: write",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_what_is_wrong_with_a_file_is_one_line(
    root: Path, tmp_path: Path, name: str, write: Callable[[Path], None], message: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(UserError, match=message) as caught:
        score(tmp_path / name, "folder", data_root=root)
    assert str(tmp_path / name) in str(caught.value) or str(caught.value).startswith(name)


def test_names_are_lines_or_a_column(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text(" a.wav\r\nb, c.wav \n", newline="")
    assert read_names(str(tmp_path / "names.txt"), "file_name") == (" a.wav", "b, c.wav ")
    (tmp_path / "names.csv").write_text('file_name,title\n"b, c.wav ",x\nd,y\n')
    assert read_names(str(tmp_path / "names.csv"), "file_name") == ("b, c.wav ", "d")
    assert read_names(f"{tmp_path / 'names.csv'}:title", "file_name") == ("x", "y")
    with pytest.raises(UserError, match=r"no column 'titel'; did you mean 'title'\? .*; name it as in .*csv:COLUMN"):
        read_names(f"{tmp_path / 'names.csv'}:titel", "file_name")
    with pytest.raises(UserError, match=r"absent.txt cannot be read: No such file"):
        read_names(str(tmp_path / "absent.txt"), "file_name")
