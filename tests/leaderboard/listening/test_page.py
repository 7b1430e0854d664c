"""The page in a real browser: what it plays is heard, by keyboard alone, on a telephone, light and dark."""

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

Server = Any
Browse = Callable[..., "Page"]
NASTY = "<img src=x onerror=\"console.log('pwned')\"> & ü 😀"

PLAYING = "() => lbar.audio.readyState > 2 && !lbar.audio.paused && lbar.audio.currentTime > lbar.wanted + 0.05"


def ask(page: "Page", words: str) -> None:
    page.get_by_role("searchbox").first.fill(words)
    page.keyboard.press("Enter")
    page.locator(".answer").first.wait_for()


def heard(page: "Page", start: float = 0.0) -> float:
    """Wait until sound is played after this place, and return where it is."""
    page.evaluate(f"lbar.wanted = {start}")
    page.wait_for_function(PLAYING)
    return float(page.evaluate("lbar.audio.currentTime"))


def test_words_are_answered_and_heard_by_keyboard_alone(server: Server, browse: Browse) -> None:
    page = browse(server.address)
    # The field has the focus from the start, and the first answer when there is one.
    page.keyboard.type("1250 hertz")
    page.keyboard.press("Enter")
    first = page.locator(".answer").first
    first.wait_for()
    page.wait_for_function("() => document.activeElement.textContent === 'Play'")
    page.keyboard.press("Space")
    assert 0 < heard(page) < 2
    assert "current" in str(first.get_attribute("class"))
    assert first.get_by_role("button", name="Play a").inner_text() == "Pause"
    page.keyboard.press("Space")
    page.wait_for_function("() => lbar.audio.paused")
    # Elsewhere on the page it does the same.
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    assert heard(page) > 0


def test_a_place_in_a_long_recording_is_played_and_no_more(server: Server, browse: Browse) -> None:
    page = browse(server.address)
    ask(page, "600 hertz")
    long = page.locator(".answer").filter(has_text="long.flac").first
    assert "0:20.0" in long.inner_text()
    long.get_by_role("button", name="Play").click()
    assert 20 < heard(page, 20) < 30
    page.evaluate("lbar.audio.currentTime = 29.9")
    page.wait_for_function("() => lbar.audio.paused")
    assert page.evaluate("lbar.audio.currentTime") < 31
    # Its waveform shows the place, and a click plays from there.
    wave = long.locator("svg.wave")
    wave.locator("path").wait_for(state="attached")
    assert 75 < float(wave.locator("rect").get_attribute("x") or 0) < 85
    box = wave.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 10)
    assert 44 < heard(page, 44.5) < 50


def test_what_the_browser_cannot_play_is_heard_all_the_same(server: Server, browse: Browse) -> None:
    page = browse(server.address)
    ask(page, "620 hertz")
    page.locator(".answer").filter(has_text="b.aiff").get_by_role("button", name="Play").click()
    assert heard(page) > 0
    assert "form=wav" in page.evaluate("lbar.audio.src")


def test_names_are_text_never_markup_and_more_like_this(server: Server, browse: Browse) -> None:
    page = browse(server.address)
    ask(page, "310 hertz")
    first = page.locator(".answer").first
    assert first.locator("b.clip").inner_text() == NASTY
    assert first.locator(".tag").first.inner_text() == "rain"
    assert page.locator("main img").count() == 0
    assert "better than" in first.inner_text()
    first.get_by_role("button", name="More like this").click()
    page.get_by_text("that sound like").wait_for()
    assert page.locator(".answer b.clip").first.inner_text() == "long"
    assert NASTY not in page.locator(".answers").inner_text()


def test_the_truth_is_shown_where_it_is_known(server: Server, browse: Browse) -> None:
    page = browse(server.address)
    ask(page, "1250 hertz")
    assert page.locator(".answer").first.get_by_text("truly right").is_visible()
    assert page.get_by_text("not right", exact=True).count() >= 2
    ask(page, "1240 hertz")
    assert page.get_by_text("truly right").count() == 0


