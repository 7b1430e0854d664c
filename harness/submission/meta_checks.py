"""Checks of a meta file: that it can be read, who hands in what, and that what it says of the system can be true."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from harness.errors import UserError
from harness.measures import parse_measure
from harness.submission.findings import Check, Problem, counted, shown
from harness.submission.meta_document import Entry, Key, MetaDocument
from harness.submission.meta_template import PLACEHOLDERS
from harness.submission.profiles import Profile

LONGEST_ABBREVIATION = 10
_SECTIONS = ("submission", "system", "results")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_FIX = "`lbar validate --fix` writes a copy that has it right"
_SMALLEST_SYSTEM = 1000


@dataclass(frozen=True)
class Meta:
    """A meta file.

    Attributes:
        document: what was read.
        profile: the edition.
        file_label: the label that the file's name says.
        folder_label: the label that its folder's name says; `None` where the file was handed in alone.
    """

    document: MetaDocument
    profile: Profile
    file_label: str
    folder_label: str | None = None

    def get(self, *keys: str | int) -> Entry | None:
        """What is under these keys."""
        return self.document.root.get(*keys) if self.document.root else None

    @property
    def label(self) -> str:
        """The label it says; empty where it says none."""
        entry = self.get("submission", "label")
        return str(entry.value) if entry and entry.value is not None else ""

    @property
    def authors(self) -> tuple[Entry, ...]:
        """The authors' entries."""
        entry = self.get("submission", "authors")
        return entry.items or () if entry else ()

    @property
    def corresponding(self) -> list[tuple[int, Entry]]:
        """The authors that are marked, with their places in the list."""
        return [
            (place, author)
            for place, author in enumerate(self.authors)
            if (mark := author.get("corresponding")) and str(mark.value).casefold() in ("true", "yes", "1")
        ]

    def results(self) -> Iterator[tuple[str, Key, Entry]]:
        """Every number under `results` that is called like a measure: name, keys, entry."""
        for keys, entry in self.numbers():
            try:
                yield str(parse_measure(str(keys[-1]))), keys, entry
            except UserError:
                continue

    def numbers(self) -> Iterator[tuple[Key, Entry]]:
        """Every number under `results`, with its keys."""
        entry = self.get("results")
        for keys, found in entry.walk() if entry else ():
            if keys and isinstance(found.value, int | float) and not isinstance(found.value, bool):
                yield keys, found


def _no_tabs(meta: Meta) -> Iterator[Problem]:
    lines = meta.document.tabs
    if lines:
        others = f" and {counted(len(lines) - 1, 'more line')}, {lines[1]} to {lines[-1]}" if len(lines) > 1 else ""
        yield Problem(
            f"a tab here{others}", "blanks; YAML takes no tab there", f"replace tabs by blanks; {_FIX}", line=lines[0]
        )


def _nothing_after_null(meta: Meta) -> Iterator[Problem]:
    for line, text in meta.document.after_null:
        yield Problem(
            f"{shown(text)} after !!null",
            "`!!null` alone, or the text alone",
            "take `!!null` away, and put quotes around the text",
            line=line,
        )


def _parses(meta: Meta) -> Iterator[Problem]:
    if meta.document.complaint:
        yield meta.document.complaint


def _has_sections(meta: Meta) -> Iterator[Problem]:
    root = meta.document.root
    if root is None:
        return
    if root.fields is None:
        yield Problem("no list of keys", "the sections submission, system and results", "begin with `submission:`")
        return
    for section in _SECTIONS[:2]:
        entry = root.get(section)
        if entry is None or entry.fields is None:
            yield Problem(
                f"no section {section}" if entry is None else f"{section} without keys below it",
                f"`{section}:` with its keys below, indented",
                "add it; `lbar submit --init` gives a template",
                column=section,
            )


def _keys_once(meta: Meta) -> Iterator[Problem]:
    root = meta.document.root
    for keys, entry in root.walk() if root else ():
        for key, line in entry.twice:
            yield Problem(
                f"the key {shown(key)} a second time",
                "each key once; readers take the last",
                "leave one of them",
                line=line,
                column=_path((*keys, key)),
            )


def _label_fits(meta: Meta) -> Iterator[Problem]:
    entry = meta.get("submission", "label")
    if meta.document.root is None or meta.document.root.get("submission") is None:
        return
    if entry is None or not meta.profile.label_pattern.fullmatch(meta.label):
        yield Problem(
            "no label" if entry is None or entry.is_empty else f"the label {shown(meta.label)}",
            f"{meta.profile.example_label}: last name, institute, task and a number from 1 to 4",
            "write it like that; --profile names the edition",
            line=entry.line if entry else None,
            column="submission.label",
        )


def _label_is_the_files(meta: Meta) -> Iterator[Problem]:
    entry = meta.get("submission", "label")
    if entry is None or entry.is_empty:
        return
    places = {"folder": meta.folder_label, "file": meta.file_label}
    for place, label in places.items():
        if label is not None and label != meta.label:
            yield Problem(
                f"the label {shown(meta.label)} in a {place} called {shown(label)}",
                "one label everywhere: in the file, in its name and in its folder's",
                f"write `label: {label}`, or rename the {place}",
                line=entry.line,
                column="submission.label",
            )
            return


