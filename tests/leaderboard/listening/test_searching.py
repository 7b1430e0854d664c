import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import soundfile

Server = Any
TOKEN = "the-token"
NASTY = "<img src=x onerror=\"console.log('pwned')\"> & ü 😀"


def number_of(server: Server, name: str) -> str:
    """By what the server knows a recording."""
    answers = server.ask("/search?system=0&words=300&top=50").json
    return next(one["recording"] for one in answers if one["file"].endswith(name))


def test_answers(server: Server) -> None:
    first, *others = server.ask("/search?system=0&words=1250%20hertz").json
    assert Path(first["file"]).parts[-2:] == ("high", "a.wav")
    assert (first["start"], first["end"], first["right"]) == (0, 2, True)
    assert first["better_than"] > 0.95
    # Another clip has the same name.
    assert {one["right"] for one in others if not one["file"].endswith("a.wav")} == {False}
    (one,) = server.ask("/search?system=1&words=1250&top=1").json
    assert (one["recording"][:2], one["right"]) == ("1-", None)
    (one,) = server.ask("/search?system=0&words=300&top=1&longest=10").json
    assert (one["title"], one["tags"]) == (NASTY, ["rain", "<b>roof</b>"])
    like = server.ask(f"/search?system=0&like={number_of(server, 'b.aiff')}&top=1").json
    assert (like[0]["title"], like[0]["start"], like[0]["better_than"]) == ("long", 20, None)
    like = server.ask(f"/search?system=1&like={number_of(server, 'long.flac')}&at=30&top=1").json
    assert like[0]["title"] == "b"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/search?system=2&words=a", 404),
        ("/search?system=-1&words=a", 404),
        ("/search?system=0", 422),
        ("/search?system=0&words=a&top=0", 422),
        ("/search?system=0&words=a&longest=nan", 422),
        ("/search?system=0&words=a&folder=/etc", 422),
        ("/search?system=0&like=0-999", 404),
        ("/sound/0--1", 404),
        ("/sound/-1-0", 404),
        ("/sound/0-1.5", 404),
        ("/sound/..%2f..%2fsecret.txt", 404),
        ("/sound/../../secret.txt", 404),
        ("/assets/..%2fpage.py", 404),
        ("/assets/../../../secret.txt", 404),
        ("/assets/board.js%00", 404),
        ("/assets/", 404),
        ("/copies?recording=0-0&recording=../../secret.txt", 404),
        ("/docs", 404),
    ],
)
def test_what_is_not_there_is_refused(server: Server, path: str, status: int) -> None:
    reply = server.ask(path)
    assert (reply.status, b"secret\n" in reply.body) == (status, False)
    assert reply.json["detail"]


@pytest.mark.parametrize("root", ["", "/", "/the-toke", f"/{TOKEN}x", "/other", f"//{TOKEN}", f"/x/../{TOKEN}"])
def test_without_the_token_nothing_is_answered(server: Server, root: str) -> None:
    reply = server.ask("/search?system=0&words=a", root=root)
    assert (reply.status, reply.body) == (403, b"This is not the whole address, which `lbar listen` printed.\n")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:1234", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost.evil.example:80", 400),
        ("", 400),
    ],
)
def test_only_names_of_this_machine_are_answered(server: Server, host: str, status: int) -> None:
    assert server.ask("/", Host=host).status == status


def test_nobody_else_may_frame_or_keep_it(server: Server) -> None:
    headers = server.ask("/").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    # No other origin gets leave to read an answer.
    assert "access-control-allow-origin" not in server.ask("/", Origin="http://evil.example").headers


