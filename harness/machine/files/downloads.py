"""One file over HTTP: continued where it stopped, put in place only when it is whole."""

import errno
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from harness.errors import UserError
from harness.machine.progress import Advance, Progress, silent

if TYPE_CHECKING:
    import requests

_CHUNK_BYTES = 1 << 16
_TIMEOUT_SECONDS = 30

_PATIENCE_SECONDS = 60
_LEAST_BYTES = 60_000
"""How much has to come within `_PATIENCE_SECONDS`; a gigabyte at that rate takes twelve days."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def download(url: str, target: Path, md5: str | None, progress: Progress = silent) -> None:
    """Download a file, verified.

    A file without a published checksum (`md5` is `None`) counts as right when it has all bytes that the server
    announced, and is neither empty nor a web page. It has to come by https, and from a server that says how much it
    is.

    What has arrived is kept in `<target>.part` until the file is complete and its MD5 is right, so an interrupted
    download continues there, in this call or a later one. From a server that cannot continue, all of it is requested.

    Raises:
        UserError: the server cannot be reached, refuses, cuts the connection again and again, or hardly sends
            anything; the content is not the expected one (then nothing is kept); the disk is full or not writable.
    """
    import pooch

    _refuse_open_line(url, url, md5)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if md5 is None or not part.is_file() or pooch.file_hash(str(part), alg="md5") != md5:
            _complete(url, part, md5, progress)
        found = None if md5 is None and part.stat().st_size else pooch.file_hash(str(part), alg="md5")
        if found == md5:
            part.replace(target)
            return
        part.unlink()
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full; make room" if full else f"{error.strerror or error}; mend that"
        raise UserError(f"{part} cannot be written: {reason} and run the same command again to continue") from error
    if md5 is None:
        raise UserError(f"{url} is an empty file; the publisher may have taken it away")
    raise UserError(
        f"{url} has MD5 {found}, expected {md5}; the file was not kept. Run again; if it differs again, the publisher "
        "has changed it"
    )


def _refuse_open_line(url: str, address: str, md5: str | None) -> None:
    """Refuse an address, that of the file or one it leads to, over which anybody on the way could send another file."""
    parts = urlsplit(address)
    leads = "" if address == url else f" leads to {address}, which"
    if parts.scheme not in ("http", "https"):
        raise UserError(f"{url}{leads} is not on the web; expected an address that begins with https:")
    if parts.scheme == "http" and md5 is None and parts.hostname not in _LOOPBACK:
        raise UserError(
            f"{url}{leads} is not encrypted, and without a checksum another file would not be told from it; give its "
            "address with https:, or its `md5:`"
        )


def _complete(url: str, part: Path, md5: str | None, progress: Progress) -> None:
    """Send requests until the file is complete, as long as every response brings new bytes."""
    import requests
    import urllib3

    version = part.with_name(part.name + ".version")
    with closing(part.open("ab")) as file:
        partial = _Partial(file, version, md5, progress)
        while True:
            before = partial.size
            try:
                partial.request(url)
                break
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                response = getattr(error, "response", None)
                if response is not None and response.status_code == 416 and before:
                    partial.restart()
                elif response is not None:
                    raise UserError(f"{url}: the server answers {response.status_code} {response.reason}") from error
                elif partial.size <= before:
                    if not partial.size:
                        raise UserError(f"{url}: no connection, or it broke off at once ({_cause(error)})") from error
                    raise UserError(
                        f"{url}: it broke off after {partial.size} bytes ({_cause(error)}); "
                        "what arrived is kept: run the same command again to continue"
                    ) from error
            finally:
                if not partial.size:
                    version.unlink(missing_ok=True)
    version.unlink(missing_ok=True)


class _Partial:
    """The beginning of a file, open to be continued, and the version of the file that it is of."""

    def __init__(self, file: BinaryIO, version: Path, md5: str | None, progress: Progress) -> None:
        """`version` holds the server's tag or date of the version, where it gave one."""
        self.size = file.tell()
        self._file = file
        self._version = version
        self._md5 = md5
        self._progress = progress
        self._advance: Advance | None = None
        self._window = (time.monotonic(), self.size)
        if self.size and md5 is None and not self._known_version():
            # Nothing would tell whether the rest belongs to the same file.
            self.restart()

    def request(self, url: str) -> None:
        """Send one request for all bytes that are missing."""
        # An encoded body could not be continued at a byte of the file.
        headers = {"Accept-Encoding": "identity"}
        if self.size:
            headers["Range"] = f"bytes={self.size}-"
            # Of another version of the file the rest would not fit: then the server sends the whole.
            if version := self._known_version():
                headers["If-Range"] = version
        with _answer(url, headers) as response:
            response.raise_for_status()
            _refuse_open_line(url, response.url, self._md5)
            if response.headers.get("Content-Type", "").startswith("text/html"):
                raise UserError(f"{response.url}: a web page came instead of the file; see what it says in a browser")
            if response.status_code == 206 and not _continues(response, self.size):
                self.restart()
                self.request(url)
                return
            if response.status_code == 200:
                tag = response.headers.get("ETag", "")
                date = response.headers.get("Last-Modified", "")
                self._version.write_text("" if tag.startswith("W/") else tag or date)
                if self.size:
                    self.restart()
            self._read(url, response)

    def _read(self, url: str, response: "requests.Response") -> None:
        coming = _announced(url, response, self._md5)
        free = shutil.disk_usage(self._version.parent).free
        if coming > free:
            raise UserError(f"{url} needs {coming:,} bytes, and {free:,} are free in {self._version.parent}; make room")
        if self._advance is None:
            self._advance = self._progress(Path(self._file.name).stem, self.size + coming)
            self._advance(self.size)
        for chunk in _pieces(response):
            self._file.write(chunk)
            self._file.flush()
            self.size += len(chunk)
            self._advance(len(chunk))
            self._refuse_trickle(url)

    def _refuse_trickle(self, url: str) -> None:
        """Give up where hardly anything comes, in one answer or in many."""
        begun, size = self._window
        seconds = time.monotonic() - begun
        if seconds < _PATIENCE_SECONDS:
            return
        if self.size - size < _LEAST_BYTES:
            raise UserError(
                f"{url}: only {self.size - size} bytes came in {seconds:.0f} s; what arrived is kept: run the same "
                "command again to continue, at another time or from another network"
            )
        self._window = (time.monotonic(), self.size)

    def _known_version(self) -> str:
        return self._version.read_text() if self._version.exists() else ""

    def restart(self) -> None:
        """Discard what has arrived."""
        self._file.truncate(0)
        if self._advance is not None:
            self._advance(-self.size)
        self.size = 0
        self._window = (self._window[0], 0)


