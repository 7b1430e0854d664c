"""Pages that are opened in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


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
