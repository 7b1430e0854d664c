"""The whole journey: from the command in a fresh environment, without a network, to an answer that is heard."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from harness.cli.app import own_command

if TYPE_CHECKING:
    from playwright.sync_api import Page

# On two quiet cores it takes less than half of this.
MOST_SECONDS = 120


@pytest.mark.slow
def test_the_first_answer_is_heard_soon(tmp_path: Path, own_cache: Path, browse: Callable[..., "Page"]) -> None:
    begun = monotonic()
    command = own_command("listen", "everyday", "--device", "cpu")
    environment = {**os.environ, "LBAR_CACHE": str(own_cache)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        try:
            assert process.stdout is not None
            page = browse(process.stdout.readline().strip())
            page.locator(".examples button:visible").first.click()
            page.locator(".answer").first.wait_for()
            page.keyboard.press("Space")
            page.wait_for_function("() => !lbar.audio.paused && lbar.audio.currentTime > 0.1")
            took = monotonic() - begun
            print(f"the first answer was heard after {took:.1f} s")  # noqa: T201
            assert took < MOST_SECONDS
            # Of these words it is known where they are true.
            page.get_by_role("searchbox").first.fill("a violin")
            page.keyboard.press("Enter")
            page.get_by_text("right", exact=False).first.wait_for()
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0
