"""An option that several commands have means the same in all of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from harness.cli.app import build


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, below in getattr(command, "commands", {}).items():
        yield (*words, name), below
        yield from commands(below, (*words, name))


WITH_PROTOCOL = {
    words: option
    for words, command in commands(typer.main.get_command(build()))
    for option in command.params
    if "--protocol" in option.opts
}
ARGUMENTS = {
    ("bench",): ["random"],
    ("compare",): ["random"],
    ("score",): ["predictions.csv"],
    ("validate",): ["predictions.csv", "--profile", "dcase2024"],
    ("train",): ["table1"],
}


def test_protocol_has_one_help_text() -> None:
    assert len(WITH_PROTOCOL) >= 8
    helps = {option.help.removesuffix(" Repeatable.") for option in WITH_PROTOCOL.values()}
    assert helps == {"Evaluation protocol; `lbar protocols` lists them."}


@pytest.mark.parametrize("words", WITH_PROTOCOL, ids=" ".join)
def test_protocol_takes_the_same_names_everywhere(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "predictions.csv").write_text("caption,file_name_1\n")
    arguments = [*words, *ARGUMENTS.get(words, []), "--protocol", "clotho-dcase24"]
    done = CliRunner().invoke(build(), arguments, catch_exceptions=False)
    assert done.exit_code == 2
    assert done.stderr.startswith("lbar: unknown protocol 'clotho-dcase24'; did you mean 'clotho-dcase2024'?")