def _has_name(meta: Meta) -> Iterator[Problem]:
    if meta.get("submission") is not None:
        yield from _missing(meta, ("submission", "name"), "a name for the tables of results")


def _short_abbreviation(meta: Meta) -> Iterator[Problem]:
    if meta.get("submission") is None:
        return
    entry = meta.get("submission", "abbreviation")
    if entry is None or entry.is_empty:
        yield from _missing(meta, ("submission", "abbreviation"), "at most 10 characters for narrow tables")
    elif len(str(entry.value)) > LONGEST_ABBREVIATION:
        yield Problem(
            f"{shown(entry.value)}, {len(str(entry.value))} characters",
            f"at most {LONGEST_ABBREVIATION}",
            "shorten it",
            line=entry.line,
            column="submission.abbreviation",
        )


def _has_authors(meta: Meta) -> Iterator[Problem]:
    if meta.get("submission") is None:
        return
    if not meta.authors:
        yield Problem(
            "no authors",
            "a list of authors, each with lastname, firstname, email and affiliation",
            "add it; `lbar submit --init` gives a template",
            column="submission.authors",
        )
    for place, author in enumerate(meta.authors):
        for key in ("lastname", "firstname", "email"):
            entry = author.get(key)
            if entry is None or entry.is_empty:
                yield Problem(
                    f"author {place + 1} without {key}",
                    f"`{key}: ...`",
                    "add it",
                    line=author.line,
                    column=f"submission.authors[{place}].{key}",
                )


def _one_corresponding_author(meta: Meta) -> Iterator[Problem]:
    marked = meta.corresponding
    if meta.authors and len(marked) != 1:
        names = ", ".join(_name(author) for _, author in marked)
        yield Problem(
            f"{counted(len(marked), 'corresponding author')}: {names}" if marked else "no corresponding author",
            "exactly one author with `corresponding: true`",
            "mark the one that is written to, and leave the line out for the others",
            line=marked[-1][1].line if marked else None,
            column="submission.authors",
        )


def _emails_are_addresses(meta: Meta) -> Iterator[Problem]:
    for place, author in enumerate(meta.authors):
        entry = author.get("email")
        if entry and not entry.is_empty and not _EMAIL.fullmatch(str(entry.value)):
            yield Problem(
                f"{shown(entry.value)}",
                "name@institute.org",
                "write the whole address",
                line=entry.line,
                column=f"submission.authors[{place}].email",
            )


def _institute_not_institution(meta: Meta) -> Iterator[Problem]:
    for place, affiliation in _affiliations(meta):
        entry = affiliation.get("institution")
        if entry is not None:
            yield Problem(
                "the key institution",
                "institute",
                f"rename the key; {_FIX}",
                line=entry.line,
                column=f"{place}.institution",
            )


def _affiliations_are_whole(meta: Meta) -> Iterator[Problem]:
    for where, affiliation in _affiliations(meta):
        for key in ("abbreviation", "institute", "location"):
            entry = affiliation.get(key)
            if (entry is None or entry.is_empty) and not (key == "institute" and affiliation.get("institution")):
                yield Problem(f"no {key}", f"`{key}: ...`", "add it", line=affiliation.line, column=f"{where}.{key}")
    for place, author in enumerate(meta.authors):
        if author.get("affiliation") is None:
            yield Problem(
                "no affiliation",
                "abbreviation, institute and location of the author's institute",
                "add it",
                line=author.line,
                column=f"submission.authors[{place}].affiliation",
            )


def _label_names_the_author(meta: Meta) -> Iterator[Problem]:
    match = meta.profile.label_pattern.fullmatch(meta.label)
    if match is None or len(meta.corresponding) != 1:
        return
    (place, author) = meta.corresponding[0]
    last = author.get("lastname")
    if last and not last.is_empty and _letters(str(last.value)) != _letters(match["author"]):
        yield Problem(
            f"the label of {match['author']}, while {_name(author)} is the corresponding author",
            "the corresponding author's last name in the label",
            "change the label, or mark the other author",
            line=last.line,
            column=f"submission.authors[{place}].lastname",
        )


def _nothing_left_to_fill_in(meta: Meta) -> Iterator[Problem]:
    root = meta.document.root
    for keys, entry in root.walk() if root else ():
        if isinstance(entry.value, str) and entry.value.strip() in PLACEHOLDERS:
            yield Problem(
                f"{shown(entry.value)}, as in the template",
                "what is true of this submission",
                "write it, or `!!null` where it does not apply",
                line=entry.line,
                column=_path(keys),
            )


