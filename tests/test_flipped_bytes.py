"""A byte that flips, or an end that is lost, in anything that is kept: never a wrong number without a word.

What can be computed anew comes out right. What cannot is refused in one line, or stands apart from what is compared.
"""

import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.evaluation import EmbeddingJob, KeptRows, embed_in_batches, hidden_task, predict, read_scores
from harness.evaluation.asked_system import AskedSystem
from harness.evaluation.options import Options
from harness.interface import SystemInfo, load_system
from harness.interface.cards import card as cards
from harness.predictions import predictions_in, read_ranked_list
from harness.runs import PredictionRecord
from leaderboard.report.answers_data import Items, best_items
from leaderboard.runs import read_answers
from leaderboard.runs.collecting import collect
from systems.checkpoints import read_checkpoint
from systems.training.export import export
from systems.training.fitting.checkpoint_file import WholeFiles
from systems.training.fitting.fit import _resumed

TRIES = 30
Read = Callable[[], object]


def rows(folder: Path, kind: type[Any], width: int) -> Read:
    """Kept rows, read as an evaluation or a training reads them, which computes those that are missing."""
    items = np.random.default_rng(1).standard_normal((50, width)).astype(np.float32)

    def embed(given: Sequence[int]) -> np.ndarray:
        return items[list(given)]

    job = EmbeddingJob("system", "clip", len(items), int, embed, batch_size=8)
    return lambda: np.array(embed_in_batches(job, KeptRows(folder / "rows", kind))).tobytes()


def embeddings(folder: Path, request: pytest.FixtureRequest) -> Read:
    return rows(folder, np.float32, 24)


def teachers_vectors(folder: Path, request: pytest.FixtureRequest) -> Read:
    return rows(folder, np.float16, 33)


def what_is_recorded_of_a_system(folder: Path, request: pytest.FixtureRequest) -> Read:
    """By which a finished run is found; where it is damaged, the system is built."""
    patch, built = request.getfixturevalue("monkeypatch"), Options(device="cpu").build("tiny-mn")
    patch.setenv("LBAR_CACHE", str(folder))
    patch.setattr(Options, "build", lambda *_: built)
    return lambda: AskedSystem("tiny-mn", Options(device="cpu")).record


def epochs(folder: Path, request: pytest.FixtureRequest) -> Read:
    """The checkpoints of a training that was stopped; one that begins again writes both anew."""

    def write() -> None:
        for name in ("best.ckpt", "last.ckpt"):
            WholeFiles().save_checkpoint({"state_dict": {"layer": torch.arange(500.0)}, "epoch": 3}, folder / name)

    def read() -> object:
        if _resumed(folder) is None:
            write()
        found = [torch.load(folder / name, weights_only=True) for name in ("best.ckpt", "last.ckpt")]
        return [(one["epoch"], one["state_dict"]["layer"].tolist()) for one in found]

    write()
    return read


def trained_system(folder: Path, request: pytest.FixtureRequest) -> Read:
    shipped = load_system("linear")
    fields = shipped.card.model_dump(mode="json", exclude={"files", "published"}) | {"name": "mine"}
    fields["files"] = {"weights": {"path": "mine.safetensors"}}
    path = export(folder, fields, {"reached": 0.5}, {"mine.safetensors": shipped.weights.to_bytes()})
    (folder / "training.json").unlink()

    def read() -> object:
        cards._warn_of_change.cache_clear()
        return load_system(str(path)).info

    return read


def checkpoint_of_others(folder: Path, request: pytest.FixtureRequest) -> Read:
    """There are no checksums beside it."""
    path = folder / "theirs.ckpt"
    torch.save({"state_dict": {f"layer.{number}": torch.randn(40, 7) for number in range(5)}}, path)
    return lambda: [(name, one.numpy().tobytes()) for name, one in read_checkpoint(path).state.items()]


def evaluation(folder: Path, request: pytest.FixtureRequest) -> Read:
    """A run folder, read as by the board, a comparison and the page."""
    request.getfixturevalue("make_run")(folder, clips=8, captions=2)

    def read() -> object:
        board = collect(folder)
        if board.set_aside:
            raise UserError(board.set_aside[0].reason)
        (row,) = board.rows
        answers, items = read_answers([row]), Items()
        best = best_items(row, len(answers.queries), items).tolist()
        return (
            row.record,
            answers.queries,
            answers.clips,
            answers.values.tolist(),
            answers.ranks.tolist(),
            best,
            items.names,
        )

    return read


class Loudness:
    info = SystemInfo(name="loudness", sample_rate=16_000)

    def embed_audio(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([[len(clip), np.abs(clip).mean()] for clip in clips], np.float32)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        return np.array([[len(caption), 1] for caption in captions], np.float32)


def prediction(folder: Path, request: pytest.FixtureRequest) -> Read:
    """A prediction on a hidden set, read as for a submission."""
    tones = request.getfixturevalue("tones")()
    (folder / "queries.csv").write_text("caption\na dog barks\nrain\n")
    task = hidden_task(folder / "queries.csv", tones)
    written = predict(Loudness(), task, Options(out=folder / "runs", predictions="ranked-list")).folder
    (folder / "queries.csv").unlink()

    def read() -> object:
        record = PredictionRecord.read(written)
        path = predictions_in(written)
        assert path is not None
        return record, read_scores(written, record).tolist(), read_ranked_list(path)

    return read


def tried(read: Read) -> tuple[object, list[str]]:
    try:
        return read(), []
    except UserError as error:
        return None, [str(error)]


MADE_AGAIN = (embeddings, teachers_vectors, epochs, what_is_recorded_of_a_system)
REFUSED = (trained_system, checkpoint_of_others, evaluation, prediction)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("kind", [*MADE_AGAIN, *REFUSED], ids=lambda kind: kind.__name__)
def test_never_a_wrong_number_without_a_word(
    tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, kind: Callable[..., Read]
) -> None:
    folder, whole = tmp_path / "kept", tmp_path / "whole"
    folder.mkdir()
    read = kind(folder, request)
    truth = read()
    shutil.copytree(folder, whole)
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file() and path.stat().st_size)
    random = np.random.default_rng(zlib.crc32(kind.__name__.encode()))
    spoken = 0
    for _ in range(TRIES):
        for name in names:
            shutil.copyfile(whole / name, folder / name)
        name = names[random.integers(len(names))]
        content = bytearray((whole / name).read_bytes())
        place, bits = int(random.integers(len(content))), int(random.integers(256))
        if bits:
            content[place] ^= bits
        else:
            del content[place:]
        (folder / name).write_bytes(content)
        caplog.clear()
        found, said = tried(read)
        said += caplog.messages
        spoken += bool(said)
        if kind in MADE_AGAIN or not said:
            assert found == truth, f"{name}, byte {place}, bits {bits}: another result without a word"
        assert "\n" not in "".join(said)
    assert spoken > TRIES / 2
