"""Zips made to do harm: nothing is written outside, nothing large is unpacked, everything is said."""

import io
import os
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.submission.editions.profiles import get_profile
from harness.submission.mending import mend
from harness.submission.package import members
from harness.submission.package.members import FolderTree, ZipTree, open_tree
from harness.submission.package.zip_directory import DamagedError, announced
from harness.submission.validation import Validation, validate

LABEL = "Muestermann_ABC_task8_1"
OUTPUT = f"task8/{LABEL}/{LABEL}.output.csv"


def zipped(world: Any, *more: tuple[zipfile.ZipInfo | str, bytes], without: str = "") -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in world.files("dcase2024").items():
            if name != without:
                file.writestr(name, content)
        for info, content in more:
            file.writestr(info, content)
    path: Path = world.folder / "Muestermann_ABC.zip"
    path.write_bytes(packed.getvalue())
    return path


def codes(world: Any, path: Path) -> set[str]:
    result: Validation = validate(path, get_profile("dcase2024"), world.expected)
    return {finding.check for finding in result.findings.kept}


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_a_link_is_not_followed(world: Any) -> None:
    path = zipped(world, (link(OUTPUT), b"/etc/passwd"), without=OUTPUT)
    assert {"P004", "P016"} <= codes(world, path)
    assert all(member.kind == "link" for member in ZipTree(path).members if member.name == OUTPUT)


def test_a_link_in_a_folder_is_not_followed(world: Any, tmp_path: Path) -> None:
    folder = tmp_path / "submission"
    for name, content in world.files("dcase2024").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert codes(world, folder) == set()
    (folder / OUTPUT).unlink()
    (folder / OUTPUT).symlink_to("/etc/passwd")
    (folder / "task8" / "loop").symlink_to(folder)
    assert {"P004", "P016"} <= codes(world, folder)


def test_the_top_folder_itself_may_be_named(world: Any, tmp_path: Path) -> None:
    for name, content in world.files("dcase2024").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert codes(world, tmp_path / "task8") == set()


def test_a_bomb_is_not_unpacked(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(world, (OUTPUT, b"0" * 30_000_000), without=OUTPUT)
    unpacked = []
    monkeypatch.setattr(members.shutil, "copyfileobj", lambda *_: unpacked.append(1))
    result = validate(path, get_profile("dcase2024"), world.expected)
    (finding,) = [finding for finding in result.findings.kept if finding.check == "P005"]
    assert "30,000,000" in finding.found
    assert OUTPUT not in result.looked_at


def test_a_file_that_is_far_too_large_is_not_unpacked(world: Any) -> None:
    path = zipped(world, (f"task8/{LABEL}/more.yaml", os.urandom(70_000)))
    result = validate(path, get_profile("dcase2024"), world.expected)
    (finding,) = [finding for finding in result.findings.kept if finding.check == "P008"]
    assert "70,000 bytes" in finding.found
    assert f"task8/{LABEL}/more.yaml" not in result.looked_at


def test_a_member_that_says_it_is_small_gives_no_more_than_it_says(world: Any) -> None:
    path = zipped(world, (OUTPUT, b"0" * 30_000_000), without=OUTPUT)
    content = path.read_bytes()
    lied = content.replace(struct.pack("<L", 30_000_000), struct.pack("<L", 1000))
    assert lied != content
    path.write_bytes(lied)
    found = codes(world, path)
    assert found & {"P001", "F001", "F004"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_unusual_compression_is_said_and_not_unpacked(world: Any, method: int) -> None:
    info = zipfile.ZipInfo(OUTPUT)
    info.compress_type = method
    path = zipped(world, (info, b"caption\n"), without=OUTPUT)
    assert "P006" in codes(world, path)


def test_a_password(world: Any) -> None:
    path = zipped(world)
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\1\2")
    content[place + 8] |= 1
    path.write_bytes(content)
    assert "P006" in codes(world, path)


def test_a_name_twice(world: Any) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(world, (OUTPUT, b"caption\n"))
    assert "P007" in codes(world, path)


@pytest.mark.parametrize("name", ["../x.csv", "/x.csv", "task8/../../x.csv", "C:/x.csv", "task8\\..\\x.csv", "~/x.csv"])
def test_paths_that_lead_out(world: Any, name: str) -> None:
    before = sorted(world.folder.parent.rglob("*"))
    path = zipped(world, (name, b"x"))
    assert "P003" in codes(world, path)
    assert sorted(world.folder.parent.rglob("*")) == before or path in world.folder.iterdir()


def test_more_members_than_anybody_hands_in(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(members.MOST_MEMBERS + 1):
            file.writestr(f"{number}", b"")
    assert announced(path).members == members.MOST_MEMBERS + 1
    tree = ZipTree(path)
    assert tree.members == []
    assert "10,001 members" in tree.damage


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\5\6"], ids=["empty", "short", "text", "end"])
def test_no_zip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match="it is no zip"):
        announced(path)
    assert [finding.check for finding in validate(path, get_profile("dcase2024")).findings.kept] == ["P001"]


def test_an_empty_zip(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "x.zip", "w").close()
    (finding,) = validate(tmp_path / "x.zip", get_profile("dcase2024")).findings.kept
    assert (finding.check, finding.found) == ("P001", "nothing in it")


def test_a_damaged_member_is_named(world: Any) -> None:
    path = zipped(world)
    content = bytearray(path.read_bytes())
    place = content.index(OUTPUT.encode()) + len(OUTPUT) + 20
    content[place] ^= 0xFF
    path.write_bytes(content)
    (finding,) = validate(path, get_profile("dcase2024"), world.expected).findings.kept
    assert (finding.check, finding.file) == ("P001", OUTPUT)


def test_what_is_no_file_at_all(tmp_path: Path) -> None:
    from harness.errors import UserError

    with pytest.raises(UserError, match="does not exist; expected a CSV, a YAML, a folder or a zip"):
        open_tree(tmp_path / "absent.zip", "task8")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match="is no regular file"):
        open_tree(tmp_path / "pipe.csv", "task8")
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(UserError, match="is no CSV, YAML, folder or zip"):
        validate(tmp_path / "x.txt", get_profile("dcase2024"))


def test_a_folder_of_names_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.csv")).write_text("x")
    assert FolderTree(tmp_path).members[0].name == "\\xff.csv" or "udcff" in FolderTree(tmp_path).members[0].name
    assert list(validate(tmp_path, get_profile("dcase2024")).to_text())


@pytest.mark.parametrize("name", ["x.output.csv", "x.meta.yaml"])
def test_one_file_alone_that_is_far_too_large_is_not_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(40_000_000)
    result = validate(tmp_path / name, get_profile("dcase2024"))
    assert [finding.check for finding in result.findings.kept] == ["P008"]
    assert result.looked_at == []
    assert mend(tmp_path / name, get_profile("dcase2024"), None, None).path is None


@pytest.mark.parametrize("name", ["~x.output.csv", "C:x.output.csv", "a\\b.output.csv", "tab\t.output.csv"])
def test_one_file_alone_may_be_called_anything(world: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"caption,fname_1\nx\n")
    found = codes(world, tmp_path / name)
    assert {"R002", "R003"} <= found
