"""Kill commands and fill the disk under them at random moments, and see whether anything is lost or wrong.

    python tools/chaos --moments 150

After each moment the same command is run again, undisturbed, as if two days later. It must come to the figures of a
command that was never disturbed; what was there before must still be there, byte for byte; and nothing may lie about
that it does not need.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from disturbances import Disturbance, Outcome, armed, can_mount, disk, forked, struck
from workloads import WORKLOADS, Workload, imported

LIMIT = 300.0
"""Seconds after which a command counts as one without an end."""
ROOM = 1 << 30
PROBLEMS = ("lost", "wrong", "unusable", "left over", "traceback")
_TIMES = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
_IDS = re.compile(r"[0-9a-f]{32,64}")


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A command that nothing disturbed.

    Attributes:
        workload: the command.
        template: the folder in which it begins.
        before: the files of that folder that it leaves as they are, with their digests.
        figures: what it comes to.
        names: the files that it leaves, without what differs from run to run.
        outcome: what it took; of its two runs the quicker one, since a moment beyond a command's end disturbs nothing.
        grown: bytes that its files take on the disk more than before.
    """

    workload: Workload
    template: Path
    before: dict[str, str]
    figures: str
    names: Counter[str]
    outcome: Outcome
    grown: int


def undisturbed(workload: Workload, root: Path) -> Undisturbed:
    """Prepare a command's folder, and run it twice, each time in a copy."""
    template = root / workload.name.replace(" ", "-") / "template"
    for name in ("tmp", "cache", "runs", "weights"):
        (template / name).mkdir(parents=True)

    def run(command: object, folder: Path) -> None:
        outcome = forked(command, folder, lambda: None, LIMIT)  # type: ignore[arg-type]
        if outcome.code:
            raise SystemExit(f"chaos: {workload.name} cannot be prepared:\n{outcome.said}")

    # Paths are in what is kept: every trial runs at the same place.
    place = template.with_name("trial")
    template.rename(place)
    workload.prepare(place, run)
    place.rename(template)
    outcomes = []
    for _ in range(2):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(template, place, symlinks=True)
        outcomes.append(forked(workload.command, place, armed(None, place, None), LIMIT))
        if outcomes[-1].code:
            raise SystemExit(f"chaos: {workload.name} fails undisturbed:\n{outcomes[-1].said}")
    after = files(place)
    before = {name: digest for name, digest in files(template).items() if after.get(name) == digest}
    figures = figures_of(workload, place)
    quicker = min(outcomes, key=lambda one: one.seconds)
    return Undisturbed(workload, template, before, figures, names(place), quicker, size(place) - size(template))


def tried(one: Undisturbed, disturbance: Disturbance) -> tuple[Outcome, list[str]]:
    """Disturb a command once, run it again, and list what is wrong, each line beginning with one of `PROBLEMS`."""
    place = one.template.with_name("trial")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    mounted = disturbance.unit == "bytes"
    with disk(place, ROOM) if mounted else nullcontext() as resize:
        shutil.copytree(one.template, place, symlinks=True, dirs_exist_ok=True)
        if resize:
            resize(shutil.disk_usage(place).used + int(disturbance.moment * one.grown))
        strike = struck(disturbance, one.outcome)
        outcome = forked(one.workload.command, place, armed(disturbance, place, one.outcome), LIMIT, strike)
        if resize:
            resize(ROOM)
        problems = []
        # Python says "Exception ignored" of a signal that comes where nothing can be raised; the command goes on.
        unexpected = outcome.code > 0 and outcome.code not in (2, 3)
        if unexpected or ("Traceback" in outcome.said and "Exception ignored" not in outcome.said):
            problems.append(f"traceback: {outcome.said.strip()[-1500:]}")
        if lost := [name for name, digest in one.before.items() if digest_of(place / name) != digest]:
            problems.append(f"lost: {', '.join(lost[:5])} changed")
        _age(place)
        again = forked(one.workload.command, place, lambda: None, LIMIT)
        return outcome, problems + _after(one, place, again)


def _age(place: Path) -> None:
    """Let two days pass for folders: some are cleared away only when nobody can be writing into them any more."""
    then = time.time() - 2 * 86_400
    for folder in place.rglob("*"):
        if folder.is_dir():
            os.utime(folder, (then, then))


