"""The page on which an index is searched and its answers are heard."""

import math
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from harness.search import SoundIndex, answers_of
from leaderboard.listening.page import own_asset
from leaderboard.listening.sounds import sound, waveform
from leaderboard.report import filled

Truth = Callable[[str], frozenset[str] | None]

_MOST_ANSWERS = 50
_MOST_COPIES = 200
_MOST_FOLDERS = 200
_PIECE = 1 << 20


@dataclass(frozen=True)
class Collection:
    """What is searched.

    Attributes:
        name: of the collection, as the page shows it.
        systems: the index of each system, by its name.
        truth: gives the names of the clips of which words are truly right, where that is known.
    """

    name: str
    systems: Mapping[str, SoundIndex]
    truth: Truth | None = None


def search_page(collection: Collection) -> FastAPI:
    """The server of the page, of the answers of an index, and of its recordings."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    answering = _Answering(collection)
    app.get("/")(answering.page)
    app.get("/assets/{name}")(own_asset)
    app.get("/search")(answering.search)
    app.get("/sound/{recording}")(answering.sound)
    app.get("/waveform/{recording}")(answering.waveform)
    app.get("/copies")(answering.copies)
    return app


class _Answering:
    """What the page asks for.

    A recording is known as `0-17`: by the number of a system in the collection, and its own in the system's index. No
    path is ever asked for.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._indexes = list(collection.systems.values())
        self._numbers = [{file: number for number, file in enumerate(index.files)} for index in self._indexes]
        # A system need not be thread-safe.
        self._alone = Lock()

    def page(self) -> HTMLResponse:
        """The page, with what it shows at first."""
        first = self._indexes[0]
        with self._alone:
            examples = first.examples()
        folders = Counter(str(Path(file).parent) for file in first.files)
        document = {
            "name": self._collection.name,
            "systems": list(self._collection.systems),
            "recordings": len(first.files),
            "folders": [folder for folder, _ in folders.most_common(_MOST_FOLDERS)],
            "examples": examples,
        }
        return HTMLResponse(filled(f"Search {self._collection.name}", "", ("dom", "player", "listen"), document))

    def search(
        self,
        system: int,
        words: str = "",
        like: str = "",
        at: float | None = None,
        without: str = "",
        folder: str = "",
        longest: Annotated[float, Query(gt=0)] = math.inf,
        top: Annotated[int, Query(gt=0, le=_MOST_ANSWERS)] = 10,
    ) -> list[dict[str, Any]]:
        """The answers of one system."""
        if not 0 <= system < len(self._indexes):
            raise HTTPException(404, f"there is no system {system} here")
        sounding = f"{self._path(like)}{'' if at is None else f'@{at}'}" if like else ""
        with self._alone:
            found = self._indexes[system].search(
                words, like=sounding, without=without, folder=folder, longest=longest, top=top
            )
        truth = self._collection.truth
        right = truth(words) if truth and words else None
        answers = []
        for answer in answers_of(found):
            recording = f"{system}-{self._numbers[system][str(answer['file'])]}"
            truly = None if right is None else Path(str(answer["file"])).name in right
            answers.append({**answer, "recording": recording, "right": truly})
        return answers

    def sound(self, recording: str, form: str = "") -> Response:
        """A recording, or a part of it."""
        return sound(self._path(recording), as_wav=form == "wav")

    def waveform(self, recording: str, start: float, end: float, duration: float) -> dict[str, Any]:
        """What is drawn of a recording."""
        return waveform(self._path(recording), start, end, duration)

    def copies(self, recording: Annotated[list[str], Query(max_length=_MOST_COPIES)]) -> StreamingResponse:
        """Copies of recordings in a zip."""
        named = {"Content-Disposition": 'attachment; filename="recordings.zip"'}
        packed = _zipped([self._path(one) for one in recording])
        return StreamingResponse(_pieces(packed), media_type="application/zip", headers=named)

    def _path(self, recording: str) -> Path:
        system, _, number = recording.partition("-")
        try:
            # A negative number would count from the end.
            return Path(self._indexes[int(f"+{system}")].files[int(f"+{number}")])
        except (ValueError, IndexError):
            raise HTTPException(404, f"there is no recording {recording[:20]!r} here") from None


def _zipped(paths: Sequence[Path]) -> IO[bytes]:
    """A file with copies of recordings in a zip; of two by one name, the second gets a number.

    Raises:
        OSError: one of them is gone.
    """
    names: Counter[str] = Counter()
    packed = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        with zipfile.ZipFile(packed, "w") as archive:
            for path in dict.fromkeys(paths):
                names[path.name] += 1
                number = f" {names[path.name]}" if names[path.name] > 1 else ""
                archive.write(path, f"{path.stem}{number}{path.suffix}")
    except BaseException:
        packed.close()
        raise
    packed.seek(0)
    return packed


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
