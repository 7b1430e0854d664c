"""Whether the shipped systems still answer as they did: a check for changes, against stored results.

A system whose digest has not changed has to give the same ranks again, but for what the order of floating-point
additions may change. One that was trained anew may be better or equal, but not significantly worse.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError, meant
from harness.measures import bootstrap_means, difference_intervals, holm, sign_flip_p_values
from leaderboard.comparison import ALPHA
from leaderboard.gates.quality_baseline import (
    QUALITY_BASELINE,
    Baseline,
    Stored,
    read_baseline,
    values,
    write_baseline,
)
from leaderboard.gates.result import GateRequest, GateResult
from leaderboard.runs import Answers, Row, read_answers

NAME = "quality"
_TOLERATED_QUERIES = 2
"""So many queries may change entirely before a measure counts as changed: near ties differ between machines."""
_LISTED = 5


def quality_gate(request: GateRequest) -> list[GateResult]:
    """Evaluate systems where this code has not done so yet, then compare with the baseline, or store them in it.

    Raises:
        UserError: no results are stored of a system, a file cannot be read or written, or an evaluation fails.
    """
    path = request.baseline or QUALITY_BASELINE
    if request.update and not path.exists():
        if not request.systems:
            raise UserError(f"{path} does not exist yet; name the systems whose results it is to hold")
        names, protocol = list(request.systems), "everyday"
    else:
        stored = read_baseline(path)
        names, protocol = list(request.systems or stored.systems), stored.protocol
        if not request.update and (absent := [name for name in names if name not in stored.systems]):
            known = meant(absent[0], stored.systems)
            raise UserError(f"no result of {absent[0]!r} is stored in {path}, `--update` stores it; {known}")
    rows = _evaluated(names, protocol, request)
    if not request.update:
        return check_quality(rows, stored)
    write_baseline(rows, path)
    return [
        _result(row, True, f"stored in {path} ({row.record.primary.name} {row.record.primary.value:.4f})")
        for row in rows
    ]


def _evaluated(names: Sequence[str], protocol: str, request: GateRequest) -> list[Row]:
    from harness.evaluation import Options, evaluate_all
    from harness.protocols import get_protocol

    options = Options(out=request.out, device="auto")
    batch = evaluate_all(names, get_protocol(protocol), options, progress=request.progress, say=request.say)
    if batch.failures:
        problems = [f"{name}: {error}" for name, error in batch.failures.items()]
        raise UserError(f"{len(problems)} of {len(names)} systems could not be evaluated", problems)
    return [Row(run.folder, run.record) for run in batch.runs]


def check_quality(rows: Sequence[Row], baseline: Baseline) -> list[GateResult]:
    """Compare runs with the stored results of the same systems.

    Args:
        rows: comparable runs under the baseline's protocol.
        baseline: the stored results.
    """
    return [_check(row, baseline, baseline.systems[row.record.system.name]) for row in rows]


def _result(row: Row, passed: bool, message: str, queries: tuple[str, ...] = ()) -> GateResult:
    return GateResult(NAME, row.record.system.name, passed, message, queries)


def _check(row: Row, baseline: Baseline, stored: Stored) -> GateResult:
    record = row.record
    if record.protocol.digest != baseline.protocol_digest or record.dataset.digest != baseline.dataset_digest:
        message = f"{baseline.protocol} is no longer what it was when results were stored; store them anew"
        return _result(row, False, message)
    answers = read_answers([row])
    ranks = np.array(stored.ranks, dtype=np.int64)
    if len(ranks) != len(answers.queries):
        message = f"{len(ranks)} ranks are stored for {len(answers.queries)} queries; store them anew"
        return _result(row, False, message)
    old, new = values(ranks, answers.measures), answers.values[:, :, 0].T
    primary = f"{answers.measures[0]} {old[:, 0].mean():.4f} → {new[:, 0].mean():.4f}"
    if record.system.digest is not None and record.system.digest == stored.digest:
        problem, fine = _changes(answers, old, new), f"as stored ({primary})"
    else:
        problem = _losses(answers, old, new)
        fine = f"another system than the stored one, not significantly worse ({primary})"
    if problem:
        return _result(row, False, problem, _most_changed(answers, ranks, new[:, 0] - old[:, 0]))
    return _result(row, True, fine)


def _changes(answers: Answers, old: NDArray[np.float64], new: NDArray[np.float64]) -> str:
    """What differs for the same system by more than a few queries; empty if nothing does."""
    change = new.mean(axis=0) - old.mean(axis=0)
    changed = np.flatnonzero(np.abs(change) > (_TOLERATED_QUERIES + 0.5) / len(old))
    listed = ", ".join(f"{answers.measures[index]} {change[index]:+.4f}" for index in changed)
    return listed and f"the same system answers differently: {listed}"


def _losses(answers: Answers, old: NDArray[np.float64], new: NDArray[np.float64]) -> str:
    """The measures by which a new system is significantly worse, with intervals; empty if there are none."""
    count = len(answers.measures)
    both = np.concatenate([new, old], axis=1)
    pairs = [(index, count + index) for index in range(count)]
    bounds = difference_intervals(bootstrap_means(both, answers.clusters), pairs)
    corrected = holm(sign_flip_p_values(both, answers.clusters, pairs))
    change = (new - old).mean(axis=0)
    listed = ", ".join(
        f"{name} {change[index]:+.4f} [{bounds[index, 0]:+.4f}, {bounds[index, 1]:+.4f}]"
        for index, name in enumerate(answers.measures)
        if bounds[index, 1] < 0 and corrected[index] <= ALPHA
    )
    return listed and f"another system than the stored one, and worse: {listed}"


def _most_changed(answers: Answers, before: NDArray[np.int64], change: NDArray[np.float64]) -> tuple[str, ...]:
    """The queries whose primary measure changed most, losses first."""
    after = answers.ranks[0, :, 0]
    by_size = sorted(
        range(len(change)), key=lambda query: (-abs(change[query]), change[query], -abs(after[query] - before[query]))
    )
    return tuple(
        f"rank {before[query]} → {after[query]}: {answers.queries[query]} ({answers.clips[query]})"
        for query in by_size[:_LISTED]
        if before[query] != after[query]
    )
