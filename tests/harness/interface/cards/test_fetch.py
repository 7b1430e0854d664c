"""Downloads from a server on loopback: whole files, parts, folders, and what cannot be had."""

import functools
import hashlib
import io
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from harness.errors import UserError
from harness.interface.cards.fetch import fetch_files, join
from harness.machine import damaged_files


class Quiet(SimpleHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A publisher with a few files; the working directory is another, with a card `mine.yaml` to be written."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    root = tmp_path / "site"
    (tmp_path / "work").mkdir()
    root.mkdir()
    for name in ("whole.bin", "big.1.bin", "big.2.bin", "vocab.json", "merges.txt"):
        (root / name).write_bytes(name.encode() * 3)
    monkeypatch.chdir(tmp_path / "work")
    Quiet.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def card(files: str) -> str:
    Path("mine.yaml").write_text(f"factory: m:f\nname: mine\nfiles:\n{files}")
    return "mine.yaml"


def test_files_parts_and_folders(site: str) -> None:
    name = card(
        f"  a: {{path: sub/whole.bin, urls: [{site}/whole.bin]}}\n"
        f"  b: {{path: big.bin, urls: [{site}/big.1.bin, {site}/big.2.bin]}}\n"
        f"  c: {{path: bpe, contents: {{vocab.json: {site}/vocab.json, merges.txt: {site}/merges.txt}}}}\n"
        f"  d: {{path: later.bin, urls: [{site}/vocab.json], training_only: true}}\n"
    )
    lines = list(fetch_files(name))
    assert [line.split()[-1] for line in lines] == ["downloaded"] * 3
    weights = Path("weights")
    assert (weights / "sub" / "whole.bin").read_bytes() == b"whole.bin" * 3
    assert (weights / "big.bin").read_bytes() == b"big.1.bin" * 3 + b"big.2.bin" * 3
    found = [path.relative_to(weights).as_posix() for path in weights.rglob("*") if path.is_file()]
    assert sorted(name for name in found if name[0] != ".") == [
        "big.bin",
        "bpe/checksums.xxh128",
        "bpe/merges.txt",
        "bpe/vocab.json",
        "checksums.xxh128",
        "sub/checksums.xxh128",
        "sub/whole.bin",
    ]
    assert not any(damaged_files(folder) for folder in (weights, weights / "bpe", weights / "sub"))
    (weights / "bpe" / "merges.txt").write_bytes(b"other")
    (weights / "big.bin").write_bytes(b"other")
    assert (damaged_files(weights / "bpe"), damaged_files(weights)) == (["merges.txt"], ["big.bin"])

    Quiet.asked.clear()
    assert all(line.endswith("is there already") for line in fetch_files(name))
    assert Quiet.asked == []
    assert list(fetch_files(name, training=True))[-1].endswith("later.bin downloaded")


def test_parts_that_lie_there_are_joined(site: str) -> None:
    Path("weights").mkdir()
    for part in ("big.1.bin", "big.2.bin"):
        Path("weights", part).write_text(part[4])
    list(fetch_files(card(f"  b: {{path: big.bin, urls: [{site}/big.1.bin, {site}/big.2.bin]}}\n")))
    assert Path("weights", "big.bin").read_text() == "12"
    assert Quiet.asked == []


def test_a_folder_is_completed(site: str) -> None:
    Path("weights", "bpe").mkdir(parents=True)
    Path("weights", "bpe", "vocab.json").write_text("own")
    list(fetch_files(card(f"  c: {{path: bpe, contents: {{vocab.json: {site}/no, merges.txt: {site}/merges.txt}}}}\n")))
    assert Path("weights", "bpe", "vocab.json").read_text() == "own"
    assert Quiet.asked == ["/merges.txt"]


def test_what_cannot_be_had_is_listed_and_the_rest_fetched(site: str) -> None:
    name = card(
        "  a: {path: hand.bin, page: http://elsewhere/page}\n"
        f"  b: {{path: gone.bin, urls: [{site}/gone.bin]}}\n"
        f"  c: {{path: whole.bin, urls: [{site}/whole.bin]}}\n"
        f"  d: {{path: wrong.bin, md5: {'a' * 32}, urls: [{site}/whole.bin]}}\n"
    )
    with pytest.raises(UserError, match=r"3 of 4 files of mine\.yaml could not be fetched") as caught:
        list(fetch_files(name))
    by_hand, gone, wrong = caught.value.problems
    assert "hand.bin is not there; get it from http://elsewhere/page and put it there" in by_hand
    assert "404" in gone
    assert "expected aaaa" in wrong
    assert Path("weights", "whole.bin").exists()
    assert not Path("weights", "wrong.bin").exists()


def test_for_a_training_its_ancestors_files_are_fetched_and_weights_it_makes_are_no_failure(site: str) -> None:
    files = (
        "  weights: {path: %s.bin, origin: nobody published these}\n"
        f"  encoder: {{path: %s, urls: [{site}/%s], training_only: true}}\n"
    )
    for name, encoder in (("first", "whole.bin"), ("second", "big.1.bin")):
        Path(f"{name}.yaml").write_text(f"factory: m:f\nname: {name}\nfiles:\n" + files % (name, encoder, encoder))
    Path("second.yaml").write_text(Path("second.yaml").read_text() + "training: {start: first.yaml}\n")
    lines = list(fetch_files("second.yaml", training=True))
    assert sorted(path.name for path in Path("weights").glob("*.bin")) == ["big.1.bin", "whole.bin"]
    assert [line.split("; ")[-1] for line in lines if "not there" in line] == 2 * ["nobody published these"]
    (line,) = fetch_files("second.yaml")
    assert line == "weights/second.yaml.bin is not there; nobody published these".replace(".yaml", "")


def test_a_page_to_get_it_from_stays_a_failure_of_a_fetch_for_training(site: str) -> None:
    with pytest.raises(UserError, match="1 of 1 files"):
        list(
            fetch_files(
                card("  a: {path: hand.bin, page: http://elsewhere/page, training_only: true}\n"), training=True
            )
        )


def test_damaged_parts_are_kept(site: str, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("weights", bytes(range(256)) * 10)
    whole, middle = packed.getvalue(), len(packed.getvalue()) // 2
    name = card(f"  b: {{path: big.ckpt, urls: [{site}/big.1.ckpt, {site}/big.2.ckpt]}}\n")
    first, second = (Path("weights", f"big.{number}.ckpt") for number in (1, 2))
    first.parent.mkdir()
    first.write_bytes(whole[: middle - 7])
    second.write_bytes(whole[middle:])
    with pytest.raises(UserError) as caught:
        list(fetch_files(name))
    (problem,) = caught.value.problems
    assert "big.ckpt is damaged when its parts are joined; they are kept" in problem
    assert f"big.1.ckpt ({middle - 7:,} bytes)" in problem
    assert sorted(path.name for path in first.parent.iterdir() if path.name[0] != ".") == ["big.1.ckpt", "big.2.ckpt"]
    first.write_bytes(whole[:middle])
    assert [line.split()[-1] for line in fetch_files(name)] == ["downloaded"]
    assert Path("weights", "big.ckpt").read_bytes() == whole
    assert not first.exists()


def test_a_checksum_is_of_the_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with pytest.raises(UserError, match="damaged when its parts are joined"):
        join([tmp_path / "a", tmp_path / "b"], tmp_path / "whole", "0" * 32)
    join([tmp_path / "a", tmp_path / "b"], tmp_path / "whole", hashlib.md5(b"ab").hexdigest())
    assert (tmp_path / "whole").read_text() == "ab"


@pytest.mark.parametrize("path", ["../../out.bin", "/tmp/out-of-lbar.bin"])
def test_nothing_is_written_outside_the_weights_folder(site: str, path: str) -> None:
    with pytest.raises(UserError) as caught:
        list(fetch_files(card(f"  a: {{path: {path}, urls: [{site}/whole.bin]}}\n")))
    assert "is outside weights, where nothing is downloaded to" in caught.value.problems[0]
    assert Quiet.asked == []


def test_a_system_without_files() -> None:
    assert list(fetch_files("random")) == ["random needs no files"]


@pytest.mark.usefixtures("site")
def test_a_weights_folder_that_is_none() -> None:
    Path("weights").write_text("a file")
    with pytest.raises(UserError, match="set LBAR_WEIGHTS to a folder that can be written"):
        list(fetch_files(card("  a: {path: x, urls: [http://127.0.0.1:9/x]}\n")))


def test_a_broken_card() -> None:
    with pytest.raises(UserError, match="there is no card nowhere.yaml"):
        list(fetch_files("nowhere.yaml"))


def test_a_part_that_is_missing_or_empty(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").touch()
    with pytest.raises(UserError, match=r"whole cannot be joined: .*b, .*c is missing or empty"):
        join([tmp_path / "a", tmp_path / "b", tmp_path / "c"], tmp_path / "whole")
    assert not (tmp_path / "whole").exists()
