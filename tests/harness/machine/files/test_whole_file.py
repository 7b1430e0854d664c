from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.machine.files.whole_file import append, write_text


def test_data_are_added_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert [append(file, parts) for parts in ([b"a", b"bc"], [b""], [b"de"])] == [0, 3, 3]
    assert file.read_bytes() == b"abcde"


def test_a_part_of_a_unit_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345678---")
    assert append(file, [b"ab", b"cd"], 4) == 8
    assert file.read_bytes() == b"12345678abcd"


class Full:
    """A file on a disk that is full after two more bytes."""

    def __init__(self, file: Any) -> None:
        self._file, self._room = file, 2

    def write(self, data: memoryview) -> int:
        if not self._room:
            raise OSError(28, "No space left on device")
        written: int = self._file.write(data[: self._room])
        self._room -= written
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "Full":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def test_on_a_full_disk_the_file_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    really = Path.open
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda *arguments, **options: Full(really(*arguments, **options)))
        with pytest.raises(OSError, match="No space"):
            append(file, [b"de", b"fg"])
    assert file.read_bytes() == b"abc"


def test_a_folder_that_is_a_file_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*: Not a directory; name another place"):
        write_text(tmp_path / "file" / "folder" / "text", "a")
