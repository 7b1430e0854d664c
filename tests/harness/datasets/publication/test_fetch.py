import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread

import pytest
from filelock import FileLock

from harness.datasets.entry import PublishedFile
from harness.datasets.known import load
from harness.datasets.publication.fetch import fetch as fetch_published
from harness.errors import UserError


def fetch(
    name: str, root: Path, *, splits: Sequence[str] | None = None, files: Sequence[PublishedFile] | None = None
) -> list[str]:
    """What is done where these files are what the publishers offer."""
    with pytest.MonkeyPatch.context() as patch:
        if files is not None:
            module = import_module(f"harness.datasets.known.{name}")
            patch.setattr(module, "ENTRY", replace(module.ENTRY, files=tuple(files)))
        return fetch_published(name, root, splits=splits)


CAPTIONS = "file_name,caption_1\n rain .wav,it rains\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder and the address it is served at."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def clotho(site: tuple[Path, str]) -> list[PublishedFile]:
    """A Clotho of one split as its publisher has it: captions, and an archive with the folder of audio."""
    py7zr = pytest.importorskip("py7zr", reason="needs py7zr (extra fetch)")
    folder, address = site
    (folder / "clotho_captions_evaluation.csv").write_text(CAPTIONS)
    with py7zr.SevenZipFile(folder / "clotho_audio_evaluation.7z", "w") as archive:
        archive.writestr(b"RIFF", "evaluation/ rain .wav")
    return [
        published(folder, address, file) for file in ("clotho_captions_evaluation.csv", "clotho_audio_evaluation.7z")
    ]


def published(folder: Path, address: str, file: str) -> PublishedFile:
    md5 = hashlib.md5((folder / file).read_bytes()).hexdigest()
    return PublishedFile(file, md5, f"{address}/{file}", "evaluation")


def test_a_data_set_is_fetched_unpacked_and_loads(tmp_path: Path, clotho: list[PublishedFile]) -> None:
    root = tmp_path / "data"
    lines = fetch("clotho", root, files=clotho)
    assert lines == [
        f"{root}/clotho/clotho_captions_evaluation.csv downloaded",
        f"{root}/clotho/evaluation downloaded and unpacked",
    ]
    (clip,) = load("clotho", "evaluation", root).clips
    assert clip.path.read_bytes() == b"RIFF"
    assert sorted(path.name for path in (root / "clotho").iterdir() if not path.name.startswith(".")) == [
        "clotho_captions_evaluation.csv",
        "evaluation",
    ]


def test_what_is_there_is_left_alone(tmp_path: Path, clotho: list[PublishedFile], site: tuple[Path, str]) -> None:
    root = tmp_path / "data"
    fetch("clotho", root, files=clotho)
    for file in site[0].iterdir():
        file.unlink()
    assert fetch("clotho", root, files=clotho) == [
        f"{root}/clotho/clotho_captions_evaluation.csv is there already",
        f"{root}/clotho/evaluation is there already",
    ]


def test_it_goes_where_the_data_set_is(tmp_path: Path, clotho: list[PublishedFile]) -> None:
    csv_folder = tmp_path / "data/CLOTHO_v2.1/clotho_csv_files"
    csv_folder.mkdir(parents=True)
    (csv_folder / "clotho_captions_evaluation.csv").write_text(CAPTIONS)
    fetch("clotho", tmp_path / "data", files=clotho)
    (clip,) = load("clotho", "evaluation", tmp_path / "data").clips
    assert clip.path == tmp_path / "data/CLOTHO_v2.1/clotho_audio_files/evaluation/ rain .wav"
    assert clip.path.read_bytes() == b"RIFF"


def test_only_the_splits_asked_for(tmp_path: Path, clotho: list[PublishedFile]) -> None:
    assert fetch("clotho", tmp_path / "data", splits=["validation"], files=clotho) == []
    assert not (tmp_path / "data").exists()


