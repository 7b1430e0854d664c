"""The command, in this process."""

from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner

from leaderboard.cli.gate import gate


@pytest.fixture
def run() -> Callable[..., tuple[int, str]]:
    """Runs `lbar gate` and returns its exit code and what it prints on standard output."""

    def invoke(*arguments: object) -> tuple[int, str]:
        app = typer.Typer()
        app.command()(gate)
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout

    return invoke