def _after(one: Undisturbed, place: Path, again: Outcome) -> list[str]:
    """What is wrong after the command was run again."""
    if again.code:
        return [f"unusable: run again it ends with {again.code}: {again.said.strip()[-1500:]}"]
    problems = []
    try:
        figures = figures_of(one.workload, place)
    except Exception as error:
        return [f"unusable: {type(error).__name__}: {error}"]
    if figures != one.figures:
        problems.append(f"wrong: {figures}, not {one.figures}")
    if lost := [name for name, digest in one.before.items() if digest_of(place / name) != digest]:
        problems.append(f"lost: {', '.join(lost[:5])}")
    found = names(place)
    if more := found - one.names:
        problems.append(f"left over: {', '.join(sorted(more)[:5])}")
    if fewer := one.names - found:
        problems.append(f"lost: {', '.join(sorted(fewer)[:5])}")
    return problems


def figures_of(workload: Workload, folder: Path) -> str:
    """What a command has come to, without times."""
    return _TIMES.sub("*", json.dumps(workload.figures(folder)))


def files(folder: Path) -> dict[str, str]:
    """The digests of all files, by path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest_of(path) for path in paths}


def names(folder: Path) -> Counter[str]:
    """How often each file and folder is there, without ids and times in their names.

    Lock files do not count, nor the file of four bytes by which Python tries whether it can write into the folder for
    temporary files: a signal between its being made and being taken away leaves it there. Nor do the files of a
    LanceDB table, which keeps its last states, and what was being written to it, for some days.
    """
    paths = (path for path in folder.rglob("*") if not path.name.endswith("lock") and not _is_trial(path))
    inside = (path.relative_to(folder) for path in paths)
    return Counter(_IDS.sub("*", _TIMES.sub("*", str(path))) for path in inside if ".lance/" not in str(path))


def _is_trial(path: Path) -> bool:
    return path.parent.name == "tmp" and path.is_file() and path.read_bytes() in (b"", b"blat")


def digest_of(path: Path) -> str:
    """SHA-256 of a file; empty where it is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def size(folder: Path) -> int:
    """Bytes that the files in a folder take on a disk of 4 KiB pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def drawn(generator: random.Random, mounts: bool, changes: int) -> Disturbance:
    """A disturbance, four of five being signals, of a command that makes so many changes itself.

    What changes in a process that the command starts is not counted; such a command has moments of processor time only.
    """
    how = generator.choice(["SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "full disk"])
    if how == "full disk":
        return Disturbance(how, "bytes" if mounts else "bytes a file", generator.random())
    unit = generator.choice(["changes", "processor"])
    return Disturbance(how, unit if changes else "processor", generator.random())


def main() -> int:
    """Draw moments, try them, and print a table; the exit code is 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--moments", type=int, default=150, help="how many, spread over the commands")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", action="append", choices=[one.name for one in WORKLOADS], help="only this command")
    options = parser.parse_args()
    mounts = can_mount()
    if not mounts:
        _say("no small disk can be mounted here, which takes root: full disks are files that cannot grow instead")
    imported()
    counts: dict[str, Counter[str]] = {}
    began, done = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        chosen = [one for one in WORKLOADS if not options.only or one.name in options.only]
        wholes = [undisturbed(one, Path(folder)) for one in chosen]
        # Interrupted, it says what it has found until then.
        with suppress(KeyboardInterrupt):
            for number in range(options.moments):
                one = wholes[number % len(wholes)]
                disturbance = drawn(random.Random(f"{options.seed} {number}"), mounts, one.outcome.changes)  # noqa: S311
                outcome, problems = tried(one, disturbance)
                count = counts.setdefault(one.workload.name, Counter())
                count.update(["moments", _ending(outcome), *{problem.partition(":")[0] for problem in problems}])
                for problem in problems:
                    _say(f"{number} {one.workload.name}, {disturbance}, ended with {outcome.code}: {problem}")
                done += 1
    _say(_table(counts))
    _say(f"{done} moments of seed {options.seed} in {time.monotonic() - began:.0f} s")
    found = any(count[problem] for count in counts.values() for problem in PROBLEMS)
    return int(found or done < options.moments)


def _ending(outcome: Outcome) -> str:
    return {0: "finished", 2: "refused", 3: "interrupted"}.get(outcome.code, "killed" if outcome.code < 0 else "failed")


def _table(counts: dict[str, Counter[str]]) -> str:
    columns = ("moments", "killed", "interrupted", "refused", "failed", "finished", *PROBLEMS)
    total = sum(counts.values(), Counter[str]())
    rows = [("", *columns)]
    rows += [(name, *(str(count[column]) for column in columns)) for name, count in {**counts, "all": total}.items()]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
