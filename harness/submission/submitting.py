"""From runs to the zip that a challenge takes."""

import filecmp
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.machine import copy, read_bounded, temporary_folder, write_text
from harness.predictions import rank_file
from harness.submission.editions.profiles import Profile
from harness.submission.meta.document import read_meta
from harness.submission.meta.filling import filled, known, overridden, unknown_parts, written
from harness.submission.output.expected import Expected
from harness.submission.package.packing import pack
from harness.submission.submitted_runs import SubmittedSystem, expected_of, read_runs, write_output
from harness.submission.validation import Validation, validate


@dataclass(frozen=True)
class Submission:
    """A package.

    Attributes:
        path: the zip; `None` where the validator found errors, so that none was written.
        labels: of the systems.
        validation: what the validator found.
    """

    path: Path | None
    labels: tuple[str, ...]
    validation: Validation


def submit(
    runs: Sequence[Path],
    profile: Profile,
    meta: Path,
    report: Path,
    out: Path,
    data_root: Path,
    say: Callable[[str], None] = print,
    *,
    replace: bool = False,
) -> Submission:
    """Write a package and validate it.

    Args:
        runs: run folders, of up to as many systems as the edition allows; see `read_runs`.
        profile: the edition.
        meta: the person's meta file.
        report: the technical report.
        out: folder for the zip.
        data_root: folder with the data sets.
        say: receives a line on what the person should know.
        replace: whether the zip may take the place of another one of the same name.

    Raises:
        UserError: a run, the meta file or the report cannot be used, another package of the same name is there, or the
            zip cannot be written.
    """
    if profile.kind == "other":
        raise UserError(f"profile {profile.name} does not say what an output is; only those of LBAR can be written")
    systems = read_runs(runs, profile)
    person = _person(meta)
    labels = _labels(person, profile, len(systems), meta)
    if not report.is_file():
        raise UserError(f"there is no report {report}; name the PDF with --report")
    writer = _Writer(profile, person, expected_of(systems[0], data_root), say)
    for note in _notes(systems, profile):
        say(note)
    target = out / profile.named(profile.package, labels[0])
    with temporary_folder() as folder:
        files = {profile.named(profile.report, labels[0]): report}
        for system, label in zip(systems, labels, strict=True):
            files |= writer.files(system, label, folder)
        packed = folder / "package.zip"
        pack(packed, {f"{profile.top_folder}/{name}": path for name, path in files.items()})
        validation = validate(packed, profile, writer.expected, name=target.name)
        if validation.is_valid and (replace or not _is_another(target, packed)):
            copy(packed, target)
        elif validation.is_valid:
            raise UserError(
                f"{target} is there already, is another package and stays as it is; move it away, name another folder "
                "with --out, or say --replace"
            )
    return Submission(target if validation.is_valid else None, tuple(labels), validation)


def _is_another(target: Path, packed: Path) -> bool:
    """Whether there is something else in a package's place; the same runs make the same bytes."""
    return target.exists() and not (target.is_file() and filecmp.cmp(target, packed, shallow=False))


@dataclass(frozen=True)
class _Writer:
    """Writes the files of each system of a package.

    Attributes:
        profile: the edition.
        person: the content of the person's meta file.
        expected: the queries and clips that all outputs answer.
        say: receives a line on what the person should know.
    """

    profile: Profile
    person: Mapping[str, Any]
    expected: Expected
    say: Callable[[str], None]

    def files(self, system: SubmittedSystem, label: str, folder: Path) -> dict[str, Path]:
        """Write a system's output and meta file into a folder; returns them by their paths below the top folder."""
        output, meta = folder / f"{label}.csv", folder / f"{label}.yaml"
        write_output(system, self.profile, output)
        write_text(meta, self._meta(system, label, output))
        named = ((self.profile.output, output), (self.profile.meta, meta))
        return {f"{label}/{self.profile.named(template, label)}": path for template, path in named}

    def _meta(self, system: SubmittedSystem, label: str, output: Path) -> str:
        results = system.results
        if self.expected.task is not None:
            # A ranked list has to break ties, and may score better than the run, which counts them against the system.
            ranked = rank_file(output, self.expected.task, self.profile.kind, self.profile.known_columns)
            results = {str(measure): float(measure(ranked.ranks).mean()) for measure in ranked.within}
        own = overridden(self.person, system.system.name)
        document = filled(own, known(self.profile, system.system, results))
        document["submission"]["label"] = label
        if unknown := unknown_parts(document, own):
            parts = ", ".join(unknown)
            self.say(f"{label}: not known, so left !!null: {parts}; what applies you can write into the meta file")
        return written(document)


def _notes(systems: Sequence[SubmittedSystem], profile: Profile) -> Iterator[str]:
    """What the person should know about the runs they hand in."""
    for system in systems:
        if system.evaluation is None:
            continue
        record = system.evaluation[1]
        name, protocol = record.system.name, record.protocol.name
        if system.prediction is None:
            yield (
                f"a rehearsal: the output of {name} answers {protocol}; challenges take that on their hidden set, from "
                "`lbar eval SYSTEM --audio DIR --queries FILE`"
            )
        if protocol != profile.protocol:
            yield f"the results of {name} are those on {protocol}; {profile.name} asks for {profile.protocol}"
        for reason in record.reasons:
            yield f"the results of {name} are not comparable: {reason}"


def _person(path: Path) -> dict[str, Any]:
    """The content of the person's meta file."""
    try:
        document = read_meta(read_bounded(path))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror or error}; `lbar submit --init` writes one to fill in"
        ) from error
    if document.complaint is not None:
        where = f"line {document.complaint.line}: " if document.complaint.line else ""
        raise UserError(f"{path}: {where}{document.complaint.found}; {document.complaint.mend}")
    content = document.root.plain() if document.root else None
    if not isinstance(content, dict) or not isinstance(content.get("submission"), dict):
        raise UserError(f"{path} has no section `submission:`; `lbar submit --init` writes a file to fill in")
    return content


def _labels(person: Mapping[str, Any], profile: Profile, count: int, path: Path) -> list[str]:
    """A label for each system, numbered from the person's label on."""
    label = str(person["submission"].get("label") or "")
    match = profile.label_pattern.fullmatch(label)
    if match is None or label == profile.example_label:
        raise UserError(
            f"{path}: the label is {label!r}; expected your own in the form of {profile.example_label}, with the "
            "corresponding author's last name and the institute's abbreviation"
        )
    start, stem = int(match["index"]), label[: match.start("index")]
    labels = [f"{stem}{start + number}" for number in range(count)]
    if profile.label_pattern.fullmatch(labels[-1]) is None:
        raise UserError(f"{path}: {count} systems from {label} on would end at {labels[-1]}; begin with a lower number")
    return labels
