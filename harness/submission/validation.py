"""The validator: everything that is wrong with what is to be handed in, at once."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.interface import Finding
from harness.submission.editions.profiles import Profile
from harness.submission.findings import Check, Checks, Findings, Looked, counted, to_json
from harness.submission.meta.author_checks import AUTHOR_CHECKS
from harness.submission.meta.checks import META_CHECKS
from harness.submission.meta.document import read_meta
from harness.submission.meta.file import Meta
from harness.submission.output.expected import ClipName, Comparison, Expected
from harness.submission.output.file import (
    Captions,
    MatrixEnd,
    OutputStart,
    complaint_of,
    matrix_rows,
    read_ranked_rows,
    read_start,
)
from harness.submission.output.list_checks import (
    CAPTION_CHECKS,
    COUNT_CHECKS,
    RANKED_CHECKS,
    RANKED_NAME_CHECKS,
    RANKED_ROW_CHECKS,
    START_CHECKS,
    UNREADABLE,
)
from harness.submission.output.matrix_checks import (
    COLUMN_NAME_CHECKS,
    COLUMNS_CHECKS,
    END_CHECKS,
    ROW_CHECKS,
    MatrixColumns,
)
from harness.submission.output.respelling import mended_names
from harness.submission.package.checks import PACKAGE_CHECKS, SYSTEM_CHECKS
from harness.submission.package.layout import FIXED, Package, SystemFolder, only, understand
from harness.submission.package.member_checks import (
    MEMBER_CHECKS,
    SIZE_CHECKS,
    TREE_CHECKS,
    Sized,
    is_safe,
    largest,
    readable,
)
from harness.submission.package.members import FileTree, Member, Tree, open_tree
from harness.submission.package.report_checks import REPORT_CHECKS, read_report
from harness.submission.package.zip_directory import DamagedError
from harness.submission.team_checks import SCORE_CHECKS, TEAM_CHECKS, Scored, Team

SCORED: Check[None] = Check("F007", "error", "The output can be scored.", lambda _: ())
"""The rule that is broken where scoring an output fails; there is nothing to look at beforehand."""


@dataclass
class Validation:
    """What the validator found.

    Attributes:
        name: of what was checked.
        profile: the edition.
        findings: what is wrong.
        compared_with: the data set whose queries and clips the outputs were compared with; `None` where these are not
            known.
        not_compared: what of the outputs was therefore not compared with anything.
        is_rehearsal: whether they were compared with a data set whose ground truth is known.
        scores: each output's scores by its label, where the ground truth is known and the output has no error.
        looked_at: the outputs and meta files that were checked.
    """

    name: str
    profile: Profile
    findings: Findings = field(default_factory=Findings)
    compared_with: str | None = None
    not_compared: tuple[str, ...] = ()
    is_rehearsal: bool = False
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    looked_at: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """The number of errors."""
        return self.findings.number("error")

    @property
    def is_valid(self) -> bool:
        """Whether there is no error; warnings do not make a submission invalid."""
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "path": self.name,
            "profile": self.profile.name,
            "valid": self.is_valid,
            "errors": self.errors,
            "warnings": self.findings.number("warning"),
            "compared_with": self.compared_with,
            "not_compared": list(self.not_compared),
            "rehearsal": self.is_rehearsal,
            "scores": self.scores,
            "findings": [to_json(finding) for finding in self.findings.in_order()],
            "counts": [
                {"code": code, "file": file, "level": level, "count": count}
                for (code, file, level), count in sorted(self.findings.counts.items())
            ],
        }

    def to_text(self) -> Iterator[str]:
        """Blocks of lines for a person, the verdict last."""
        yield from self.findings.to_text()
        for label, values in self.scores.items():
            yield f"{label}: " + ", ".join(f"{name} {value:.4f}" for name, value in values.items())
        if self.not_compared:
            yield (
                f"{' and '.join(self.not_compared)} were not compared with anything; say --audio DIR and --queries "
                "FILE for a hidden set, or --protocol NAME"
            )
        if self.is_rehearsal:
            yield (
                f"a rehearsal: the outputs answer {self.compared_with}, whose ground truth is known; challenges take "
                "those on their hidden set (--audio DIR --queries FILE)"
            )
        errors, warnings = self.errors, self.findings.number("warning")
        verdict = "valid" if self.is_valid else "not valid"
        counts = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
        yield f"{self.name}: {verdict} for {self.profile.name}: {counts}"


def validate(
    path: Path,
    profile: Profile,
    expected: Expected | None = None,
    *,
    data_root: Path | None = None,
    name: str | None = None,
) -> Validation:
    """Check a CSV, a YAML, a folder or a zip.

    Args:
        path: what is to be handed in.
        profile: the edition it is for.
        expected: the queries and clips that outputs should answer. Without it, outputs that answer the edition's
            development-testing split are compared with that split where `data_root` has it.
        data_root: folder with the data sets; `None` where outputs are to be compared with `expected` only.
        name: the name it will have when it is handed in, where the file has another one for now.

    Raises:
        UserError: there is no such file, or it is of a kind that is never handed in.
    """
    tree = open_tree(path, profile.top_folder)
    if name is not None:
        tree.name = name
    return _Validator(tree, profile, Comparison(expected, profile, data_root)).run()


class _Validator:
    """Shows every part of what is handed in to its checks, and collects what they find."""

    def __init__(self, tree: Tree, profile: Profile, compared: Comparison) -> None:
        self._tree, self._profile, self._compared = tree, profile, compared
        self._result = Validation(tree.name, profile)
        self._metas: dict[str, Meta] = {}
        self._answered: dict[str, frozenset[str]] = {}

    def run(self) -> Validation:
        if isinstance(self._tree, FileTree):
            self._file(self._tree.members[0])
        else:
            self._whole()
        result, expected = self._result, self._compared.expected
        if result.looked_at and expected is not None:
            result.compared_with = expected.what
        if any(file.lower().endswith(".csv") for file in result.looked_at):
            compared = {"captions": expected and expected.queries, "names of clips": expected and expected.clips}
            result.not_compared = tuple(what for what, known in compared.items() if not known)
            result.is_rehearsal = expected is not None and expected.task is not None
        return result

    def _look(self, checks: Checks[Looked], subject: Looked, file: str = "") -> None:
        self._result.findings.look(checks, subject, file or self._tree.name)

    def _file(self, member: Member) -> None:
        self._look(SIZE_CHECKS, Sized(member, largest(self._profile, member)), member.name)
        if member.suffix == ".csv":
            self._output(member, member.base.partition(".")[0], None)
        elif member.suffix in (".yaml", ".yml"):
            self._meta(member, None)
        else:
            raise UserError(f"{self._tree.path} is no CSV, YAML, folder or zip; nothing else is handed in")

    def _whole(self) -> None:
        self._look(TREE_CHECKS, self._tree)
        if not self._tree.members:
            if not self._tree.damage:
                nothing = Finding("nothing in it", "outputs, meta files and the report", "fill it")
                self._result.findings.add(readable, nothing, self._tree.name)
            return
        for member in self._tree.members:
            self._look(MEMBER_CHECKS, member, member.name)
            self._look(SIZE_CHECKS, Sized(member, largest(self._profile, member)), member.name)
        package = understand(self._tree, self._profile)
        self._look(PACKAGE_CHECKS, package)
        for system in package.systems:
            self._look(SYSTEM_CHECKS, system, system.path)
            self._system(system)
        self._reports(package)
        self._look(TEAM_CHECKS, Team(self._metas, self._answered))

    def _system(self, system: SystemFolder) -> None:
        for member in system.metas:
            self._meta(member, system.label)
        if self._profile.kind == "other":
            return
        meta = only(system.metas, self._profile.named(self._profile.meta, system.label))
        for member in system.outputs:
            self._output(member, system.label, meta)

    def _reports(self, package: Package) -> None:
        for member in package.all_reports:
            with self._opened(member) as place:
                if place is not None:
                    self._look(REPORT_CHECKS, read_report(place), member.name)

    def _meta(self, member: Member, folder_label: str | None) -> None:
        with self._opened(member) as place:
            if place is None:
                return
            content = place.read_bytes()
        label = member.base.removesuffix(member.suffix).removesuffix(FIXED).removesuffix(".meta")
        meta = Meta(read_meta(content), self._profile, label, folder_label)
        self._metas[member.name] = meta
        self._result.looked_at.append(member.name)
        self._look(META_CHECKS, meta, member.name)
        self._look(AUTHOR_CHECKS, meta, member.name)
        if meta.document.complaint is not None:
            self._result.findings.promise_nothing(member.name)

    def _output(self, member: Member, label: str, meta: Member | None) -> None:
        with self._opened(member) as place:
            if place is None:
                return
            self._result.looked_at.append(member.name)
            start = read_start(place, self._profile)
            self._look(START_CHECKS, start, member.name)
            findings = self._result.findings
            if start.complaint or start.kind != self._profile.kind:
                if start.complaint or start.kind is not None:
                    findings.promise_nothing(member.name)
                return
            expected = self._compared.guess(place)
            look = self._ranked_list if start.kind == "ranked-list" else self._score_matrix
            self._captions(look(start, expected, member.name), member.name)
            if findings.counts[UNREADABLE.code, member.name, UNREADABLE.level]:
                findings.promise_nothing(member.name)
            if not any(level == "error" and file == member.name for _, file, level in +findings.counts):
                self._score(place, label, member.name, meta)

    def _ranked_list(self, start: OutputStart, expected: Expected | None, file: str) -> Captions:
        table = read_ranked_rows(start, expected)
        findings = self._result.findings
        findings.look(RANKED_CHECKS, table, file)
        # A name stands in many rows; one that is sound is looked at once.
        sound = set(expected.known_clips if expected else ())
        for row in table.rows:
            findings.look(RANKED_ROW_CHECKS, row, file, row.line)
            if sound.issuperset(row.names):
                continue
            for (column, name), mended in zip(row.cells, mended_names(row.names, expected), strict=True):
                looked = ClipName(name, expected, mended)
                if name not in sound and findings.look(RANKED_NAME_CHECKS, looked, file, row.line, column):
                    sound.add(name)
        return table.captions()

    def _score_matrix(self, start: OutputStart, expected: Expected | None, file: str) -> Captions:
        findings, end, names = self._result.findings, MatrixEnd(), start.header[1:]
        findings.look(COLUMNS_CHECKS, MatrixColumns(names, expected), file, start.line)
        for number, (name, mended) in enumerate(zip(names, mended_names(names, expected), strict=True), 2):
            looked = ClipName(name, expected, mended)
            findings.look(COLUMN_NAME_CHECKS, looked, file, start.line, f"column {number}")
        captions: list[tuple[int, str]] = []
        complete = True
        for row in matrix_rows(start, end):
            findings.look(ROW_CHECKS, row, file, row.line)
            captions.append((row.line, row.query))
            complete = complete and len(row.cells) == len(row.names)
        findings.look(END_CHECKS, end, file)
        complete = complete and end.complaint is None
        return Captions(start.header[0], self._profile, expected, captions, complete)

    def _captions(self, captions: Captions, file: str) -> None:
        self._result.findings.look(CAPTION_CHECKS, captions, file, column=captions.column)
        self._look(COUNT_CHECKS, captions, file)
        # Where the queries are known, each output is compared with these.
        if captions.expected is None and captions.complete:
            self._answered[file] = captions.answered

    @contextmanager
    def _opened(self, member: Member) -> Iterator[Path | None]:
        """A member to read; `None` where that is not safe, or where the member is damaged, which is then reported."""
        # The name of a file alone is the person's own; in a package it may lead anywhere.
        alone = isinstance(self._tree, FileTree)
        if member.size > largest(self._profile, member) or not (alone or is_safe(member)):
            yield None
            return
        with ExitStack() as stack:
            try:
                place: Path | None = stack.enter_context(self._tree.place(member))
            except DamagedError as error:
                damaged = Finding(str(error), "a file that unpacks", "make the zip again, and copy it whole")
                self._result.findings.add(readable, damaged, member.name)
                place = None
            yield place

    def _score(self, place: Path, label: str, file: str, meta: Member | None) -> None:
        from harness.predictions import rank_file

        task = self._compared.expected.task if self._compared.expected else None
        if task is None:
            return
        try:
            ranked = rank_file(place, task, self._profile.kind, self._profile.known_columns)
        except UserError as error:
            self._result.findings.add(SCORED, complaint_of(place, error), file)
            return
        values = {str(measure): float(measure(ranked.ranks).mean()) for measure in ranked.within}
        self._result.scores[label] = values
        known, below = self._metas.get(meta.name) if meta else None, ranked.below_chance(task)
        scored = Scored(task, ranked.format, values, known, meta.name if meta else "", below)
        self._look(SCORE_CHECKS, scored, file)