def _whole_number_of_parameters(meta: Meta) -> Iterator[Problem]:
    if meta.get("system") is None:
        return
    entry = meta.get("system", "complexity", "total_parameters")
    if entry is None or entry.is_empty:
        yield Problem(
            "no number of parameters",
            "`total_parameters: 1234567`, all parts and embedding networks included",
            "add it under system.complexity",
            line=entry.line if entry else None,
            column="system.complexity.total_parameters",
        )
    elif not isinstance(entry.value, int) or isinstance(entry.value, bool) or entry.value < 0:
        yield Problem(
            f"{shown(entry.text)}",
            "a whole number, such as 1234567",
            "write all digits, without M, k, dots or commas",
            line=entry.line,
            column="system.complexity.total_parameters",
        )


def _plausible_number_of_parameters(meta: Meta) -> Iterator[Problem]:
    entry = meta.get("system", "complexity", "total_parameters")
    value = entry.value if entry else None
    if entry and isinstance(value, int) and not isinstance(value, bool) and 0 < value < _SMALLEST_SYSTEM:
        yield Problem(
            f"{value:,} parameters",
            "their number, not thousands or millions of them",
            "write all digits",
            line=entry.line,
            column="system.complexity.total_parameters",
        )


def _system_is_described(meta: Meta) -> Iterator[Problem]:
    description = meta.get("system", "description")
    if meta.get("system") is None:
        return
    if description is None or description.fields is None:
        yield Problem(
            "no description of the system",
            "`description:` with " + ", ".join(meta.profile.described_by[:4]) + " and so on",
            "add it; `lbar submit --init` gives a template",
            column="system.description",
        )


def _results_are_fractions(meta: Meta) -> Iterator[Problem]:
    for name, keys, entry in meta.results():
        if not 0 <= entry.value <= 1:
            yield Problem(
                f"{name} of {entry.text}",
                "a number from 0 to 1",
                f"write {entry.value / 100:g}" if 1 < entry.value <= 100 else "look where the number comes from",
                line=entry.line,
                column=_path(("results", *keys)),
            )


def _results_are_there(meta: Meta) -> Iterator[Problem]:
    if meta.document.root is not None and not any(True for _ in meta.numbers()):
        yield Problem(
            "no results",
            f"results.{meta.profile.results.section} with {', '.join(meta.profile.results.measures)}",
            "add them; they are not mandatory, and what papers compare",
            column="results",
        )


def _missing(meta: Meta, keys: tuple[str, ...], what: str) -> Iterator[Problem]:
    entry = meta.get(*keys)
    if entry is None or entry.is_empty:
        yield Problem(f"no {keys[-1]}", what, "add it", line=entry.line if entry else None, column=".".join(keys))


def _affiliations(meta: Meta) -> Iterator[tuple[str, Entry]]:
    """Every affiliation; an author may have a list of them."""
    for place, author in enumerate(meta.authors):
        entry = author.get("affiliation")
        where = f"submission.authors[{place}].affiliation"
        if entry and entry.fields is not None:
            yield where, entry
        elif entry and entry.items:
            yield from ((f"{where}[{number}]", item) for number, item in enumerate(entry.items) if item.fields)


def _name(author: Entry) -> str:
    parts = (author.get("firstname"), author.get("lastname"))
    return " ".join(str(part.value) for part in parts if part and not part.is_empty) or "somebody without a name"


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha())


def _path(keys: Key) -> str:
    """Keys as one path.

    >>> _path(("authors", 0, "email"))
    'authors[0].email'
    """
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


META_CHECKS: tuple[Check[Meta], ...] = (
    Check("M001", "error", "The file has no tabs where YAML allows none.", _no_tabs),
    Check("M002", "error", "`!!null` stands alone.", _nothing_after_null),
    Check("M003", "error", "The file can be read as YAML.", _parses),
    Check("M004", "error", "The file has its sections.", _has_sections),
    Check("M005", "warning", "Every key is there once.", _keys_once),
    Check("M006", "error", "The label is formed as the challenge asks.", _label_fits),
    Check("M007", "error", "The label is that of the file and its folder.", _label_is_the_files),
    Check("M008", "error", "The system has a name.", _has_name),
    Check("M009", "error", "The abbreviation is short.", _short_abbreviation),
    Check("M010", "error", "Every author can be named and written to.", _has_authors),
    Check("M011", "error", "One author is the corresponding one.", _one_corresponding_author),
    Check("M012", "warning", "An email is an address.", _emails_are_addresses),
    Check("M013", "error", "The institute stands under `institute`.", _institute_not_institution),
    Check("M014", "warning", "Affiliations are complete.", _affiliations_are_whole),
    Check("M015", "warning", "The label names the corresponding author.", _label_names_the_author),
    Check("M016", "error", "Nothing is left of the template.", _nothing_left_to_fill_in),
    Check("M017", "error", "The number of parameters is a whole number.", _whole_number_of_parameters),
    Check("M018", "warning", "The number of parameters is plausible.", _plausible_number_of_parameters),
    Check("M019", "warning", "The system is described.", _system_is_described),
    Check("M020", "error", "Measures are fractions, not per cent.", _results_are_fractions),
    Check("M021", "warning", "The file has results.", _results_are_there),
)
