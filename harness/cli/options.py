"""Options that several commands have, in every package alike."""

from os import environ
from pathlib import Path
from typing import Annotated

import typer


def complete_system(incomplete: str) -> list[str]:
    """The registered systems that a shell proposes for what is typed so far."""
    from harness.interface import registered

    return [name for name in registered() if name.startswith(incomplete)]


def complete_protocol(incomplete: str) -> list[str]:
    """The protocols that a shell proposes for what is typed so far."""
    from harness.protocols import PROTOCOLS

    return [name for name in PROTOCOLS if name.startswith(incomplete)]


_PROTOCOL = "Evaluation protocol; `lbar protocols` lists them."
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
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
