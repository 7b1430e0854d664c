import errno
import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from harness.errors import UserError
from harness.machine.files import downloads
from harness.machine.files.downloads import download
from harness.machine.progress import Advance

CONTENT = bytes(range(256)) * 2000
MD5 = hashlib.md5(CONTENT).hexdigest()
CUT = 4 * 65536


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """The other side has hung up."""


class Publisher:
    """An HTTP server on loopback that serves `content` and can be told to misbehave.

    `cuts[i]` is the number of body bytes after which answer `i` breaks off, `length` the announced length (`""` the
    right one), `shift` how far what is continued is off, `pause` the seconds between bytes that come one by one;
    `asked` and `encodings` are headers received.
    """

    def __init__(self) -> None:
        self.content = CONTENT
        self.cuts: list[int] = []
        self.honours_range = True
        self.headers: dict[str, str] = {}
        self.length: str | None = ""
        self.shift = 0
        self.pause = 0.0
        self.status: int | None = None
        self.asked: list[str | None] = []
        self.encodings: list[str | None] = []
        self.closed = Event()
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked.append(self.headers["Range"])
                publisher.encodings.append(self.headers["Accept-Encoding"])
                start = 0
                if publisher.status is not None:
                    self.send_error(publisher.status)
                    return
                same = self.headers["If-Range"] in (None, publisher.headers.get("ETag"))
                if publisher.honours_range and self.headers["Range"] and same:
                    start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
                if start >= len(publisher.content) and start:
                    self.send_error(416)
                    return
                body = publisher.content[start:]
                self.send_response(206 if start else 200)
                if publisher.length is not None:
                    self.send_header("Content-Length", publisher.length or str(len(body)))
                if start:
                    begin = start + publisher.shift
                    self.send_header("Content-Range", f"bytes {begin}-{len(publisher.content) - 1}/*")
                for name, value in publisher.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                sent = len(body) if not publisher.cuts else publisher.cuts.pop(0)
                while publisher.pause and not publisher.closed.wait(publisher.pause):
                    self.wfile.write(b"x")
                self.wfile.write(body[:sent])

            def log_message(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/file.bin"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Publisher()
    yield server
    server.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "file.bin"


def refusal(publisher: Publisher, target: Path) -> str:
    with pytest.raises(UserError) as caught:
        download(publisher.url, target, MD5)
    assert not target.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_file(publisher: Publisher, target: Path) -> None:
    download(publisher.url, target, MD5)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert publisher.asked == [None]


def test_a_cut_connection_is_taken_up_at_the_cut(publisher: Publisher, target: Path) -> None:
    publisher.cuts = [CUT]
    download(publisher.url, target, MD5)
    assert target.read_bytes() == CONTENT
    assert publisher.asked == [None, f"bytes={CUT}-"]


def test_many_cuts_are_borne_as_long_as_each_answer_brings_something(publisher: Publisher, target: Path) -> None:
    publisher.cuts = [65536] * 5
    download(publisher.url, target, MD5)
    assert publisher.asked == [None, *(f"bytes={65536 * count}-" for count in range(1, 6))]


def test_a_later_call_continues_what_an_earlier_one_left(publisher: Publisher, target: Path) -> None:
    publisher.cuts = [CUT, 0]
    message = refusal(publisher, target)
    assert f"it broke off after {CUT} bytes" in message
    assert "run the same command again to continue" in message
    download(publisher.url, target, MD5)
    assert target.read_bytes() == CONTENT
    assert publisher.asked[-1] == f"bytes={CUT}-"


def test_a_process_killed_before_renaming_asks_for_nothing_again(publisher: Publisher, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(CONTENT)
    download(publisher.url, target, MD5)
    assert target.read_bytes() == CONTENT
    assert publisher.asked == []


def test_a_server_that_cannot_continue_is_asked_for_the_whole(publisher: Publisher, target: Path) -> None:
    publisher.honours_range = False
    publisher.cuts = [CUT]
    download(publisher.url, target, MD5)
    assert target.read_bytes() == CONTENT
    assert publisher.asked == [None, f"bytes={CUT}-"]


def test_a_server_that_cannot_continue_and_always_cuts_is_given_up(publisher: Publisher, target: Path) -> None:
    publisher.honours_range = False
    publisher.cuts = [CUT] * 9
    assert "it broke off after" in refusal(publisher, target)
    assert len(publisher.asked) == 2


def test_what_was_left_of_a_longer_file_is_thrown_away(publisher: Publisher, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(CONTENT + b"more")
    download(publisher.url, target, MD5)
    assert target.read_bytes() == CONTENT
    assert publisher.asked == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_wrong_checksum_names_both_and_keeps_nothing(publisher: Publisher, target: Path) -> None:
    publisher.content = b"something else"
    found = hashlib.md5(b"something else").hexdigest()
    message = refusal(publisher, target)
    assert message.startswith(f"{publisher.url} has MD5 {found}, expected {MD5}; the file was not kept")
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(("status", "expected"), [(404, "answers 404 Not Found"), (503, "503 Service Unavailable")])
def test_a_server_that_refuses(publisher: Publisher, target: Path, status: int, expected: str) -> None:
    publisher.status = status
    assert expected in refusal(publisher, target)


def test_no_server(publisher: Publisher, target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        publisher.url = f"http://127.0.0.1:{taken.getsockname()[1]}/file.bin"
    assert "no connection" in refusal(publisher, target)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk(publisher: Publisher, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.bin.part").symlink_to("/dev/full")
    message = refusal(publisher, target)
    assert "the disk is full; make room and run the same command again to continue" in message


def test_a_disk_that_fills_up_keeps_what_arrived(
    publisher: Publisher, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = CUT
    plain_open = Path.open

    class Filling:
        """A file on a disk with room for `room` bytes."""

        def __init__(self, file) -> None:
            self._file = file

        def write(self, chunk: bytes) -> int:
            if self._file.tell() + len(chunk) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self._file.write(chunk)

        def __getattr__(self, name: str):
            return getattr(self._file, name)

    def open_part(path: Path, *args: str, **kwargs: str):
        file = plain_open(path, *args, **kwargs)
        return Filling(file) if path.suffix == ".part" else file

    monkeypatch.setattr(Path, "open", open_part)
    assert "the disk is full" in refusal(publisher, target)
    monkeypatch.undo()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    kept = target.with_name("file.bin.part").read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert 0 < len(kept) <= CUT
    download(publisher.url, target, MD5)
    assert target.read_bytes() == CONTENT
    assert publisher.asked == [None, f"bytes={len(kept)}-"]


def test_a_folder_that_cannot_be_made(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot be written" in refusal(publisher, tmp_path / "file" / "x.bin")


def test_the_bytes_are_asked_for_as_they_are(publisher: Publisher, target: Path) -> None:
    download(publisher.url, target, MD5)
    assert publisher.encodings == ["identity"]


def test_progress_counts_bytes_once_however_often_the_connection_breaks(publisher: Publisher, target: Path) -> None:
    stages: list[tuple[str, int]] = []
    steps: list[int] = []

    def progress(stage: str, total: int) -> Advance:
        stages.append((stage, total))
        return steps.append

    publisher.cuts = [CUT, 0]
    with pytest.raises(UserError):
        download(publisher.url, target, MD5, progress)
    assert (stages, sum(steps)) == ([("file.bin", len(CONTENT))], CUT)
    stages.clear()
    steps.clear()
    publisher.honours_range = False
    download(publisher.url, target, MD5, progress)
    assert (stages, sum(steps)) == ([("file.bin", len(CONTENT))], len(CONTENT))


def test_without_a_checksum_all_that_was_announced_has_to_come(publisher: Publisher, target: Path) -> None:
    publisher.cuts = [CUT]
    download(publisher.url, target, None)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("tag", ['"one"', ""])
def test_the_rest_of_another_version_is_not_put_behind_the_first(publisher: Publisher, target: Path, tag: str) -> None:
    publisher.headers = {"ETag": tag} if tag else {"Last-Modified": "Wed, 25 Nov 2026 08:00:00 GMT"}
    publisher.cuts = [CUT, 0]
    with pytest.raises(UserError, match="it broke off"):
        download(publisher.url, target, None)
    publisher.content = CONTENT[::-1]
    publisher.headers = {"ETag": '"two"'}
    download(publisher.url, target, None)
    assert target.read_bytes() == CONTENT[::-1]
    assert list(target.parent.iterdir()) == [target]


def test_a_web_page_is_no_file(publisher: Publisher, target: Path) -> None:
    publisher.headers = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(UserError, match="a web page came instead of the file"):
        download(publisher.url, target, None)
    assert not target.exists()


def test_an_empty_file_is_none(publisher: Publisher, target: Path) -> None:
    publisher.content = b""
    with pytest.raises(UserError, match="is an empty file"):
        download(publisher.url, target, None)
    assert not target.exists()


def test_without_a_checksum_a_server_has_to_say_how_much_comes(publisher: Publisher, target: Path) -> None:
    """A body that ends with the connection may have been cut short."""
    publisher.length = None
    publisher.cuts = [CUT]
    with pytest.raises(
        UserError, match="does not say how many bytes will come, and there is no checksum.*give its `md5:`"
    ):
        download(publisher.url, target, None)
    assert not target.exists()
    publisher.cuts = []
    download(publisher.url, target, MD5)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["abc", "-5", "1e9", "9" * 30])
def test_an_announcement_that_is_no_number(publisher: Publisher, target: Path, length: str) -> None:
    publisher.length = length
    assert f"the server announces {length!r} bytes, which is no number" in refusal(publisher, target)


def test_more_than_there_is_room_for(publisher: Publisher, target: Path) -> None:
    publisher.length = str(10**17)
    assert "needs 100,000,000,000,000,000 bytes, and" in refusal(publisher, target)


@pytest.mark.parametrize("checksum", [MD5, None])
def test_what_is_continued_at_another_byte_is_requested_from_the_start(
    publisher: Publisher, target: Path, checksum: str | None
) -> None:
    publisher.cuts = [CUT]
    publisher.shift = 7
    download(publisher.url, target, checksum)
    assert target.read_bytes() == CONTENT
    assert publisher.asked == [None, f"bytes={CUT}-", None]


def test_without_checksum_and_version_a_later_call_begins_anew(publisher: Publisher, target: Path) -> None:
    publisher.cuts = [CUT, 0]
    with pytest.raises(UserError, match="it broke off"):
        download(publisher.url, target, None)
    publisher.content = CONTENT[::-1]
    download(publisher.url, target, None)
    assert target.read_bytes() == CONTENT[::-1]


def test_a_server_that_sends_hardly_anything_is_given_up(
    publisher: Publisher, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_PATIENCE_SECONDS", 0.5)
    publisher.pause = 0.1
    message = refusal(publisher, target)
    assert re.search("only [2-9] bytes came in [01] s; what arrived is kept", message)
    assert target.with_name("file.bin.part").stat().st_size > 1


def test_many_answers_of_a_byte_each_are_given_up_too(
    publisher: Publisher, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_PATIENCE_SECONDS", 0.5)
    publisher.cuts = [1] * 100_000
    assert "what arrived is kept: run the same command again to continue, at another time" in refusal(publisher, target)


def test_an_answer_that_never_begins(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its header comes a byte at a time, each before the time-out of a connection."""
    monkeypatch.setattr(downloads, "_PATIENCE_SECONDS", 0.5)
    ended = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                while not ended.wait(0.1):
                    connection.sendall(b"H")

        thread = Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(UserError, match="no connection.*no answer within 0.5 s"):
                download(f"http://127.0.0.1:{server.getsockname()[1]}/x", target, MD5)
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize("url", ["ftp://example.org/x", "file:///etc/passwd", "example.org/x"])
def test_an_address_that_is_not_on_the_web(url: str, target: Path) -> None:
    with pytest.raises(UserError, match=f"{url} is not on the web; expected an address that begins with https:"):
        download(url, target, None)


def test_an_open_line_needs_a_checksum(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_answer", fail)
    with pytest.raises(UserError, match="http://example.org/x is not encrypted, and without a checksum .* `md5:`"):
        download("http://example.org/x", target, None)
    for url, checksum in (("http://example.org/x", MD5), ("https://example.org/x", None)):
        with pytest.raises(AssertionError, match="asked"):
            download(url, target, checksum)


def fail(*_: object) -> None:
    raise AssertionError("asked")


def test_an_encrypted_address_that_leads_to_an_open_line(
    publisher: Publisher, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_LOOPBACK", ())
    with pytest.raises(UserError, match="https://x leads to http://127.0.0.1:.*, which is not encrypted"):
        downloads._refuse_open_line("https://x", publisher.url, None)
