"""Whether the shipped systems still answer as they did: a check for changes, against results that are stored.

`quality.json` holds the ranks of every query. A system of the same digest has to give the same again, within what the
order of additions may change; one that was trained anew may be better or equal, but not worse beyond chance.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.measures import Ranks, bootstrap_means, difference_intervals, holm, parse_measure, sign_flip_p_values
from leaderboard.comparison import ALPHA
from leaderboard.runs import Answers, Row, read_answers

QUALITY_BASELINE = Path(__file__).with_name("quality.json")
_SCHEMA = 1
_TOLERATED_QUERIES = 2
"""As many queries may change entirely before a measure counts as changed: near ties fall differently elsewhere."""
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Stored:
    """What a system once answered: its digest, and the rank of what is right for every query."""

    digest: str | None
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Baseline:
    """Stored results under one protocol on one data set."""

    protocol: str
    protocol_digest: str
    dataset_digest: str
    systems: Mapping[str, Stored]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate says of a system, or of a stage of the work.

    Attributes:
        gate: which.
        subject: the system, or the stage.
        passed: whether the gate lets it through.
        message: a line.
        queries: those that changed most.
    """

    gate: str
    subject: str
    passed: bool
    message: str
    queries: tuple[str, ...] = ()


def read_baseline(path: Path = QUALITY_BASELINE) -> Baseline:
    """Read stored results.

    Raises:
        UserError: the file cannot be read, is damaged, or of another version.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields["schema_version"] != _SCHEMA:
            raise UserError(f"{path} has schema version {fields['schema_version']}, expected {_SCHEMA}; store it anew")
        systems = {
            name: Stored(one["digest"], tuple(int(rank) for rank in one["ranks"].split()))
            for name, one in fields["systems"].items()
        }
        return Baseline(fields["protocol"], fields["protocol_digest"], fields["dataset_digest"], systems)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; `lbar gate --update` writes it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}); `lbar gate --update` writes it anew") from error


def write_baseline(rows: Sequence[Row], path: Path) -> None:
    """Store what these runs answered; of systems that are stored already and not among them nothing changes.

    Raises:
        UserError: the runs are not of one protocol and data set, have several relevant items per query, or the file
            cannot be written.
    """
    first = rows[0].record
    kept: dict[str, Stored] = {}
    if path.exists():
        before = read_baseline(path)
        if before.dataset_digest == first.dataset.digest and before.protocol_digest == first.protocol.digest:
            kept |= before.systems
    for row in rows:
        answers = read_answers([row])
        ranks = answers.ranks[0, :, 0]
        if not np.allclose(_values(ranks, answers.measures), answers.values[:, :, 0].T):
            raise UserError(f"{row.folder}: its measures are not of one rank per query; the gate stores single ranks")
        kept[row.record.system.name] = Stored(row.record.system.digest, tuple(ranks.tolist()))
    document = {
        "schema_version": _SCHEMA,
        "protocol": first.protocol.name,
        "protocol_digest": first.protocol.digest,
        "dataset_digest": first.dataset.digest,
        "systems": {
            name: {"digest": one.digest, "ranks": " ".join(map(str, one.ranks))} for name, one in sorted(kept.items())
        },
    }
    store(json.dumps(document, indent=1) + "\n", path)


def store(text: str, path: Path) -> None:
    """Write a baseline, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.unfinished")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_quality(rows: Sequence[Row], baseline: Baseline) -> list[Finding]:
    """Compare runs with what is stored of the same systems.

    Args:
        rows: comparable runs under the baseline's protocol.
        baseline: what is stored.
    """
    return [_check(row, baseline, baseline.systems[row.record.system.name]) for row in rows]


def _check(row: Row, baseline: Baseline, stored: Stored) -> Finding:
    record = row.record
    name = record.system.name

    def finding(passed: bool, message: str, queries: tuple[str, ...] = ()) -> Finding:
        return Finding("quality", name, passed, message, queries)

    if record.protocol.digest != baseline.protocol_digest or record.dataset.digest != baseline.dataset_digest:
        return finding(False, f"{baseline.protocol} is no longer what it was when results were stored; store them anew")
    answers = read_answers([row])
    before = np.array(stored.ranks, dtype=np.int64)
    if len(before) != len(answers.queries):
        return finding(False, f"{len(before)} ranks are stored for {len(answers.queries)} queries; store them anew")
    old, new = _values(before, answers.measures), answers.values[:, :, 0].T
    change = new.mean(axis=0) - old.mean(axis=0)
    primary = f"{answers.measures[0]} {old[:, 0].mean():.4f} → {new[:, 0].mean():.4f}"
    changed = _changed(answers, before, new[:, 0] - old[:, 0])
    if record.system.digest is not None and record.system.digest == stored.digest:
        off = np.flatnonzero(np.abs(change) > (_TOLERATED_QUERIES + 0.5) / len(before))
        if not off.size:
            return finding(True, f"as stored ({primary})")
        what = ", ".join(f"{answers.measures[index]} {change[index]:+.4f}" for index in off)
        return finding(False, f"the same system answers differently: {what}", changed)
    worse = _losses(answers, old, new)
    if not worse:
        return finding(True, f"another system than the stored one, not worse beyond chance ({primary})")
    return finding(False, f"another system than the stored one, and worse: {', '.join(worse)}", changed)


def _losses(answers: Answers, old: NDArray[np.float64], new: NDArray[np.float64]) -> list[str]:
    """The measures by which it is worse beyond chance, in words."""
    count = len(answers.measures)
    both = np.concatenate([new, old], axis=1)
    pairs = [(index, count + index) for index in range(count)]
    bounds = difference_intervals(bootstrap_means(both, answers.clusters), pairs)
    corrected = holm(sign_flip_p_values(both, answers.clusters, pairs))
    change = (new - old).mean(axis=0)
    return [
        f"{name} {change[index]:+.4f} [{bounds[index, 0]:+.4f}, {bounds[index, 1]:+.4f}]"
        for index, name in enumerate(answers.measures)
        if bounds[index, 1] < 0 and corrected[index] <= ALPHA
    ]


def _values(ranks: NDArray[np.int64], measures: Sequence[str]) -> NDArray[np.float64]:
    """Every measure of every query with one relevant item, shape `(queries, measures)`."""
    one_each = Ranks(np.arange(len(ranks) + 1), ranks, ranks)
    return np.stack([parse_measure(name)(one_each) for name in measures], axis=1)


def _changed(answers: Answers, before: NDArray[np.int64], change: NDArray[np.float64]) -> tuple[str, ...]:
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
