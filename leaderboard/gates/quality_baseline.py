"""The stored results that the quality gate compares with: the rank of every query, for each shipped system."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.machine import read_json, write_text
from harness.measures import Ranks, parse_measure
from leaderboard.runs import Row, read_answers

QUALITY_BASELINE = Path(__file__).with_name("quality.json")
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """A system's digest, and the rank of the relevant item for every query."""

    digest: str | None
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Baseline:
    """Stored results under one protocol on one data set."""

    protocol: str
    protocol_digest: str
    dataset_digest: str
    systems: Mapping[str, Stored]


def read_baseline(path: Path = QUALITY_BASELINE) -> Baseline:
    """Read stored results.

    Raises:
        UserError: the file cannot be read, is damaged, or of another version.
    """
    try:
        fields = read_json(path)
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
    """Store the ranks of these runs; what is stored of other systems stays as it is.

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
        if not np.allclose(values(ranks, answers.measures), answers.values[:, :, 0].T):
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
    write_text(path, json.dumps(document, indent=1) + "\n")


def values(ranks: NDArray[np.int64], measures: Sequence[str]) -> NDArray[np.float64]:
    """Every measure of every query, from the rank of its one relevant item, shape `(queries, measures)`."""
    one_each = Ranks(np.arange(len(ranks) + 1), ranks, ranks)
    return np.stack([parse_measure(name)(one_each) for name in measures], axis=1)
