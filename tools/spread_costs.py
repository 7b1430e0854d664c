"""Measure what it costs `lbar eval` to spread its work: over processes here, and over two hosts of one machine.

    OMP_NUM_THREADS=1 python tools/spread_costs.py tiny-passt tiny-mn tiny-atst tiny-passt-m1 tiny-mn-m1 linear

or of one large system, of which the start is a smaller part,

    export OMP_NUM_THREADS=1
    python tools/spread_costs.py tests/benchmarks/cards/full-passt.yaml --on local:2 --limit 56 --batch-size 4

Each system is evaluated on each protocol by one process, by `local:1`, by `local:2`, and by a scheduler with a worker
on each of two hosts, which are network namespaces and take root; or by one process and where --on says. The start is
the same command with a few clips only. What is left without it is compared with one process, in processor time, which
depends little on what else the machine does, and in wall time, which takes as many free cores as there are workers. All
records have to be equal. Further options are those of `lbar eval`; where a clip takes a second, only small batches are
shared out evenly.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from hosts import Cluster, network

from harness.cli.app import own_command
from harness.evaluation import prepare
from harness.interface import is_card, load_system
from harness.machine import cache_root
from harness.protocols import get_protocol
from harness.runs import read_record

UNLIKE = {"id", "created", "seconds", "command", "environment", "workers"}
FEW = 8
Used = Callable[[], float]


class Cost(NamedTuple):
    """Seconds on the clock, and of all processors."""

    wall: float
    processor: float

    def without(self, start: "Cost") -> "Cost":
        """What is left of it."""
        return Cost(self.wall - start.wall, self.processor - start.processor)


class Place(NamedTuple):
    """Where the work is done: the options of the command, how many workers, and what they have used so far."""

    name: str
    options: list[str]
    workers: int
    used: Used


def evaluated(command: list[str], out: Path, used: Used) -> Cost:
    """What the command costs that writes its runs there, with nothing embedded before."""
    shutil.rmtree(cache_root() / "embeddings", ignore_errors=True)
    before, began = _children() + used(), time.monotonic()
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True)  # noqa: S603
    return Cost(time.monotonic() - began, _children() + used() - before)


def _children() -> float:
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def found_in(out: Path) -> dict[tuple[str, str], tuple[dict[str, object], bytes]]:
    """What the runs say, by system and protocol: the record without what differs from run to run, and the queries."""
    runs = {}
    for file in out.glob("*/record.json"):
        record = read_record(file.parent)
        said = record.model_dump(mode="json", exclude=UNLIKE)
        runs[record.system.name, record.protocol.name] = (said, (file.parent / "per_query.parquet").read_bytes())
    return runs


def row(place: Place, start: Cost, whole: Cost, alone: Cost, equal: bool) -> str:
    """A row of the table; `alone` is what one process takes without its start."""
    rest = whole.without(start)
    # Where the start, which is measured by itself, hides the rest, nothing can be said of it.
    efficiency = f"{alone.wall / rest.wall / place.workers:.0%}" if rest.wall > 0 else "?"
    return (
        f"| {place.name} | {start.wall:.0f} s, {start.processor:.0f} s | {rest.wall:.0f} s, {rest.processor:.0f} s | "
        f"{rest.processor / alone.processor - 1:+.0%} | {efficiency} | "
        f"{'yes' if equal else 'NO'} |"
    ).replace("%", " %")


def main() -> int:
    """Measure, print a row for each place, and return 1 where records differ."""
    plain = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="spread_costs", description=__doc__, formatter_class=plain)
    parser.add_argument("systems", nargs="+")
    parser.add_argument("--protocol", action="append", help="default: everyday and everyday-multi")
    parser.add_argument("--no-hosts", action="store_true", help="leave the two hosts out, which take root")
    parser.add_argument("--on", action="append", help="local:N; in place of local:1, local:2 and the hosts")
    options, further = parser.parse_known_args()
    protocols = options.protocol or ["everyday", "everyday-multi"]
    systems = [str(Path(one).resolve()) if is_card(one) else one for one in options.systems]
    named = [word for one in protocols for word in ("--protocol", one)]
    command = own_command("eval", *systems, *named, *further)
    sys.stdout.write(
        "| where | start: wall, processor | the rest: wall, processor | processor, against one process "
        "| efficiency of wall | equal records |\n|" + " --- |" * 6 + "\n"
    )
    places = [Place("one process", [], 1, float)]
    chosen = options.on or ["local:1", "local:2"]
    places += [Place(on, ["--on", on], int(on.removeprefix("local:")), float) for on in chosen]
    failed = False
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        os.chdir(folder)
        # Of its own, as embeddings are deleted; the sounds of `everyday` are rendered and decoded into it first.
        os.environ["LBAR_CACHE"] = str(folder / "cache")
        for rate in {load_system(system).info.sample_rate for system in systems}:
            for protocol in protocols:
                prepare(get_protocol(protocol), Path("data"), rate)
        few = [*command, "--limit", str(FEW)]
        if not options.no_hosts and not options.on:
            cluster = Cluster(stack.enter_context(network(2)), folder)
            stack.callback(cluster.close)
            places.append(Place("two hosts", ["--on", str(cluster.file)], 2, cluster.used))
            # These workers stay, so that what they import is no part of either command.
            evaluated([*few, *places[-1].options], folder / "first", cluster.used)
        expected, alone = None, Cost(0, 0)
        for number, place in enumerate(places):
            out = folder / f"runs {number}"
            start = evaluated([*few, *place.options], folder / f"few {number}", place.used)
            whole = evaluated([*command, *place.options], out, place.used)
            found = found_in(out)
            if expected is None:
                expected, alone = found, whole.without(start)
            sys.stdout.write(row(place, start, whole, alone, found == expected) + "\n")
            sys.stdout.flush()
            failed |= found != expected
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
