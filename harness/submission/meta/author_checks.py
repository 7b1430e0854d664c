"""Checks of a meta file's section `submission`: how the system is called, and who hands it in."""

import re
import unicodedata
from collections.abc import Iterator

from harness.interface import Finding
from harness.submission.findings import BY_FIX, Checks, counted, shown
from harness.submission.meta.file import Field, Meta

LONGEST_ABBREVIATION = 10
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")

AUTHOR_CHECKS = Checks[Meta]()


@AUTHOR_CHECKS("M008", "error", "The system has a name.")
def _has_name(meta: Meta) -> Iterator[Finding]:
    name = meta.get("submission", "name")
    if meta.has("submission") and name.is_empty:
        yield name.finding("no name", "a name for the tables of results", "add it")


@AUTHOR_CHECKS("M009", "error", "The abbreviation is short.")
def _short_abbreviation(meta: Meta) -> Iterator[Finding]:
    abbreviation = meta.get("submission", "abbreviation")
    length = len(abbreviation.text)
    if meta.has("submission") and abbreviation.is_empty:
        yield abbreviation.finding("no abbreviation", "at most 10 characters for narrow tables", "add it")
    elif meta.has("submission") and length > LONGEST_ABBREVIATION:
        found = f"{shown(abbreviation.value)}, {length} characters"
        yield abbreviation.finding(found, f"at most {LONGEST_ABBREVIATION}", "shorten it")


@AUTHOR_CHECKS("M010", "error", "Every author can be named and written to.")
def _has_authors(meta: Meta) -> Iterator[Finding]:
    if meta.has("submission") and not meta.authors:
        expected = "a list of authors, each with lastname, firstname, email and affiliation"
        mend = "add it; `lbar submit --init` gives a template"
        yield Finding("no authors", expected, mend, column="submission.authors")
    for number, author in enumerate(meta.authors, 1):
        missing = [key for key in ("lastname", "firstname", "email") if author.get(key).is_empty]
        yield from (author.lacks(key, f"author {number} without {key}", f"`{key}: ...`") for key in missing)


@AUTHOR_CHECKS("M011", "error", "One author is the corresponding one.")
def _one_corresponding_author(meta: Meta) -> Iterator[Finding]:
    marked = meta.corresponding
    if not meta.authors or len(marked) == 1:
        return
    found, line = "no corresponding author", None
    if marked:
        names = ", ".join(map(_name, marked))
        found, line = f"{counted(len(marked), 'corresponding author')}: {names}", marked[-1].line
    mend = "mark the one that is written to, and leave the line out for the others"
    yield Finding(found, "exactly one author with `corresponding: true`", mend, line=line, column="submission.authors")


@AUTHOR_CHECKS("M012", "warning", "An email is an address.")
def _emails_are_addresses(meta: Meta) -> Iterator[Finding]:
    for author in meta.authors:
        email = author.get("email")
        if not email.is_empty and not _EMAIL.fullmatch(str(email.value)):
            yield email.finding(shown(email.value), "name@institute.org", "write the whole address")


@AUTHOR_CHECKS("M013", "error", "The institute stands under `institute`.")
def _institute_not_institution(meta: Meta) -> Iterator[Finding]:
    for affiliation in _affiliations(meta):
        institution = affiliation.get("institution")
        if institution.entry:
            both = affiliation.get("institute").entry is not None
            mend = "leave one of the two keys" if both else f"rename the key; {BY_FIX}"
            yield institution.finding("the key institution", "institute", mend)


@AUTHOR_CHECKS("M014", "warning", "Affiliations are complete.")
def _affiliations_are_whole(meta: Meta) -> Iterator[Finding]:
    for affiliation in _affiliations(meta):
        for key in ("abbreviation", "institute", "location"):
            misnamed = key == "institute" and affiliation.get("institution").entry
            if affiliation.get(key).is_empty and not misnamed:
                yield affiliation.lacks(key, f"no {key}", f"`{key}: ...`")
    expected = "abbreviation, institute and location of the author's institute"
    for author in meta.authors:
        if not author.get("affiliation").entry:
            yield author.lacks("affiliation", "no affiliation", expected)


@AUTHOR_CHECKS("M015", "warning", "The label names the corresponding author.")
def _label_names_the_author(meta: Meta) -> Iterator[Finding]:
    match = meta.profile.label_pattern.fullmatch(meta.label)
    if match is None or len(meta.corresponding) != 1:
        return
    last = meta.corresponding[0].get("lastname")
    if not last.is_empty and _letters(str(last.value)) != _letters(match["author"]):
        found = f"the label of {match['author']}, while {_name(meta.corresponding[0])} is the corresponding author"
        mend = "change the label, or mark the other author"
        yield last.finding(found, "the corresponding author's last name in the label", mend)


def _affiliations(meta: Meta) -> Iterator[Field]:
    """Every affiliation; an author may have a list of them."""
    for author in meta.authors:
        affiliation = author.get("affiliation")
        if affiliation.entry and affiliation.entry.items:
            several = (affiliation.get(place) for place in range(len(affiliation.entry.items)))
            yield from (one for one in several if one.entry and one.entry.fields)
        elif affiliation.entry and affiliation.entry.fields is not None:
            yield affiliation


def _name(author: Field) -> str:
    parts = (author.get("firstname"), author.get("lastname"))
    return " ".join(str(part.value) for part in parts if not part.is_empty) or "somebody without a name"


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha())
