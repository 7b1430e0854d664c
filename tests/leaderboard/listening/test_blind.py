import json
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from harness import datasets
from harness.errors import UserError
from harness.protocols import get_protocol, pose
from harness.runs import DatasetRecord
from leaderboard.comparison import read_votes
from leaderboard.listening import blind_page
from leaderboard.runs import find_rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakeRun = Callable[..., Path]
CLIPS = 6


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    lines = ["file_name,caption"]
    for clip in range(CLIPS):
        soundfile.write(folder / f"{clip}.wav", 0.3 * np.sin(np.arange(16_000) * (0.05 + 0.02 * clip)), 16_000)
        lines.append(f"{clip}.wav,<i>caption</i> of {clip}")
    (folder / "captions.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def out(tmp_path: Path, root: Path, make_run: MakeRun) -> Path:
    task = pose(get_protocol("folder"), datasets.load("folder", "all", root))
    about = DatasetRecord(name="folder", split="all", digest=task.digest, audio_digest=None, clips=CLIPS, queries=CLIPS)
    for name, quality in (("good", 3.0), ("bad", -3.0)):
        make_run(
            tmp_path / "runs",
            name,
            quality=quality,
            clips=CLIPS,
            captions=1,
            protocol="folder",
            texts=task.queries,
            names=[clip.name for clip in task.clips],
            dataset=about,
        )
    return tmp_path / "runs"


@pytest.fixture
def server(out: Path, root: Path, run_server: Callable[..., Any]) -> Iterator[Any]:
    with run_server(blind_page(find_rows(["good", "bad"], out), root), root) as found:
        yield found


def post(server: Any, path: str, document: object) -> tuple[int, Any]:
    with closing(HTTPConnection("127.0.0.1", server.port)) as connection:
        body = json.dumps(document)
        connection.request("POST", f"/the-token{path}", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())


def test_votes_are_of_the_system_that_was_heard(
    server: Any, out: Path, root: Path, run_server: Callable[..., Any]
) -> None:
    good, bad = find_rows(["good", "bad"], out)
    for number in range(3):
        question = server.ask(f"/question/{number}").json
        assert set(question) == {"query", "a", "b"}
        assert len(question["a"]) == 3
        status, told = post(server, f"/vote/{number}", {"better": "b"})
        assert (status, sorted(told["systems"])) == (200, ["bad", "good"])
        vote = read_votes(good.folder)[-1]
        assert (vote.first, vote.second) == (good.record.id, bad.record.id)
        assert (vote.query, vote.clip) == (question["query"], told["right"])
        assert vote.better == ("first" if told["systems"][1] == "good" else "second")
        # The answers that were heard on this side are those of this system.
        assert told["ranks"][told["systems"].index("good")] <= told["ranks"][told["systems"].index("bad")]
    assert read_votes(bad.folder) == []
    assert post(server, "/vote/0", {"better": "perhaps"})[0] == 422
    assert post(server, "/vote/99", {"better": "a"})[0] == 404
    # Nobody is asked again what was voted on.
    asked = {server.ask(f"/question/{number}").json["query"] for number in range(3)}
    with run_server(blind_page(find_rows(["good", "bad"], out), root), root) as again:
        replies = [again.ask(f"/question/{number}") for number in range(CLIPS)]
        left = {reply.json["query"] for reply in replies if reply.status == 200}
    assert left
    assert not asked & left


def test_a_single_run_is_heard_and_not_voted_on(out: Path, root: Path, run_server: Callable[..., Any]) -> None:
    with run_server(blind_page(find_rows(["good"], out), root), root) as server:
        question = server.ask("/question/0").json
        assert set(question) == {"query", "a"}
        assert post(server, "/vote/0", {"better": "a"})[0] == 422
        assert server.ask(f"/sound/{question['a'][0]['item']}").status == 200
        for path in ("/sound/-1", "/sound/99", "/sound/x", "/waveform/99", "/question/-1"):
            assert server.ask(path).status in (404, 422)


def test_what_cannot_be_heard_is_refused(out: Path, root: Path, tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path / "other", "a", protocol="everyday-a2t")
    with pytest.raises(UserError, match="of which nothing is to be heard"):
        blind_page(find_rows(["a"], tmp_path / "other"), root)
    (root / "0.wav").unlink()
    with pytest.raises(UserError, match="1 clips are not in .*0.wav"):
        blind_page(find_rows(["good", "bad"], out), root)


def test_by_keyboard_in_a_browser(server: Any, out: Path, browse: Callable[..., "Page"]) -> None:
    page = browse(server.address, width=360)
    page.locator(".answer").nth(5).wait_for()
    assert page.locator("h2").inner_text().startswith("<i>caption</i>")
    # Which system is which is not to be seen before the vote.
    assert page.locator("section h3").all_inner_texts() == ["A", "B"]
    page.locator(".answer button").first.click()
    page.wait_for_function("() => !lbar.audio.paused && lbar.audio.currentTime > 0.05")
    page.locator("h2").focus()
    page.keyboard.press("a")
    page.get_by_text("Votes so far: 1. A was").wait_for()
    page.keyboard.press("e")
    page.get_by_text("Votes so far: 2. A was").wait_for()
    (good,) = find_rows(["good"], out)
    assert [vote.better for vote in read_votes(good.folder)][1] == "equal"
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core (extra test)")
    found = axe.Axe().run(page, options={"preload": False}).response["violations"]
    assert not [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
