"""What was damaged since it was written is found; what nothing is known of is not refused."""

import zipfile
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.machine.files.checksums import (
    CHECKSUMS,
    damaged_files,
    is_sound,
    require_undamaged,
    write_checksums,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a  b.txt", "sub/c", "empty"):
        (tmp_path / name).write_bytes(name.encode() * (name != "empty"))
    write_checksums(tmp_path, ["a  b.txt", "sub/c", "empty"])
    return tmp_path


def test_what_is_as_it_was_written_is_vouched_for(folder: Path) -> None:
    assert require_undamaged(folder / "a  b.txt", "make it again")
    assert require_undamaged(folder / "empty", "make it again")
    assert damaged_files(folder) == []


@pytest.mark.parametrize("name", ["a  b.txt", "empty"])
def test_a_changed_file_is_one_line(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"A  b.txt")
    with pytest.raises(UserError, match=rf"^{folder / name} is damaged, or was changed.*{CHECKSUMS}.*make it again"):
        require_undamaged(folder / name, "make it again")
    (folder / "sub" / "c").write_bytes(b"")
    assert damaged_files(folder) == [name, "sub/c"]


def test_a_missing_or_unknown_file_is_none_of_its_business(folder: Path, tmp_path: Path) -> None:
    (folder / "empty").unlink()
    (folder / "new").write_text("new")
    assert not require_undamaged(folder / "empty", "make it again")
    assert not require_undamaged(folder / "new", "make it again")
    assert damaged_files(folder) == []
    assert damaged_files(tmp_path / "absent") == []


def test_other_files_keep_their_checksums(folder: Path) -> None:
    (folder / "empty").write_bytes(b"no more")
    before = (folder / CHECKSUMS).read_text().splitlines()
    write_checksums(folder, ["empty"])
    after = (folder / CHECKSUMS).read_text().splitlines()
    assert [line for line in before if line in after] == [line for line in before if not line.endswith("empty")]
    assert damaged_files(folder) == []


def test_any_byte_of_the_checksums_may_be_damaged(folder: Path) -> None:
    whole = (folder / CHECKSUMS).read_bytes()
    for place in range(len(whole)):
        (folder / CHECKSUMS).write_bytes(whole[:place] + bytes([whole[place] ^ 0x90]) + whole[place + 1 :])
        assert set(damaged_files(folder)) <= {"a  b.txt", "sub/c", "empty"}


def test_an_archive_that_does_not_pass_its_own_checks(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("numbers", bytes(1000))
    assert is_sound(path)
    whole = path.read_bytes()
    for damaged in (whole[:500] + b"x" + whole[501:], whole[:-30], b"", whole[:1050]):
        path.write_bytes(damaged)
        assert not is_sound(path, must_be_archive=True)
    assert not is_sound(tmp_path / "absent.zip", must_be_archive=True)
    other = tmp_path / "other"
    other.write_bytes(b"other")
    assert [is_sound(other), is_sound(other, must_be_archive=True)] == [True, False]
    assert [is_sound(other, "795f3202b17cb6bc3d4b771d8c6c9eaf"), is_sound(other, "0" * 32)] == [True, False]