def test_an_archive_that_an_interrupted_run_left_is_unpacked(
    tmp_path: Path, clotho: list[PublishedFile], site: tuple[Path, str]
) -> None:
    home = tmp_path / "data/clotho"
    (home / ".evaluation.part/evaluation").mkdir(parents=True)
    (home / ".evaluation.part/evaluation/half.wav").touch()
    (site[0] / "clotho_audio_evaluation.7z").rename(home / "clotho_audio_evaluation.7z")
    fetch("clotho", tmp_path / "data", files=clotho)
    assert [path.name for path in (home / "evaluation").iterdir()] == [" rain .wav"]
    assert not (home / ".evaluation.part").exists()


def test_one_bad_file_does_not_keep_the_others(tmp_path: Path, clotho: list[PublishedFile]) -> None:
    captions, archive = clotho
    wrong = PublishedFile(captions.path, "0" * 32, captions.url, captions.split)
    absent = PublishedFile("metadata_eval.csv", "0" * 32, captions.url + "x", "evaluation")
    with pytest.raises(UserError, match="2 of 3 files of clotho could not be fetched") as caught:
        fetch("clotho", tmp_path / "data", files=[wrong, absent, archive])
    assert f"has MD5 {captions.md5}, expected {'0' * 32}" in caught.value.problems[0]
    assert "404" in caught.value.problems[1]
    assert (tmp_path / "data/clotho/evaluation").is_dir()
    assert not (tmp_path / "data/clotho" / captions.path).exists()


def test_a_file_of_the_users_is_not_overwritten(tmp_path: Path, clotho: list[PublishedFile]) -> None:
    mine = tmp_path / "data/clotho/clotho_captions_evaluation.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UserError) as caught:
        fetch("clotho", tmp_path / "data", files=clotho)
    assert "is not the published file" in caught.value.problems[0]
    assert "move it away" in caught.value.problems[0]
    assert mine.read_text() == "mine"


def test_without_py7zr_nothing_is_downloaded_in_vain(
    tmp_path: Path, site: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = site
    for name in ("a.7z", "b.7z"):
        (folder / name).write_bytes(b"large")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        fetch("clotho", tmp_path / "data", files=[published(folder, address, name) for name in ("a.7z", "b.7z")])
    assert caught.value.problems == (
        "archives (*.7z) cannot be unpacked without py7zr; install it: python -m pip install py7zr",
    )
    assert str(caught.value).startswith("2 of 2 files of clotho could not be fetched")
    assert not (tmp_path / "data/clotho/a.7z").exists()


def test_two_at_once(tmp_path: Path, clotho: list[PublishedFile]) -> None:
    home = tmp_path / "data/clotho"
    home.mkdir(parents=True)
    with FileLock(home / ".fetch.lock"), pytest.raises(UserError, match="another process is fetching into"):
        fetch("clotho", tmp_path / "data", files=clotho)


def test_a_data_root_that_cannot_be_written(tmp_path: Path, clotho: list[PublishedFile]) -> None:
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(UserError, match=r"data/clotho cannot be written: .*; choose another --data-root"):
        fetch("clotho", tmp_path / "data", files=clotho)


def test_what_the_user_must_get_himself_is_one_line(tmp_path: Path) -> None:
    (audiocaps,) = fetch("audiocaps", tmp_path, files=[])
    assert f"as {tmp_path}/audiocaps/audio/<train|val|test>/Y<youtube_id>.wav" in audiocaps
    (wavcaps,) = fetch("wavcaps", tmp_path)
    assert "cvssp/WavCaps" in wavcaps
    assert len(fetch("folder", tmp_path)) == len(fetch("everyday", tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown data set 'x'"):
        fetch("x", tmp_path)
    with pytest.raises(UserError, match="audiocaps has no split 'evaluation'"):
        fetch("audiocaps", tmp_path, splits=["evaluation"])
