"""A real browser, where there is one."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Headless Chromium: the one LBAR_CHROMIUM names, or Debian's."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra test)")
    path = os.environ.get("LBAR_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs Chromium (Debian's package chromium), or its path in LBAR_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: "Browser") -> Iterator[Callable[..., "Page"]]:
    """Opens a page by file://, and fails the test if it says anything on the console or asks for the network."""
    contexts: list[Any] = []
    said: list[str] = []

    def watch(page: "Page") -> None:
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda request: said.append(request.url) if not request.url.startswith(("file:", "data:")) else None,
        )
        page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))

    def open_page(path: Path, *, width: int = 1280, scheme: str = "light", fragment: str = "") -> "Page":
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(path.absolute().as_uri() + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
