"""One file over HTTP: continued where it stopped, put in place only when it is whole."""

import errno
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from harness.errors import UserError
from harness.machine.progress import Advance, Progress, silent

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

    version = part.with_name(part.name + ".version")
    with closing(part.open("ab")) as file:
        partial = _Partial(file, version, progress)
        while True:
            before = partial.size
            try:
                partial.request(url)
                break
            except requests.RequestException as error:
                response = error.response
                if response is not None and response.status_code == 416 and before:
                    partial.restart()
                elif response is not None:
                    raise UserError(f"{url}: the server answers {response.status_code} {response.reason}") from error
                elif partial.size <= before:
                    raise UserError(
                        f"{url}: no connection, or it broke off after {partial.size} bytes ({_cause(error)}); "
                        "what arrived is kept: run the same command again to continue"
                    ) from error
            finally:
                if not partial.size:
                    version.unlink(missing_ok=True)
    version.unlink(missing_ok=True)


class _Partial:
    """The beginning of a file, open to be continued, and the version of the file that it is of."""

    def __init__(self, file: BinaryIO, version: Path, progress: Progress) -> None:
        """`version` holds the server's tag or date of the version, where it gave one."""
        self.size = file.tell()
        self._file = file
        self._version = version
        self._progress = progress
        self._advance: Advance | None = None

    def request(self, url: str) -> None:
        """Send one request for all bytes that are missing."""
        import requests

        # An encoded body could not be continued at a byte of the file.
        headers = {"Accept-Encoding": "identity"}
        if self.size:
            headers["Range"] = f"bytes={self.size}-"
            # Of another version of the file the rest would not fit: then the server sends the whole.
            if self._version.exists() and (version := self._version.read_text()):
                headers["If-Range"] = version
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            if response.headers.get("Content-Type", "").startswith("text/html"):
                raise UserError(f"{response.url}: a web page came instead of the file; see what it says in a browser")
            if response.status_code == 200:
                tag = response.headers.get("ETag", "")
                date = response.headers.get("Last-Modified", "")
                self._version.write_text("" if tag.startswith("W/") else tag or date)
                if self.size:
                    self.restart()
            if self._advance is None:
                total = self.size + int(response.headers.get("Content-Length", 0))
                self._advance = self._progress(Path(self._file.name).stem, total)
                self._advance(self.size)
            for chunk in response.iter_content(_CHUNK_BYTES):
                self._file.write(chunk)
                self._file.flush()
                self.size += len(chunk)
                self._advance(len(chunk))

    def restart(self) -> None:
        """Discard what has arrived."""
        self._file.truncate(0)
        if self._advance is not None:
            self._advance(-self.size)
        self.size = 0


def _cause(error: BaseException) -> str:
    """The message of the innermost exception, which names the cause."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
