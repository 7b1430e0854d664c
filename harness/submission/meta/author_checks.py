"""Checks of a meta file's section `submission`: how the system is called, and who hands it in."""

import re
import unicodedata
from collections.abc import Iterator

from harness.submission.findings import Check, Problem, counted, shown
from harness.submission.meta.document import Entry
from harness.submission.meta.file import Meta

LONGEST_ABBREVIATION = 10
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_FIX = "`lbar validate --fix` writes a copy that has it right"


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


AUTHOR_CHECKS: tuple[Check[Meta], ...] = (
    Check("M008", "error", "The system has a name.", _has_name),
    Check("M009", "error", "The abbreviation is short.", _short_abbreviation),
    Check("M010", "error", "Every author can be named and written to.", _has_authors),
    Check("M011", "error", "One author is the corresponding one.", _one_corresponding_author),
    Check("M012", "warning", "An email is an address.", _emails_are_addresses),
    Check("M013", "error", "The institute stands under `institute`.", _institute_not_institution),
    Check("M014", "warning", "Affiliations are complete.", _affiliations_are_whole),
    Check("M015", "warning", "The label names the corresponding author.", _label_names_the_author),
)