def test_two_systems_side_by_side_and_filters(server: Server, browse: Browse) -> None:
    page = browse(server.address)
    ask(page, "610 hertz")
    page.get_by_label("Beside it").select_option(index=2)
    page.locator(".columns > section").nth(1).locator(".answer").first.wait_for()
    names = page.locator(".columns h2").all_inner_texts()
    assert names == ["tone_system:ToneSystem", "tone_system:Recorded"]
    page.get_by_label("Folder").select_option(label="sounds/high")
    page.wait_for_function("() => document.querySelectorAll('.answer').length === 4")
    page.get_by_label("Folder").select_option(index=0)
    page.get_by_label("Length").select_option(label="up to 10 s")
    page.wait_for_function("() => document.querySelectorAll('.answer').length === 8")
    assert page.locator(".answer b.clip").first.inner_text() == "b"
    page.get_by_label("but not").fill("625 hertz")
    page.get_by_label("but not").press("Enter")
    page.wait_for_function("() => (document.querySelector('.answer b.clip')?.textContent ?? 'b') !== 'b'")


def test_late_answers_leave_the_focus_to_who_has_gone_on(server: Server, browse: Browse) -> None:
    page = browse(server.address)
    ask(page, "1250 hertz")
    focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.parentElement.textContent"
    assert page.evaluate(focused).startswith("Play ")
    length, without = page.get_by_label("Length"), page.get_by_label("but not")
    length.focus()
    length.select_option(label="up to 10 s")
    page.wait_for_function("() => document.querySelectorAll('.answer').length === 4")
    assert page.evaluate(focused).startswith("Length")
    held: list[Any] = []
    page.route("**/search?*", lambda route: held.append(route))
    with page.expect_request("**/search?*"):
        length.select_option(index=0)
    without.focus()
    held[0].continue_()
    page.locator(".answer").first.wait_for()
    assert page.evaluate(focused) == "but not"


def test_stars_history_and_exports(server: Server, browse: Browse) -> None:
    page = browse(server.address)
    examples = page.locator(".examples button:visible")
    examples.first.wait_for()
    assert 1 <= examples.count() <= 6
    examples.first.click()
    page.locator(".answer").first.wait_for()
    ask(page, "1250 hertz")
    star = page.locator(".answer").first.get_by_role("button", name="Star")
    star.click()
    assert star.get_attribute("aria-pressed") == "true"
    page.locator(".answer").filter(has_text="long.flac").first.get_by_role("button", name="Star").click()
    assert page.get_by_role("heading", name="Starred (2)").is_visible()
    saved = {}
    for name in ("CSV", "Playlist (M3U)", "Copies (zip)"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        saved[download.value.suggested_filename] = download.value.path().read_bytes()
    assert set(saved) == {"answers.csv", "answers.m3u8", "recordings.zip"}
    rows = list(csv.DictReader(io.StringIO(saved["answers.csv"].decode())))
    assert [row["file"].rpartition("/")[2] for row in rows] == ["a.wav", "long.flac"]
    assert b"\n/" in saved["answers.m3u8"]
    assert saved["recordings.zip"].startswith(b"PK")
    # Loaded again, it still knows them.
    page.reload()
    assert page.get_by_role("heading", name="Starred (2)").is_visible()
    page.get_by_text("History").click()
    page.get_by_role("button", name="1250 hertz", exact=True).click()
    page.locator(".answer").first.wait_for()
    page.get_by_role("button", name="Clear").click()
    assert page.get_by_role("heading", name="Starred").count() == 0


def test_what_is_wrong_is_said_on_the_page(server: Server, browse: Browse, said: list[str]) -> None:
    page = browse(server.address)
    replies: list[Callable[[Any], None]] = [lambda route: route.abort(), lambda route: route.fulfill(json=[])]
    page.route("**/search?*", lambda route: replies.pop(0)(route))
    page.get_by_role("searchbox").first.fill("1250")
    page.keyboard.press("Enter")
    page.get_by_text("is lbar listen still running?").wait_for()
    assert page.get_by_role("status").inner_text() == ""
    page.keyboard.press("Enter")
    page.get_by_text("Nothing here is like that.").wait_for()
    assert page.get_by_role("status").inner_text() == ""
    said.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_accessible_and_fits(server: Server, browse: Browse, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core (extra test)")
    page = browse(server.address, width=width, scheme=scheme)
    ask(page, "310 hertz")
    page.get_by_label("Beside it").select_option(index=2)
    page.locator(".columns > section").nth(1).locator(".answer").first.wait_for()
    page.locator(".answer").first.get_by_role("button", name="Play").click()
    page.locator(".answer").first.get_by_role("button", name="Star").click()
    heard(page)
    found = axe.Axe().run(page, options={"preload": False}).response["violations"]
    assert not [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (ink == "rgb(233, 231, 225)") == (scheme == "dark")
