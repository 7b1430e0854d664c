"""What is kept of a system's answers to a hidden set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.errors import UserError
from harness.evaluation.hidden_set import (
    Prediction,
    audio_files,
    from_folders_within,
    hidden_task,
    predict,
    read_scores,
)
from harness.evaluation.options import Options
from harness.interface.systems import load_system
from harness.machine import CHECKSUMS
from harness.predictions.ranked_list import read_ranked_list
from harness.predictions.writing import predictions_in
from harness.runs.records import PredictionRecord
from harness.runs.run_folder import find_runs

pytestmark = pytest.mark.usefixtures("own_cache", "participant")


@pytest.fixture
def prediction(tones: Callable[..., Path], tmp_path: Path) -> Prediction:
    root = tones()
    (tmp_path / "q.csv").write_text('id,caption\n1," a tone of 800 hertz, "\n2,300\n3,300\n')
    task = hidden_task(tmp_path / "q.csv", root)
    return predict(load_system("tone_system:ToneSystem"), task, Options(out=tmp_path / "runs"))


def test_queries_and_clips_are_verbatim_and_in_order(prediction: Prediction) -> None:
    record = prediction.record
    assert record.queries == (" a tone of 800 hertz, ", "300", "300")
    assert record.clips == tuple(f"tone {index}.wav" for index in range(8))
    assert (record.dataset.queries, record.dataset.clips) == (3, 8)
    assert PredictionRecord.read(prediction.folder) == record


def test_scores_and_lists_say_the_same(prediction: Prediction) -> None:
    scores = read_scores(prediction.folder, prediction.record)
    assert scores.shape == (3, 8)
    assert np.argmax(scores, axis=1).tolist() == [3, 0, 0]
    lists = read_ranked_list(prediction.folder / "tone.output.csv")
    assert lists.queries == prediction.record.queries
    assert [names[0] for names in lists.names] == ["tone 3.wav", "tone 0.wav", "tone 0.wav"]


def test_it_is_no_evaluation(prediction: Prediction) -> None:
    assert find_runs(prediction.folder.parent) == []


@pytest.mark.parametrize("name", ["scores.npy", "prediction.json", "tone.output.csv"])
def test_a_byte_that_flipped_is_found(prediction: Prediction, name: str) -> None:
    content = (prediction.folder / name).read_bytes()
    (prediction.folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    readers: dict[str, Callable[[], object]] = {
        ".json": lambda: PredictionRecord.read(prediction.folder),
        ".csv": lambda: predictions_in(prediction.folder),
        ".npy": lambda: read_scores(prediction.folder, prediction.record),
    }
    with pytest.raises(UserError, match=f"{name} is damaged, or was changed since it was written"):
        readers[Path(name).suffix]()


def test_what_is_damaged_is_said_where_there_are_no_checksums(prediction: Prediction) -> None:
    (prediction.folder / CHECKSUMS).unlink()
    np.save(prediction.folder / "scores.npy", np.zeros((2, 2), np.float32))
    with pytest.raises(UserError, match=r"float32 scores of shape \(2, 2\), which are not the record's"):
        read_scores(prediction.folder, prediction.record)
    (prediction.folder / "scores.npy").write_bytes(b"x")
    with pytest.raises(UserError, match="make the prediction again"):
        read_scores(prediction.folder, prediction.record)
    for text, problem in (("{}", "is not the record of a prediction"), ('{"kind": "prediction"', "is not JSON")):
        (prediction.folder / "prediction.json").write_text(text)
        with pytest.raises(UserError, match=problem):
            PredictionRecord.read(prediction.folder)
    (prediction.folder / "prediction.json").write_text('{"kind": "prediction", "schema_version": 1}')
    with pytest.raises(UserError, match="is damaged"):
        PredictionRecord.read(prediction.folder)


def recordings(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_recordings_in_folders_within_are_taken_and_said(tmp_path: Path) -> None:
    root = recordings(tmp_path / "set", "c.wav", "part/b.FLAC", "part/deep/a.wav", "notes/readme.txt", ".hidden/x.wav")
    recordings(root, "__MACOSX/y.wav", "part/._b.wav")
    (root / "part" / "loop").symlink_to(root)
    found = audio_files(root)
    assert [path.relative_to(root).as_posix() for path in found] == ["part/deep/a.wav", "part/b.FLAC", "c.wav"]
    assert from_folders_within(root, found) == (
        f"{root}: recordings in folders within it are taken too: part (1), part/deep (1)"
    )
    many = [root / f"{number}/{number}.wav" for number in range(7)]
    assert from_folders_within(root, many).endswith("0 (1), 1 (1), 2 (1), 3 (1), 4 (1) and 2 more")
    assert from_folders_within(root, many[:5]).endswith("4 (1)")
    assert from_folders_within(root, [root / "c.wav"]) == ""


def test_two_recordings_of_one_name_are_refused_and_both_named(tmp_path: Path) -> None:
    root = recordings(tmp_path / "set", "a/x.wav", "b/x.wav", "b/y.wav")
    with pytest.raises(UserError, match=r"outputs could mean either; leave one: .*a/x\.wav and .*b/x\.wav$"):
        audio_files(root)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no recordings \(.*\.wav.*\)"):
        audio_files(recordings(tmp_path / "set", "part/readme.txt"))
    with pytest.raises(UserError, match="is not a folder of recordings: No such file"):
        audio_files(tmp_path / "absent")


def test_odd_sound_is_named(tones: Callable[..., Path], tmp_path: Path) -> None:
    root = tones()
    soundfile.write(root / "tone 3.wav", np.zeros(8000), 16_000)
    (tmp_path / "q.csv").write_text("caption\n300\n")
    record = predict(
        load_system("random"), hidden_task(tmp_path / "q.csv", root), Options(out=tmp_path / "runs")
    ).record
    assert [one.clip for one in record.remarked] == ["tone 3.wav"]