def _answer(url: str, headers: dict[str, str]) -> "requests.Response":
    """The beginning of an answer. A thread waits for it, since a server may send that a byte at a time as well."""
    import requests

    answers: SimpleQueue[requests.Response | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS))
        except Exception as error:
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    answer: requests.Response | Exception = requests.Timeout(f"no answer within {_PATIENCE_SECONDS} s")
    with suppress(Empty):
        answer = answers.get(timeout=_PATIENCE_SECONDS)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _continues(response: "requests.Response", size: int) -> bool:
    """Whether the answer is what follows on the bytes that are here."""
    return re.match(rf"bytes {size}-", response.headers.get("Content-Range", "")) is not None


def _announced(url: str, response: "requests.Response", md5: str | None) -> int:
    """How many bytes the server says will come; 0 where it does not say, and the end can be told nevertheless.

    Raises:
        UserError: what it says is no number, or nothing would tell a file that is cut short from a whole one.
    """
    length = response.headers.get("Content-Length")
    if length is not None and not re.fullmatch("[0-9]{1,18}", length):
        raise UserError(f"{url}: the server announces {length[:40]!r} bytes, which is no number; report it there")
    if length is None and md5 is None and response.headers.get("Transfer-Encoding") != "chunked":
        raise UserError(
            f"{url}: the server does not say how many bytes will come, and there is no checksum, so a file cut short "
            "would not be noticed; give its `md5:`, or put the file in place yourself"
        )
    return int(length or 0)


def _pieces(response: "requests.Response") -> Iterator[bytes]:
    """The content as it comes, without waiting until a piece is full."""
    while piece := response.raw.read1(_CHUNK_BYTES):
        yield piece


def _cause(error: BaseException) -> str:
    """The message of the innermost exception, which names the cause."""
    while error.__context__ is not None:
        error = error.__context__
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
