"""A server of a few recordings with tones, and requests to it."""

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import uvicorn
from fastapi import FastAPI

from harness.errors import UserError
from harness.search import index_sounds, open_index
from harness.search.window_table import Database
from leaderboard.listening import Collection, guarded, search_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

try:
    Database("index")
except UserError:
    pytest.skip("needs LanceDB (extra search)", allow_module_level=True)

PARTICIPANT = Path(__file__).parents[2] / "participant"
TOKEN = "the-token"
NASTY = "<img src=x onerror=\"console.log('pwned')\"> & ü 😀"
SYSTEMS = ("tone_system:ToneSystem", "tone_system:Recorded")


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A server that runs in this process."""

    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/{TOKEN}/"

    def ask(self, path: str, *, root: str = f"/{TOKEN}", **headers: str) -> Reply:
        """Ask exactly for this path, which no library tidies up on the way."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.putrequest("GET", root + path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())


@contextmanager
def running(app: FastAPI, folder: Path) -> Iterator[Server]:
    config = uvicorn.Config(guarded(app, TOKEN), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Server(server.servers[0].sockets[0].getsockname()[1], folder)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def run_server() -> Callable[..., AbstractContextManager[Server]]:
    """Runs a server in this process, from an application and a folder."""
    return running


def tone(path: Path, pitches: tuple[int, ...], seconds: float = 2.0, **tags: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time_ = np.arange(round(16_000 * seconds)) / 16_000
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for key, value in tags.items():
            setattr(file, key, value)
        file.write(np.concatenate([0.3 * np.sin(2 * np.pi * pitch * time_) for pitch in pitches]))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with a system, and a cache."""
    folder = tmp_path_factory.mktemp("listening")
    (folder / "tone_system.py").write_bytes((PARTICIPANT / "tone_system.py").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_TRUST", "1")
        patch.setenv("LBAR_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        patch.setattr(sys, "path", [str(folder), *sys.path])
        yield folder
    sys.modules.pop("tone_system", None)


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    sounds = place / "sounds"
    tone(sounds / "long.flac", (300, 600, 300), 20)
    tone(sounds / "low" / "a.wav", (310,), title=NASTY, genre="rain, <b>roof</b>")
    tone(sounds / "low" / "b.aiff", (620,))
    tone(sounds / "high" / "a.wav", (1250,))
    tone(sounds / "high" / "removed.wav", (2500,))
    (place / "secret.txt").write_text("secret")
    with pytest.MonkeyPatch.context() as patch:
        captions = tuple(f"a tone of {pitch} hertz" for pitch in range(200, 3000, 10))
        patch.setattr("harness.search.searching_system.everyday_captions", lambda split: captions)
        for system in SYSTEMS:
            index_sounds([sounds], system, "index", device="cpu")
        systems = {name: open_index("index", name, device="cpu") for name in SYSTEMS}
        truth = {"1250 hertz": frozenset({"a.wav"})}
        with running(search_page(Collection("tones", systems, truth.get)), place) as found:
            yield found


@pytest.fixture
def said() -> list[str]:
    """What a page says on the console, and what it asks of other servers."""
    return []


@pytest.fixture
def browse(browser: "Browser", said: list[str]) -> Iterator[Callable[..., "Page"]]:
    """Opens a page, and fails the test if it says anything on the console or asks another server."""
    contexts: list[Any] = []

    def open_page(address: str, *, width: int = 1280, scheme: str = "light") -> "Page":
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        own = (address, "data:", "blob:")
        page.on("request", lambda request: said.append(request.url) if not request.url.startswith(own) else None)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
