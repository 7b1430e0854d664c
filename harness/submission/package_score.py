"""The scores of the systems in packages, and the differences between the systems of two packages."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.measures import bootstrap_means
from harness.predictions import IN_USE, SUFFIX, Columns, Score, score_file
from harness.protocols import RetrievalTask
from harness.submission.package.layout import is_junk
from harness.submission.package.member_checks import is_safe
from harness.submission.package.members import FileTree, Member, Tree, open_tree
from harness.submission.package.zip_directory import DamagedError

_LARGEST = 4_000_000_000


@dataclass(frozen=True)
class PackageScore:
    """The scores of a package's systems.

    Attributes:
        path: of the package.
        systems: the score of each system, by its label.
        failures: why other systems could not be scored, by their labels.
    """

    path: Path
    systems: dict[str, Score]
    failures: dict[str, UserError]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "path": str(self.path),
            "systems": [{"label": label} | score.to_json() for label, score in self.systems.items()],
            "failures": [
                {"label": label, "error": str(error), "problems": list(error.problems)}
                for label, error in self.failures.items()
            ],
        }

    def to_text(self) -> str:
        """A few lines per system."""
        return "\n".join(f"{self.path}: {label}: {score.to_text()}" for label, score in self.systems.items())


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between two systems' means of a measure over the same queries.

    Attributes:
        one: label of the first system, with its package where both labels are the same.
        other: that of the second.
        measure: name of the measure.
        difference: mean of the first less mean of the second.
        low: lower end of the difference's 95 % interval, bootstrapped over clips.
        high: its upper end.
        better: number of queries on which the first scores more.
        worse: number of queries on which the second scores more.
    """

    one: str
    other: str
    measure: str
    difference: float
    low: float
    high: float
    better: int
    worse: int

    def to_text(self) -> str:
        """A line for a person."""
        verdict = "" if self.low <= 0 <= self.high else ", without 0"
        return (
            f"{self.one} - {self.other}: {self.measure} {self.difference:+.4f}   95 % {self.low:+.4f} to "
            f"{self.high:+.4f}{verdict}; better on {self.better:,} queries, worse on {self.worse:,}"
        )


def score_package(
    path: Path,
    task: RetrievalTask,
    format: str = "auto",  # noqa: A002
    known: Sequence[Columns] = IN_USE,
) -> PackageScore:
    """Score every output in a zip, in a folder, or one file alone.

    Args:
        path: of the package.
        task: what the outputs should answer.
        format: of the outputs, as for `score_file`.
        known: the columns that a ranked list may have.

    Raises:
        UserError: there is no such file, it cannot be read, or it holds no output.
    """
    tree = open_tree(path, "")
    if tree.damage:
        raise UserError(f"{path} cannot be read: {tree.damage}")
    systems: dict[str, Score] = {}
    failures: dict[str, UserError] = {}
    alone = isinstance(tree, FileTree)
    members = [
        member
        for member in tree.members
        if alone or (member.suffix == ".csv" and is_safe(member) and not is_junk(member) and member.size <= _LARGEST)
    ]
    for member in members:
        label = member.base.removesuffix(".csv").removesuffix(SUFFIX.removesuffix(".csv"))
        if label in systems or label in failures:
            label = member.name
        try:
            systems[label] = _score(tree, member, task, format, known)
        except UserError as error:
            failures[label] = error
    if not members:
        raise UserError(f"{path} holds no output (*.csv); expected a package, or an output itself")
    return PackageScore(path, systems, failures)


def compare(packages: Sequence[PackageScore], clusters: NDArray[np.int64]) -> list[Difference]:
    """Compare each system of a package with each system of the other packages, by every measure that both have.

    Args:
        packages: scored on one task.
        clusters: the task's; queries of one cluster are drawn together in the bootstrap.
    """
    pairs = [
        ((str(one.path), label), (str(other.path), other_label), score, other_score)
        for one, other in combinations(packages, 2)
        for label, score in one.systems.items()
        for other_label, other_score in other.systems.items()
    ]
    rows: list[tuple[str, str, str]] = []
    columns: list[NDArray[np.float64]] = []
    for one, other, score, other_score in pairs:
        names = [measure.name for measure in other_score.measures]
        for place, measure in enumerate(score.measures):
            if measure.name in names:
                rows.append((_called(one, other), _called(other, one), measure.name))
                columns.append(score.per_query[:, place] - other_score.per_query[:, names.index(measure.name)])
    if not columns:
        return []
    table = np.stack(columns, axis=1)
    bounds = np.quantile(bootstrap_means(table, clusters), [0.025, 0.975], axis=0).T
    return [
        Difference(
            *row, float(column.mean()), float(low), float(high), int((column > 0).sum()), int((column < 0).sum())
        )
        for row, column, (low, high) in zip(rows, columns, bounds.tolist(), strict=True)
    ]


def _called(one: tuple[str, str], other: tuple[str, str]) -> str:
    """A system's label, with its package's name where both are labelled alike."""
    return one[1] if one[1] != other[1] else f"{one[1]} ({one[0]})"


def _score(tree: Tree, member: Member, task: RetrievalTask, format: str, known: Sequence[Columns]) -> Score:  # noqa: A002
    try:
        with tree.place(member) as place:
            try:
                return score_file(place, task, format, known)
            except UserError as error:
                raise UserError(str(error).replace(str(place), member.name), error.problems) from None
    except DamagedError as error:
        raise UserError(f"{member.name} cannot be unpacked: {error}") from None
