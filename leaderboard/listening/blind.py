"""Listening to an evaluation: its queries with what systems ranked first, and blind votes on two of them."""

import random
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Body, FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse

from harness.datasets import load
from harness.errors import UserError
from harness.protocols import PROTOCOLS
from leaderboard.comparison import Vote, add_vote, read_votes
from leaderboard.listening.page import own_asset
from leaderboard.listening.sounds import sound, waveform
from leaderboard.report import Items, best_items, filled
from leaderboard.runs import Row, labels, read_answers

_SHOWN = 3
"""Answers of each system that are heard."""

_SIDES = ("a", "b")


class _Question(NamedTuple):
    """A query, and the two runs whose answers are compared, the one on the left first; of a single run it is both."""

    query: int
    runs: tuple[int, int]


def blind_page(rows: Sequence[Row], data_root: Path) -> FastAPI:
    """The server of a page on which the answers of runs are heard, two at a time, without their names.

    Args:
        rows: runs of one protocol on one data set; of a single run its answers are heard, and nothing is voted on.
        data_root: folder with the data sets.

    Raises:
        UserError: their answers are not sounds, or these or the runs' tables are not here.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    asking = _Asking(rows, data_root)
    app.get("/")(asking.page)
    app.get("/assets/{name}")(own_asset)
    app.get("/question/{number}")(asking.question)
    app.post("/vote/{number}")(asking.vote)
    app.get("/sound/{item}")(asking.sound)
    app.get("/waveform/{item}")(asking.waveform)
    return app


class _Asking:
    """What the page asks for: a clip is known by its number among all that were ranked."""

    def __init__(self, rows: Sequence[Row], data_root: Path) -> None:
        protocol = rows[0].record.protocol
        if protocol.direction != "text-to-audio":
            raise UserError(f"{protocol.name} asks for captions, of which nothing is to be heard")
        self._rows = rows
        self._answers = read_answers(rows)
        self._items = Items()
        self._best = [best_items(row, len(self._answers.queries), self._items)[:, :_SHOWN] for row in rows]
        rules = PROTOCOLS[protocol.name]
        clips = load(rules.dataset, rules.split, data_root).clips
        self._paths = {clip.name: clip.path for clip in clips}
        missing = [name for name in self._items.names if name not in self._paths or not self._paths[name].is_file()]
        if missing:
            raise UserError(f"{len(missing):,} clips are not in {data_root}, such as {missing[0]}; put them there")
        self._questions = self._drawn()
        self._alone = Lock()

    def page(self) -> HTMLResponse:
        """The page; it says which systems are compared, not which is which."""
        document = {"systems": list(labels([row.record for row in self._rows])), "questions": len(self._questions)}
        return HTMLResponse(filled("Which answer is better?", "", ("dom", "player", "blind"), document))

    def question(self, number: int) -> dict[str, Any]:
        """A query, and the answers on either side."""
        query, runs = self._question(number)
        texts = {"query": self._answers.queries[query]}
        return texts | {
            side: [{"item": int(item), "name": self._items.names[item]} for item in self._best[run][query]]
            for side, run in zip(_SIDES, runs if runs[0] != runs[1] else runs[:1], strict=False)
        }

    def vote(self, number: int, better: Annotated[Literal["a", "b", "equal"], Body(embed=True)]) -> dict[str, Any]:
        """Keep a vote beside the run, and tell now which system was on which side."""
        query, runs = self._question(number)
        if runs[0] == runs[1]:
            raise HTTPException(422, "a single run cannot be compared")
        first, second = sorted(runs)
        said = "equal" if better == "equal" else "first" if runs[_SIDES.index(better)] == first else "second"
        ids = self._rows[first].record.id, self._rows[second].record.id
        with self._alone:
            add_vote(
                self._rows[first].folder, Vote(*ids, self._answers.clips[query], self._answers.queries[query], said)
            )
        names = labels([row.record for row in self._rows])
        return {
            "systems": [names[run] for run in runs],
            "right": self._answers.clips[query],
            "ranks": [int(self._answers.ranks[0, query, run]) for run in runs],
        }

    def sound(self, item: int, form: str = "") -> Response:
        """A clip."""
        return sound(self._path(item), as_wav=form == "wav")

    def waveform(self, item: int) -> dict[str, Any]:
        """What is drawn of a clip."""
        import soundfile

        path = self._path(item)
        seconds = soundfile.info(path).duration
        return waveform(path, 0.0, seconds, seconds)

    def _path(self, item: int) -> Path:
        if not 0 <= item < len(self._items.names):
            raise HTTPException(404, f"there is no clip {item} here")
        return self._paths[self._items.names[item]]

    def _question(self, number: int) -> _Question:
        if not 0 <= number < len(self._questions):
            raise HTTPException(404, "there is no further question")
        return self._questions[number]

    def _drawn(self) -> list[_Question]:
        """The queries on which two runs differ and nobody has voted, in an order and on sides drawn by lot."""
        queries = range(len(self._answers.queries))
        if len(self._rows) == 1:
            return [_Question(query, (0, 0)) for query in queries]
        voted = {vote[:4] for row in self._rows for vote in read_votes(row.folder)}
        ids = [row.record.id for row in self._rows]
        lot = random.Random("".join(ids))  # noqa: S311
        found = []
        for first, second in combinations(range(len(self._rows)), 2):
            for query in queries:
                about = (self._answers.clips[query], self._answers.queries[query])
                known = {(ids[first], ids[second], *about), (ids[second], ids[first], *about)} & voted
                sides = (first, second) if lot.random() < 0.5 else (second, first)
                if not known and list(self._best[first][query]) != list(self._best[second][query]):
                    found.append(_Question(query, sides))
        lot.shuffle(found)
        return found