def test_parts_of_a_recording(server: Server) -> None:
    path = f"/sound/{number_of(server, 'high/a.wav')}"
    whole = server.ask(path)
    assert whole.body == Path("sounds/high/a.wav").read_bytes()
    part = server.ask(path, Range="bytes=100-199")
    assert (part.status, part.body) == (206, whole.body[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.body)}"
    assert server.ask(path, Range="bytes=-10").body == whole.body[-10:]
    assert server.ask(path, Range=f"bytes={len(whole.body)}-").status == 416
    several = server.ask(path, Range="bytes=0-9,100-109")
    assert (several.status, whole.body[100:110] in several.body) == (206, True)
    # Nonsense is refused, and so many parts that to sort them out would take long are the whole.
    assert server.ask(path, Range="bytes=b-a").status == 400
    assert server.ask(path, Range="bytes=" + ",".join(f"{n}-{n}" for n in range(5_000))).body == whole.body


def test_what_a_browser_cannot_play_comes_as_wav(server: Server) -> None:
    reply = server.ask(f"/sound/{number_of(server, 'b.aiff')}?form=wav")
    info = soundfile.info(io.BytesIO(reply.body))
    assert (info.format, info.duration, info.channels) == ("WAV", 2, 1)


def test_the_waveform_is_that_of_the_place(server: Server) -> None:
    recording = number_of(server, "high/a.wav")
    drawn = server.ask(f"/waveform/{recording}?start=0&end=2&duration=2").json
    assert (drawn["from"], drawn["to"], len(drawn["peaks"])) == (0, 2, 240)
    assert min(drawn["peaks"]) > 0.29
    # What is drawn of a long recording begins and ends beside the place.
    drawn = server.ask(f"/waveform/{recording}?start=50&end=60&duration=3600").json
    assert (drawn["from"], drawn["to"], max(drawn["peaks"])) == (40, 70, 0)


def test_copies(server: Server) -> None:
    names = [number_of(server, name) for name in ("low/a.wav", "high/a.wav", "high/a.wav")]
    reply = server.ask("/copies?" + "&".join(f"recording={name}" for name in names))
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.namelist() == ["a.wav", "a 2.wav"]
        assert archive.read("a 2.wav") == Path("sounds/high/a.wav").read_bytes()


def test_a_recording_that_is_gone_is_said_to_be(server: Server) -> None:
    recording = number_of(server, "removed.wav")
    aside = Path("sounds/high/removed.wav").rename("aside.wav")
    try:
        for path in (f"/sound/{recording}", f"/sound/{recording}?form=wav", f"/copies?recording={recording}"):
            reply = server.ask(path)
            assert reply.status == 404
            assert "No such file" in reply.json["detail"]
        assert server.ask(f"/waveform/{recording}?start=0&end=2&duration=2").status == 404
        assert server.ask(f"/search?system=0&like={recording}").status == 422
    finally:
        aside.rename("sounds/high/removed.wav")


def test_a_recording_that_goes_while_it_is_sent_harms_nobody_else(server: Server) -> None:
    recording = number_of(server, "removed.wav")
    path = Path("sounds/high/removed.wav")
    content = path.read_bytes()
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("GET", f"/{TOKEN}/sound/{recording}")
        reply = connection.getresponse()
        start = reply.read(100)
        path.unlink()
        try:
            # What was opened is sent to its end.
            assert start + reply.read() == content
            assert server.ask(f"/sound/{recording}").status == 404
            assert server.ask("/search?system=0&words=1250&top=1").status == 200
        finally:
            path.write_bytes(content)


def test_two_hundred_requests_at_once(server: Server) -> None:
    recording = number_of(server, "high/a.wav")
    paths = ["/search?system=0&words=1250&top=1", f"/sound/{recording}", "/sound/0-999", "/"]
    with ThreadPoolExecutor(200) as threads:
        replies = list(threads.map(lambda number: server.ask(paths[number % 4]).status, range(200)))
    assert [replies.count(status) for status in (200, 404)] == [150, 50]


def test_a_port_that_is_taken(server: Server) -> None:
    from fastapi import FastAPI

    from harness.errors import UserError
    from leaderboard.listening import serve

    with pytest.raises(UserError, match=f"port {server.port} cannot be used"):
        serve(FastAPI(), server.port, lambda _: None)
