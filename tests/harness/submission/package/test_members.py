"""Zips made to do harm: nothing is written outside, nothing large is unpacked, everything is said."""

import builtins
import errno
import io
import os
import stat
import struct
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.machine import append
from harness.submission.editions.profiles import get_profile
from harness.submission.mending import mend
from harness.submission.package import members
from harness.submission.package.member_checks import is_bomb, is_safe, leads_out
from harness.submission.package.members import FolderTree, Member, ZipTree, open_tree
from harness.submission.package.zip_directory import DamagedError, announced
from harness.submission.package_score import score_package
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


def told(world: Any, path: Path, code: str) -> tuple[str, str, str, str]:
    """File, found, expected and mend of the one finding of a check."""
    kept = validate(path, get_profile("dcase2024"), world.expected).findings.kept
    (finding,) = [one for one in kept if one.check == code]
    return finding.file, finding.found, finding.expected, finding.mend


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_a_link_is_not_followed(world: Any) -> None:
    path = zipped(world, (link(OUTPUT), b"/etc/passwd"), without=OUTPUT)
    assert {"P004", "P016"} <= codes(world, path)
    assert told(world, path, "P004") == (
        OUTPUT,
        "a link",
        "a regular file",
        "put the file itself in its place; a link points to nothing where the package is unpacked",
    )
    assert [member.kind for member in ZipTree(path).members if member.name == OUTPUT] == ["link"]


def test_a_pipe_is_not_read(world: Any) -> None:
    info = link(OUTPUT)
    info.external_attr = (stat.S_IFIFO | 0o777) << 16
    path = zipped(world, (info, b""), without=OUTPUT)
    assert told(world, path, "P004")[1] == "a device, pipe or socket"


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
    unpacked: list[int] = []

    def noted(target: Path, piece: bytes) -> int:
        unpacked.append(len(piece))
        return append(target, piece)

    monkeypatch.setattr(members, "append", noted)
    result = validate(path, get_profile("dcase2024"), world.expected)
    assert OUTPUT not in result.looked_at
    assert 0 < sum(unpacked) < 100_000
    (packed,) = [member.packed for member in ZipTree(path).members if member.name == OUTPUT]
    assert told(world, path, "P005") == (
        OUTPUT,
        f"{packed:,} bytes that unpack to 30,000,000",
        "at most 150 bytes from one",
        "pack the real file; this one was not unpacked",
    )


@pytest.mark.parametrize(
    ("size", "packed", "bomb"),
    [
        (1 << 20, 1, False),
        ((1 << 20) + 1, 1, True),
        (1_500_000, 10_000, False),
        (1_500_001, 10_000, True),
        (1 << 21, 0, True),
    ],
)
def test_what_is_a_bomb(size: int, packed: int, bomb: bool) -> None:
    """More than a mebibyte, and more than 150 bytes from one."""
    assert is_bomb(Member("x.csv", "file", size, packed)) == bomb


def test_a_file_that_is_far_too_large_is_not_unpacked(world: Any) -> None:
    path = zipped(world, (f"task8/{LABEL}/more.yaml", os.urandom(70_000)))
    result = validate(path, get_profile("dcase2024"), world.expected)
    (finding,) = [finding for finding in result.findings.kept if finding.check == "P008"]
    assert (finding.file, finding.found) == (f"task8/{LABEL}/more.yaml", "70,000 bytes")
    assert finding.expected == "at most 65,536 for a .yaml file"
    assert finding.mend == "look whether it is the right file; it was not read"
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
    assert told(world, path, "P006") == (
        OUTPUT,
        f"compression method {method}",
        "no password, and a usual method (stored or deflate)",
        "make the zip again with the usual settings",
    )


def test_a_password(world: Any) -> None:
    path = zipped(world)
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\1\2")
    content[place + 8] |= 1
    path.write_bytes(content)
    assert told(world, path, "P006")[1] == "a member that needs a password"


def test_a_name_twice(world: Any) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(world, (OUTPUT, b"caption\n"))
    assert "P007" in codes(world, path)


@pytest.mark.parametrize("name", ["../x.csv", "/x.csv", "task8/../../x.csv", "C:/x.csv", "task8\\..\\x.csv", "~/x.csv"])
def test_paths_that_lead_out(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """They are said, and neither looking, mending nor scoring writes anything outside of the temporary folder."""
    path = zipped(world, (name, b"caption,fname_1\r\n"))
    here, temporary = tmp_path / "a" / "b" / "here", tmp_path / "temporary"
    here.mkdir(parents=True)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("HOME", str(tmp_path / "a"))
    monkeypatch.chdir(here)
    written: list[Path] = []
    opened = io.open

    def noted(file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if isinstance(file, str | Path) and set(mode) & set("wax+"):
            written.append(Path(os.path.abspath(file)))  # noqa: PTH100 - nothing is to be followed
        return opened(file, mode, *arguments, **more)

    for module in (io, builtins):
        monkeypatch.setattr(module, "open", noted)
    assert "P003" in codes(world, path)
    score_package(path, world.task)
    assert written, "members are unpacked"
    assert all(place.is_relative_to(temporary) for place in written)
    assert mend(path, get_profile("dcase2024"), world.expected, None).path == path.with_suffix(".fixed.zip")
    path.with_suffix(".fixed.zip").unlink()
    outside = [place for place in written if not place.is_relative_to(temporary) and place.parent != path.parent]
    assert outside == []
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "a", tmp_path / "a" / "b", here, temporary])


def test_a_member_is_never_unpacked_under_its_own_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("../../escaped.csv", b"x")
    tree = ZipTree(tmp_path / "x.zip")
    (member,) = tree.members
    with tree.place(member) as place:
        assert place.name == "member.csv"
        assert place.read_bytes() == b"x"
        (folder,) = (parent for parent in place.parents if parent.name.startswith("lbar-"))
    assert not folder.exists()


def test_a_full_disk_is_no_damage_of_the_package(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = world.zip(world.files("dcase2024"))
    monkeypatch.setattr(members, "append", full)
    with pytest.raises(UserError, match="No space left on device; make room there, or set TMPDIR"):
        validate(path, get_profile("dcase2024"), world.expected)


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
    assert [member.name for member in FolderTree(tmp_path).members] == ["\\udcff.csv"]
    found = {one.check for one in validate(tmp_path, get_profile("dcase2024")).findings.kept}
    assert "P011" in found


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


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("a b/c d.csv", False), ("x", False), ("a..b/c", False), ("a\x1fb", True), ("a\x20b", False), ("~", True),
        ("C:", True), (":", False), ("a\\b", True), ("/a", True), ("a/..", True), ("..", True),
    ],
)  # fmt: skip
def test_which_names_lead_out(name: str, out: bool) -> None:
    assert leads_out(Member(name, "file", 1, 1)) == out


def test_what_is_safe_to_unpack() -> None:
    member = Member("a.csv", "file", 10, 10, zipfile.ZIP_DEFLATED)
    assert is_safe(member)
    for changed in (
        {"kind": "link"}, {"kind": "other"}, {"kind": "folder"}, {"method": zipfile.ZIP_LZMA}, {"encrypted": True},
        {"name": "../a.csv"}, {"size": 1 << 30},
    ):  # fmt: skip
        assert not is_safe(replace(member, **changed)), changed
