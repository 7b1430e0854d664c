"""One file over HTTP: continued where it stopped, put in place only when it is whole."""

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.errors import UserError
from harness.machine.progress import Advance, Progress, silent

if TYPE_CHECKING:
    import requests

_CHUNK_BYTES = 1 << 16
_TIMEOUT_SECONDS = 30


def download(url: str, target: Path, md5: str | None, progress: Progress = silent) -> None:
    """Download a file, verified.

    A file without a published checksum (`md5` is `None`) counts as right when it has all bytes that the server
    announced, and is neither empty nor a web page.

    What has arrived is kept in `<target>.part` until the file is complete and its MD5 is right, so an interrupted
    download continues there, in this call or a later one. From a server that cannot continue, all of it is requested.

    Raises:
        UserError: the server cannot be reached, refuses, or cuts the connection again and again; the content is not
            the expected one (then nothing is kept); the disk is full or not writable.
    """
    import pooch

    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if md5 is None or not part.is_file() or pooch.file_hash(str(part), alg="md5") != md5:
            _complete(url, part, progress)
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


def _complete(url: str, part: Path, progress: Progress) -> None:
    """Send requests until the file is complete, as long as every response brings new bytes."""
    import requests

    with _Arriving(part, progress) as arriving:
        while True:
            before = arriving.size
            try:
                _request(url, arriving)
            except requests.RequestException as error:
                response = error.response
                if response is not None and response.status_code == 416 and before:
                    arriving.restart()
                elif response is not None:
                    raise UserError(f"{url}: the server answers {response.status_code} {response.reason}") from error
                elif arriving.size <= before:
                    raise UserError(
                        f"{url}: no connection, or it broke off after {arriving.size} bytes ({_cause(error)}); "
                        "what arrived is kept: run the same command again to continue"
                    ) from error
            else:
                return


def _request(url: str, arriving: "_Arriving") -> None:
    """Send one request for all bytes that are missing."""
    import pooch

    # An encoded body could not be continued at a byte of the file.
    headers = {"Accept-Encoding": "identity"}
    if arriving.size:
        headers["Range"] = f"bytes={arriving.size}-"
        # Of another version of the file the rest would not fit: then the whole is sent.
        headers |= {"If-Range": arriving.version} if arriving.version else {}
    get = pooch.HTTPDownloader(
        chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_SECONDS, headers=headers, hooks={"response": arriving.begin}
    )
    try:
        get(url, arriving, None)
    finally:
        arriving.end()


class _Arriving:
    """The file-like object that pooch writes into: the partial file, and the number of its bytes."""

    def __init__(self, part: Path, progress: Progress) -> None:
        self._file = part.open("ab")
        self._name = part.name.removesuffix(".part")
        self._progress = progress
        self._advance: Advance | None = None
        self._response: requests.Response | None = None
        self._version_file = part.with_name(part.name + ".version")
        self.size = self._file.tell()

    @property
    def version(self) -> str:
        """The server's tag or date of the version that the partial file is of; empty where it gave none."""
        return self._version_file.read_text() if self._version_file.exists() else ""

    def begin(self, response: "requests.Response", **_: object) -> None:
        """Read the headers of a response; one that holds the whole file replaces the partial one."""
        self._response = response
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.raise_for_status()
            raise UserError(f"{response.url}: a web page came instead of the file; see what it says in a browser")
        tag = response.headers.get("ETag", "")
        if response.status_code == 200:
            self._version_file.write_text(
                "" if tag.startswith("W/") else tag or response.headers.get("Last-Modified", "")
            )
        if response.status_code == 200 and self.size:
            self.restart()
        if response.status_code in (200, 206) and self._advance is None:
            self._advance = self._progress(self._name, self.size + int(response.headers.get("Content-Length", 0)))
            self._advance(self.size)

    def end(self) -> None:
        """Close the connection, which pooch leaves open when the response is not read to its end."""
        if self._response is not None:
            self._response.close()

    def restart(self) -> None:
        self._file.truncate(0)
        if self._advance is not None:
            self._advance(-self.size)
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self.size += len(chunk)
        if self._advance is not None:
            self._advance(len(chunk))

    def flush(self) -> None:
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None or not self.size:
            self._version_file.unlink(missing_ok=True)


def _cause(error: BaseException) -> str:
    """The message of the innermost exception, which names the cause."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
