"""`lbar bench`."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import AsJson, DataRoot, Device, Precision, ProtocolName, Runs, Trust, complete_system
from harness.cli.printing import echo, end_with, print_json, say

WorkloadNames = Annotated[
    list[str] | None,
    typer.Option("--workload", help="A way of using the system, such as query; repeatable, none means all of them."),
]


def bench(
    systems: Annotated[
        list[str],
        typer.Argument(
            autocompletion=complete_system, help="Registered names, cards (*.yaml) or package.module:factory."
        ),
    ],
    workload: WorkloadNames = None,
    protocol: ProtocolName = "everyday",
    data_root: DataRoot = Path("data"),
    out: Runs = Path("runs"),
    device: Device = "auto",
    precision: Precision = "fp32",
    compiled: Annotated[bool, typer.Option("--compile", help="Let torch compile the encoders first.")] = False,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Clips at once; by default the fastest of 1, 2, 4, ...")
    ] = None,
    clips: Annotated[
        int | None,
        typer.Option("--clips", min=1, help="Real clips in one iteration; by default what takes half a second."),
    ] = None,
    trust: Trust = False,  # noqa: ARG001
    as_json: AsJson = False,
) -> None:
    """Measure how fast systems are.

    Leaves a folder per system with its record and every sample, and mirrors it into MLflow.
    """
    from harness.machine import bars, resolve
    from harness.protocols import get_protocol
    from harness.throughput import FULL, SpeedOptions, benchmark_all, get_workloads, report

    options = SpeedOptions(
        workloads=get_workloads(tuple(workload or ())),
        device=resolve(device),
        precision=precision,
        compiled=compiled,
        batch_size=batch_size,
        clips=clips,
        effort=FULL,
    )
    rules = get_protocol(protocol)
    # What a system prints is no part of what this command prints.
    with bars() as progress, redirect_stdout(sys.stderr):
        batch = benchmark_all(systems, rules, data_root, out, options, progress=progress, say=say)
    if as_json:
        print_json([record.model_dump(mode="json") for _, record in batch.runs])
    else:
        for _, record in batch.runs:
            echo(report(record))
    end_with(batch.failures)
