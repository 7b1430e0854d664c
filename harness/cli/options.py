"""Options that several commands have, in every package alike."""

from pathlib import Path
from typing import Annotated

import typer

ProtocolName = Annotated[str, typer.Option("--protocol", help="Evaluation protocol; `lbar protocols` lists them.")]
DataRoot = Annotated[
    Path, typer.Option("--data-root", envvar="LBAR_DATA", help="Folder with the data sets as officially unpacked.")
]
Runs = Annotated[Path, typer.Option("--out", envvar="LBAR_RUNS", help="Folder of run folders.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, …")]
Precision = Annotated[str, typer.Option("--precision", help="fp32 or bf16.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
