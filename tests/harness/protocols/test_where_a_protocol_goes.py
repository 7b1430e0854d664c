"""Where things go: a protocol is one entry of `PROTOCOLS`, and every command that should know it does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.protocols.named import PROTOCOLS, Protocol


def lbar(*arguments: object) -> str:
    result = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.usefixtures("participant", "own_cache")
def test_a_protocol_is_one_entry(
    tones: Callable[..., Path], migrated_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROTOCOLS, "first", Protocol("first", "folder", "all", measures=("R@1", "mAP@3")))
    root = tones()
    assert ["first", "folder/all", "text-to-audio", "R@1", "mAP@3"] in [
        line.split() for line in lbar("protocols").splitlines()
    ]
    options = ("--protocol", "first", "--data-root", root)
    assert "first" in lbar("eval", "tone_system:ToneSystem", *options, "--device", "cpu", "--out", migrated_runs)
    (predictions,) = migrated_runs.glob("*/tone.output.csv")
    assert "mAP@3" in lbar("score", predictions, *options)
    board = lbar("board", "--out", migrated_runs, "--protocol", "first")
    assert "first" in board
    assert "R@1" in board
