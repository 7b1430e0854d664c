"""An option that several commands have means the same in all of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from harness.cli.app import build
from harness.evaluation import several


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
    assert helps == {"Evaluation protocol, or its YAML file; `lbar protocols` lists them."}


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


@pytest.mark.usefixtures("own_cache")
def test_options_may_stand_in_a_file(
    participant: Path, tones: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command line says comes before the file, and lists are lists or a single word."""
    root = tones()
    monkeypatch.setattr(several, "try_mirror", lambda *_, **__: None)
    (participant / "run.yaml").write_text(
        f"systems: [random, linear]\nprotocol: folder\ndata-root: {root}\nlimit: 3\nout: here\nkeep_embeddings: true\n"
    )
    done = CliRunner().invoke(build(), ["eval", "--config", "run.yaml", "--limit", "2"])
    assert done.exit_code == 0, done.output
    runs = sorted(Path("here").glob("*-folder"))
    assert sorted(run.name.split("-")[1] for run in runs) == ["linear", "random"]
    assert "only 2 of 8 clips, by --limit" in (runs[0] / "record.json").read_text()
    assert (runs[0] / "embeddings").is_dir()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("protocl: everyday\n", "run.yaml: unknown option 'protocl'; did you mean 'protocol'? Known are systems, "),
        ("trust: true\n", "run.yaml: unknown option 'trust'; known are"),
        ("limit: many\n", "Invalid value for '--limit'"),
        ("- limit\n", "run.yaml has no fields; expected the YAML file of options of `lbar eval`"),
    ],
)
def test_a_file_of_options_that_does_not_fit_is_refused(participant: Path, text: str, expected: str) -> None:
    (participant / "run.yaml").write_text(text)
    done = CliRunner().invoke(build(), ["eval", "--config", "run.yaml"])
    assert (done.exit_code, len(done.stderr.splitlines()), expected in done.stderr) == (2, 1, True), done.stderr
