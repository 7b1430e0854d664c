"""A run whose table does not give its record is on no board, with checksums as of now and without as before."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import UserError
from harness.machine import CHECKSUMS
from leaderboard.board import standings
from leaderboard.runs.answers import read_answers
from leaderboard.runs.collecting import collect
from leaderboard.runs.finding import find_rows

MakeRun = Callable[..., Path]


def change_one_value(path: Path) -> None:
    table = pq.read_table(path)
    values = table["mAP@10"].to_numpy().copy()
    values[3] = 1 - values[3]
    place = table.column_names.index("mAP@10")
    pq.write_table(table.set_column(place, "mAP@10", pa.array(values)), path)


def forget_checksums(folder: Path) -> None:
    (folder / CHECKSUMS).unlink()


@pytest.mark.parametrize("known", [True, False])
def test_a_table_that_does_not_give_the_record(tmp_path: Path, make_run: MakeRun, known: bool) -> None:
    sound, changed = make_run(tmp_path, "sound", quality=0.2), make_run(tmp_path, "changed")
    for folder in () if known else (sound, changed):
        forget_checksums(folder)
    change_one_value(changed / "per_query.parquet")
    board = collect(tmp_path)
    assert [row.folder for row in board.rows] == [sound]
    (aside,) = board.set_aside
    assert (aside.folder, aside.record and aside.record.system.name) == (changed, "changed")
    said = "per_query.parquet is damaged" if known else "gives mAP@10 .* where the record beside it says"
    with pytest.raises(UserError, match=f"{said}.*evaluate the system again") as refused:
        read_answers(find_rows([str(changed)], tmp_path))
    assert aside.reason == str(refused.value)


@pytest.mark.parametrize("known", [True, False])
def test_a_record_whose_value_was_changed(tmp_path: Path, make_run: MakeRun, known: bool) -> None:
    folder = make_run(tmp_path, "changed")
    if not known:
        forget_checksums(folder)
    text = (folder / "record.json").read_text()
    (row,) = collect(tmp_path).rows
    value = repr(row.record.primary.value)
    assert text.count(f'"value": {value}') == 1
    slightly = repr(round(row.record.primary.value - 0.001, 4))
    (folder / "record.json").write_text(text.replace(f'"value": {value}', f'"value": {slightly}'))
    board = collect(tmp_path)
    assert board.rows == ()
    assert standings(board) == []
    (aside,) = board.set_aside
    assert ("record.json is damaged" if known else "where the record beside it says") in aside.reason


def test_runs_without_a_table_or_without_checksums_are_shown_as_before(tmp_path: Path, make_run: MakeRun) -> None:
    folders = [make_run(tmp_path, name) for name in ("a", "b")]
    forget_checksums(folders[0])
    (folders[1] / "per_query.parquet").unlink()
    assert len(collect(tmp_path).rows) == 2
