import errno
from pathlib import Path

import pytest

from harness.datasets.publication.unpack import unpack
from harness.errors import UserError
from harness.machine.progress import Advance

py7zr = pytest.importorskip("py7zr", reason="needs py7zr (extra fetch)")

NAMES = (" rain .wav", "a&#39;b, c.wav")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "audio.7z"
    with py7zr.SevenZipFile(path, "w") as packed:
        for name in NAMES:
            packed.writestr(name.encode() * 1000, f"evaluation/{name}")
    return path


def test_the_folder_appears_complete_with_its_names_verbatim(archive: Path) -> None:
    folder = archive.parent / "evaluation"
    unpack(archive, folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {name: name.encode() * 1000 for name in NAMES}
    assert sorted(archive.parent.iterdir()) == [archive, folder]


def test_the_rest_of_an_interrupted_run_does_not_get_in(archive: Path) -> None:
    half = archive.parent / ".evaluation.part/evaluation/half.wav"
    half.parent.mkdir(parents=True)
    half.touch()
    unpack(archive, archive.parent / "evaluation")
    assert sorted(file.name for file in (archive.parent / "evaluation").iterdir()) == sorted(NAMES)
    assert not half.parent.parent.exists()


def test_progress_counts_unpacked_bytes(archive: Path) -> None:
    steps: list[int] = []

    def progress(stage: str, total: int) -> Advance:
        assert (stage, total) == ("unpacking audio.7z", sum(len(name) * 1000 for name in NAMES))
        return steps.append

    unpack(archive, archive.parent / "evaluation", progress)
    assert steps == [len(name) * 1000 for name in NAMES]


def test_a_folder_of_another_name(archive: Path) -> None:
    with pytest.raises(UserError, match=r"audio.7z holds no folder validation"):
        unpack(archive, archive.parent / "validation")
    assert list(archive.parent.iterdir()) == [archive]


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_no_archive(archive: Path, content: bytes) -> None:
    archive.write_bytes(content)
    with pytest.raises(UserError, match=r"audio.7z cannot be unpacked"):
        unpack(archive, archive.parent / "evaluation")
    assert list(archive.parent.iterdir()) == [archive]


def test_a_cut_archive(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"audio.7z cannot be unpacked"):
        unpack(archive, archive.parent / "evaluation")
    assert list(archive.parent.iterdir()) == [archive]


def test_a_disk_that_fills_up_keeps_the_archive(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_up(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", fill_up)
    with pytest.raises(UserError, match=r"No space left on device.*the archive is kept"):
        unpack(archive, archive.parent / "evaluation")
    assert list(archive.parent.iterdir()) == [archive]
