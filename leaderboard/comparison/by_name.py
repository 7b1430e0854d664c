"""Comparing by name, for scripts and notebooks."""

from pathlib import Path

from leaderboard.comparison.comparing import Comparison
from leaderboard.comparison.comparing import compare as compare_rows
from leaderboard.runs.finding import find_rows


def compare(*runs: str | Path, out: str | Path = "runs", protocol: str | None = None) -> Comparison:
    """Compare runs: folders, their names in `out`, or systems, whose newest runs they are.

    Args:
        runs: two or more.
        out: the folder of run folders.
        protocol: under which systems are looked for; without it the one under which all of them have a run.

    Raises:
        UserError: a run is not there, or the runs may not be compared.
    """
    return compare_rows(find_rows([str(run) for run in runs], Path(out), protocol))
