"""`lbar cache`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import AsJson
from harness.cli.printing import echo, print_json, print_table, say
from harness.errors import UserError, unknown
from harness.machine import in_bytes

if TYPE_CHECKING:
    from harness.machine import KeptFolder

cache_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Show what is kept so that it need not be made again, or delete it.",
)


@cache_app.callback()
def show_cache(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is kept so that it need not be made again: decoded audio, embeddings, the bundled benchmark.

    It is in the folder LBAR_CACHE, else in the user's cache folder.
    """
    if context.invoked_subcommand is not None:
        return
    from harness.machine import KINDS_OF_KEPT, cache_root, disk_of

    root, kept = cache_root(), _kept()
    free = disk_of(root).free
    if as_json:
        print_json({"folder": str(root.absolute()), "free": free, "kept": _documents(kept)})
        return
    rows = []
    for kind, about in KINDS_OF_KEPT.items():
        sizes = [one.size for one in kept if one.kind == kind]
        rows.append((kind, str(len(sizes)), in_bytes(sum(sizes)), about))
    print_table(("kind", "folders", "size", "what it is"), rows)
    echo(f"{in_bytes(sum(one.size for one in kept))} in {root.absolute()}, where {in_bytes(free)} are free")


@cache_app.command()
def clear(
    kinds: Annotated[
        list[str] | None, typer.Argument(help="Kinds, as `lbar cache` shows them; none means all of them.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what is kept; it is made again when it is needed.

    What another process is writing now stays.
    """
    from harness.machine import KINDS_OF_KEPT

    for kind in kinds or ():
        if kind not in KINDS_OF_KEPT:
            raise unknown("kind", kind, KINDS_OF_KEPT)
    chosen = [one for one in _kept() if not kinds or one.kind in kinds]
    if chosen and not yes:
        _ask(chosen)
    deleted = [one for one in chosen if one.delete()]
    in_use = [one for one in chosen if one not in deleted]
    for one in in_use:
        say(f"{one.folder} stays: another process is writing it")
    if as_json:
        print_json({"deleted": _documents(deleted), "in_use": _documents(in_use)})
    else:
        echo(f"deleted: {_summary(deleted)}" if deleted else "nothing deleted")


def _kept() -> "list[KeptFolder]":
    from harness.audio import decoder_version
    from harness.machine import cache_root, kept_in

    return kept_in(cache_root(), decoder_version())


def _ask(chosen: "Sequence[KeptFolder]") -> None:
    """Have the person agree.

    Raises:
        UserError: nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise UserError(f"{_summary(chosen)} would be deleted; say --yes to do so")
    if not typer.confirm(f"Delete {_summary(chosen)}?", err=True):
        raise typer.Exit


def _summary(kept: "Sequence[KeptFolder]") -> str:
    """Kinds and size, such as "samples, embeddings (1.2 GB)"."""
    return f"{', '.join(dict.fromkeys(one.kind for one in kept))} ({in_bytes(sum(one.size for one in kept))})"


def _documents(kept: "Sequence[KeptFolder]") -> list[dict[str, object]]:
    return [{"kind": one.kind, "folder": str(one.folder), "bytes": one.size} for one in kept]
