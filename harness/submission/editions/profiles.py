"""What is to be handed in for an edition of the challenge, as data: a YAML file per edition here, or a person's own."""

import re
from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, ValidationError, field_validator, model_validator

from harness.errors import UserError, listing, meant
from harness.interface import is_card
from harness.machine import KnownFields, misfits, plain_name, read_yaml
from harness.predictions import IN_USE, RANK, Columns, columns_of, header_of

Kind = Literal["ranked-list", "score-matrix", "other"]


class LargestBytes(KnownFields):
    """How many bytes a file of each kind may have, unpacked."""

    output: PositiveInt
    meta: PositiveInt
    report: PositiveInt


class Results(KnownFields):
    """The results in the meta file: the section's name, other names in use for it, and the measures to fill in."""

    section: str
    spellings: tuple[str, ...] = ()
    measures: tuple[str, ...]


class Profile(KnownFields):
    """An edition of the challenge.

    Attributes:
        name: by which `--profile` knows it.
        title: its organisers' name for it.
        task: number of the task with the letter of the subtask, as in labels.
        protocol: by which the development-testing split is scored.
        kind: of the output file; `other` stands for any number of files per system, which are not checked.
        columns: of the output file: the query's, and in a ranked list the clips', with `{rank}` for 1, 2, ...
        variants: other columns in use, which are accepted on reading.
        depth: number of clips per query in a ranked list.
        rows: the number of rows of an output, by the data set it answers, where that is known.
        most_systems: the number of systems that one package may hold.
        label: regular expression of a system's label with the groups author, institute and index.
        package: file name of the zip.
        folder: the one top folder in it.
        output: name of a system's output file, in a folder called like the label.
        meta: name of a system's meta file, beside the output.
        report: name of the technical report in the top folder.
        reports: other names it may have, there or in a system's folder.
        largest_bytes: how large files may be.
        results: the results in the meta file.
        described_by: keys of `system.description` in the meta file, which may have others too.
    """

    name: str
    title: str = ""
    task: str
    protocol: str
    kind: Kind
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    variants: tuple[tuple[str, ...], ...] = ()
    depth: PositiveInt | None = None
    rows: dict[str, PositiveInt] = Field(default={})
    most_systems: PositiveInt = 4
    label: str
    package: str
    folder: str
    output: str
    meta: str
    report: str
    reports: tuple[str, ...] = ()
    largest_bytes: LargestBytes
    results: Results
    described_by: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "ranked-list" and (self.depth is None or RANK not in self.columns[-1]):
            raise ValueError("a ranked list has a depth, and a last column with {rank} in its name")
        try:
            groups = set(self.label_pattern.groupindex)
        except re.error as error:
            raise ValueError(f"label is no regular expression: {error}") from None
        if missing := {"author", "institute", "index"} - groups:
            raise ValueError(f"label lacks the group {', '.join(sorted(missing))}, as in (?P<index>[1-4])")
        return self

    @field_validator("package", "folder", "output", "meta", "report", "reports", "name")
    @classmethod
    def _are_names(cls, templates: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """Names of files and folders, in which only the parts of a label stand in braces."""
        for template in (templates,) if isinstance(templates, str) else templates:
            filled = re.sub(r"\{(label|author|institute|task)\}", "x", template)
            if {"{", "}"} & set(filled):
                raise ValueError(
                    f"{template!r:.80} has braces around something else than label, author, institute, task"
                )
            plain_name(filled)
        return templates

    @cached_property
    def label_pattern(self) -> re.Pattern[str]:
        """The regular expression of a label."""
        return re.compile(self.label.replace("{task}", re.escape(self.task)), re.ASCII)

    @cached_property
    def example_label(self) -> str:
        """A label of this edition, for messages."""
        return f"Lastname_INST_task{self.task}_1"

    def header(self, depth: int | None = None) -> list[str]:
        """The header of a ranked list."""
        return header_of(self.columns, depth or self.depth or 0)

    @property
    def known_columns(self) -> tuple[Columns, ...]:
        """All columns that a ranked list may have: those of this edition, and those in use in others."""
        return tuple(dict.fromkeys((self.columns, *self.variants, *IN_USE)))

    def variant_of(self, header: Sequence[str]) -> Columns | None:
        """Which columns of this edition a ranked list's header has, at any depth; `None` where it has others.

        Capital letters and outer blanks do not matter.

        >>> get_profile("dcase2024").variant_of(["caption", "file_name_1"])
        ('caption', 'file_name_{rank}')
        """
        cells = [cell.strip().casefold() for cell in header]
        usual = (self.columns, *self.variants)
        return next((one for one in usual if columns_of(cells, [tuple(map(str.casefold, one))])), None)

    def named(self, template: str, label: str) -> str:
        """The name of a file of the system with this label, or of all systems that share its author.

        >>> get_profile("dcase2022").named("{author}_{institute}_task{task}", "Primus_CP-JKU_task6b_2")
        'Primus_CP-JKU_task6b'
        """
        match = self.label_pattern.fullmatch(label)
        author, institute = (match["author"], match["institute"]) if match else ("Lastname", "INST")
        return template.format(label=label, author=author, institute=institute, task=self.task)

    @property
    def top_folder(self) -> str:
        """The one folder at the top of a package."""
        return self.folder.format(task=self.task)


def editions() -> dict[str, Path]:
    """The editions that come with lbar, each with its file."""
    folder = Path(str(files("harness.submission.editions")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def columns_in_use(profile: str | None = None) -> tuple[Columns, ...]:
    """The columns that ranked lists have in the editions that come with lbar, and in that of a profile."""
    profiles = [get_profile(name) for name in (*editions(), *([profile] if profile else []))]
    ranked = [one for one in profiles if one.kind == "ranked-list"]
    return tuple(dict.fromkeys(columns for one in ranked for columns in one.known_columns))


def get_profile(name: str) -> Profile:
    """The profile of an edition, or of a person's own file (`*.yaml`), which may build on another by `base:`.

    Raises:
        UserError: there is no such edition or file, or fields in it are wrong; all of them are listed.
    """
    try:
        return Profile.model_validate(_fields(name, ()))
    except ValidationError as error:
        raise listing(f"profile {name} does not fit", misfits(error)) from None


def _fields(name: str, above: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a profile, with those of the profiles it builds on."""
    known = editions()
    if not is_card(name) and name not in known:
        raise UserError(f"unknown profile {name!r}; {meant(name, known)}, or a file of your own ending in .yaml")
    path = Path(name) if is_card(name) else known[name]
    if str(path.resolve()) in above:
        raise UserError(f"profile {path} builds on itself; take its line `base:` out")
    try:
        fields = read_yaml(path)
    except (OSError, ValueError) as error:
        raise UserError(f"profile {path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(fields, dict):
        raise UserError(
            f"profile {path} is no list of fields; expected `base: dcase2024` and what differs from it, say"
        )
    base = fields.pop("base", None)
    if base is None:
        return fields
    if is_card(str(base)):
        base = path.parent / str(base)
    return _fields(str(base), (*above, str(path.resolve()))) | fields
