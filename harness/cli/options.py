"""Options that several commands have, in every package alike."""

from os import environ
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UserError, meant


def complete_system(incomplete: str) -> list[str]:
    """The registered systems that a shell proposes for what is typed so far."""
    from harness.interface import registered

    return [name for name in registered() if name.startswith(incomplete)]


def complete_protocol(incomplete: str) -> list[str]:
    """The protocols that a shell proposes for what is typed so far."""
    from harness.protocols import protocols

    return [name for name in protocols() if name.startswith(incomplete)]


_NOT_IN_FILES = ("config", "help", "trust", None)
"""What only the person at the command line says: whom they trust."""


def read_options(context: typer.Context, path: Path | None) -> Path | None:
    """Take what a YAML file says for the options of a command; what the command line says comes before it.

    Raises:
        UserError: the file cannot be read, or names what is no option of the command.
    """
    if path is None:
        return None
    from harness.datasets import read_mapping

    known = {option.name: option for option in context.command.params if option.name not in _NOT_IN_FILES}
    names = {str(name).replace("_", "-"): option for name, option in known.items()}
    given: dict[str, object] = {}
    for name, value in read_mapping(path, f"options of `lbar {context.info_name}`").items():
        option = names.get(name.replace("_", "-"))
        if option is None or option.name is None:
            raise UserError(f"{path}: unknown option {name!r}; {meant(name, names)}")
        several = getattr(option, "multiple", False) or option.nargs == -1
        given[option.name] = [value] if several and not isinstance(value, list) else value
    context.default_map = {**(context.default_map or {}), **given}
    return path


_PROTOCOL = "Evaluation protocol, or its YAML file; `lbar protocols` lists them."
ProtocolName = Annotated[str, typer.Option("--protocol", autocompletion=complete_protocol, help=_PROTOCOL)]
MaybeProtocol = Annotated[str | None, typer.Option("--protocol", autocompletion=complete_protocol, help=_PROTOCOL)]
ProtocolNames = Annotated[
    list[str] | None,
    typer.Option("--protocol", autocompletion=complete_protocol, help=f"{_PROTOCOL} Repeatable."),
]
DataRoot = Annotated[
    Path, typer.Option("--data-root", envvar="LBAR_DATA", help="Folder with the data sets as officially unpacked.")
]
Runs = Annotated[Path, typer.Option("--out", envvar="LBAR_RUNS", help="Folder of run folders.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, …")]
Precision = Annotated[str, typer.Option("--precision", help="fp32 or bf16.")]
On = Annotated[
    str | None,
    typer.Option(
        "--on", help="Where to compute: local:4 (so many processes here), tcp://HOST:8786 or FILE.json (Dask)."
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        envvar="LBAR_TRUST",
        callback=lambda trusted: environ.update({"LBAR_TRUST": "1"} if trusted else {}) or trusted,
        help="Run code that a card names, though it is neither lbar's nor a registered package's.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", is_eager=True, callback=read_options, help="YAML file with these options by their names."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
