from pathlib import Path

import numpy as np
import pytest

from harness.errors import UserError
from harness.search.recordings import Recording
from harness.search.window_table import Database, IndexedSystem, WindowTable, _told
from harness.search.windows import Window

NAMES = ("it's.wav", 'a "b".wav', "ü 😀.wav", "a\\b.wav", "%_.wav")


def added(folder: Path) -> WindowTable:
    table = Database(folder).create(IndexedSystem(named="a:b", name="a", digest="1"), 3)
    recordings = [Recording(f"/s/{name}", 9.0, name, ("tag",), "sum", str(number)) for number, name in enumerate(NAMES)]
    table.add([(one, Window(0, 9)) for one in recordings], np.arange(15, dtype=np.float32).reshape(5, 3))
    return table


def test_rows_come_back_as_they_were_and_are_removed_by_any_name(tmp_path: Path) -> None:
    added(tmp_path)
    (table,) = Database(tmp_path).tables()
    assert table.states() == {f"/s/{name}": str(number) for number, name in enumerate(NAMES)}
    assert np.concatenate(list(table.vectors(2))).tolist() == [[6, 7, 8], [9, 10, 11], [12, 13, 14]]
    known = table.places().known.take([3, 1])
    assert known.to_pydict() == {"title": [NAMES[3], NAMES[1]], "tags": [["tag"], ["tag"]]}
    for number, name in enumerate(NAMES, start=1):
        table.remove([f"/s/{name}"])
        assert len(table) == len(NAMES) - number


def test_a_folder_of_recordings_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "back").symlink_to(".")
    assert Database(tmp_path).tables() == []
    assert Database(tmp_path / "missing").tables() == []


def test_the_digest_changes_with_what_decides_the_vectors(tmp_path: Path) -> None:
    table = added(tmp_path)
    before = table.places().digest
    assert added(tmp_path / "again").places().digest == before
    table.note(recall="0.9")
    assert (table.places().digest, table.facts) == (before, {"recall": "0.9"})
    table.remove([f"/s/{NAMES[0]}"])
    assert table.places().digest != before


def test_what_the_database_cannot_do_is_told_in_a_line() -> None:
    full = "lance error: LanceError(IO): No space left on device (os error 28), /root/.cargo/src/writer.rs:191:9"
    with pytest.raises(UserError) as error, _told("sounds"):
        raise RuntimeError(full)
    assert str(error.value).startswith(
        "the index sounds cannot be read or written: RuntimeError: lance error: LanceError(IO): No space left on "
        "device (os error 28); check the place"
    )


def test_a_damaged_table_and_one_of_another_version_are_told(tmp_path: Path) -> None:
    added(tmp_path)
    (data,) = tmp_path.glob("*.lance/data/*")
    data.write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read or written"):
        Database(tmp_path).tables()[0].places()
    (tmp_path / "other").mkdir()
    table = Database(tmp_path / "other").create(IndexedSystem.model_construct(named="a", name="a"), 3)
    assert len(table) == 0
    with pytest.raises(UserError, match="of another version of lbar"):
        Database(tmp_path / "other").tables()
