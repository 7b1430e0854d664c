"""The command `lbar`: parses, calls, prints."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from harness.cli.bench import bench
from harness.cli.cache import cache_app
from harness.cli.commands import added_commands
from harness.cli.data import data_app
from harness.cli.evaluate import check_system, evaluate_systems, list_protocols
from harness.cli.printing import print_json, say, show_error, written_out
from harness.cli.runs import doctor, restore, track
from harness.cli.search import index_recordings, search_recordings
from harness.cli.submission import score, submit, validate
from harness.cli.systems import systems_app
from harness.cli.usage import named_command, usage_told
from harness.errors import UserError
from harness.machine import own_process


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """Answer what `kill` and a closed terminal send as Ctrl-C, so that nothing is left running or lying about."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


class _Commands(TyperGroup):
    """Prints an error that the user can mend in one line and exits with its code, for every command alike.

    Of the problems that an error lists, commands that know `--json` print five, and with `--json` all of them.
    """

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **options: Any) -> Any:
        with self._errors_in_one_line([*args]):
            return super().make_context(info_name, args, *more, **options)

    def invoke(self, ctx: Any) -> Any:
        with self._errors_in_one_line([*ctx._protected_args, *ctx.args]), _ended_as_interrupted():
            return super().invoke(ctx)

    @contextmanager
    def _errors_in_one_line(self, words: Sequence[str]) -> Iterator[None]:
        try:
            with usage_told(self, words):
                yield
        except UserError as error:
            _, command = named_command(self, words)
            show_error(error, brief=any("--json" in option.opts for option in command.params))
            if "--json" in words:
                print_json({"error": str(error), "problems": error.problems})
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            say("lbar: interrupted; what is done is kept, and the same command goes on from there")
            raise typer.Exit(3) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        from harness import __version__

        typer.echo(f"lbar {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """The whole command, with what `systems`, `leaderboard` and other people's packages add to it."""
    app = typer.Typer(
        cls=_Commands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="Evaluate, compare and submit systems for language-based audio retrieval.",
    )

    @app.callback()
    def lbar(
        version: Annotated[
            bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
        ] = False,
    ) -> None:
        pass

    app.command("eval")(evaluate_systems)
    app.command("check")(check_system)
    app.command("index")(index_recordings)
    app.command("search")(search_recordings)
    app.command("protocols")(list_protocols)
    app.add_typer(data_app, name="data")
    app.add_typer(systems_app, name="systems")
    app.add_typer(cache_app, name="cache")
    for command in (bench, score, submit, validate, track, restore, doctor):
        app.command()(command)
    for name, command in added_commands():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def main() -> None:
    """Run the command line; the exit code is 0 done, 1 a check found something, 2 mend something, 3 interrupted."""
    with written_out():
        build()()


def own_command(*arguments: str) -> list[str]:
    """The command line that runs `lbar` in a process of its own, by this Python and from this code.

    Unlike `python -m lbar` it does not take a module of that name in the working directory for its own.
    """
    return [*own_process("sys.argv[0] = 'lbar'; from harness.cli import main; main()"), *arguments]
