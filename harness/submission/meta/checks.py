"""Checks of a meta file: that it can be read, is this system's, and can be true."""

from collections.abc import Iterator

from harness.submission.findings import Check, Problem, counted, shown
from harness.submission.meta.author_checks import AUTHOR_CHECKS
from harness.submission.meta.file import Meta, joined
from harness.submission.meta.template import PLACEHOLDERS

_SECTIONS = ("submission", "system")
_FIX = "`lbar validate --fix` writes a copy that has it right"
_SMALLEST_SYSTEM = 1000


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


def _null_before_a_comma(meta: Meta) -> Iterator[Problem]:
    for line in meta.document.glued:
        yield Problem(
            "`!!null,` within brackets",
            "`null,` there: some readers take the comma for a part of the tag",
            f"write null without the exclamation marks; {_FIX}",
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
    for section in _SECTIONS:
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
                column=joined((*keys, key)),
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


def _nothing_left_to_fill_in(meta: Meta) -> Iterator[Problem]:
    root = meta.document.root
    for keys, entry in root.walk() if root else ():
        if isinstance(entry.value, str) and entry.value.strip() in PLACEHOLDERS:
            yield Problem(
                f"{shown(entry.value)}, as in the template",
                "what is true of this submission",
                "write it, or `!!null` where it does not apply",
                line=entry.line,
                column=joined(keys),
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
        value = entry.number
        if entry.is_empty or (value is not None and 0 <= value <= 1):
            continue
        is_per_cent = value is not None and 1 < value <= 100
        yield Problem(
            f"{name} of {entry.text}",
            "a number from 0 to 1",
            f"write {value / 100:g}" if value is not None and is_per_cent else "write the number, with a decimal point",
            line=entry.line,
            column=joined(("results", *keys)),
        )


def _results_are_there(meta: Meta) -> Iterator[Problem]:
    if meta.document.root is not None and not meta.has_results:
        yield Problem(
            "no results",
            f"results.{meta.profile.results.section} with {', '.join(meta.profile.results.measures)}",
            "add them; they are not mandatory, and what papers compare",
            column="results",
        )


META_CHECKS: tuple[Check[Meta], ...] = (
    Check("M001", "error", "The file has no tabs where YAML allows none.", _no_tabs),
    Check("M002", "error", "`!!null` stands alone.", _nothing_after_null),
    Check("M022", "error", "Within brackets, null has no tag.", _null_before_a_comma),
    Check("M003", "error", "The file can be read as YAML.", _parses),
    Check("M004", "error", "The file has its sections.", _has_sections),
    Check("M005", "warning", "Every key is there once.", _keys_once),
    Check("M006", "error", "The label is formed as the challenge asks.", _label_fits),
    Check("M007", "error", "The label is that of the file and its folder.", _label_is_the_files),
    Check("M016", "error", "Nothing is left of the template.", _nothing_left_to_fill_in),
    Check("M017", "error", "The number of parameters is a whole number.", _whole_number_of_parameters),
    Check("M018", "warning", "The number of parameters is plausible.", _plausible_number_of_parameters),
    Check("M019", "warning", "The system is described.", _system_is_described),
    Check("M020", "error", "Measures are numbers from 0 to 1.", _results_are_fractions),
    Check("M021", "warning", "The file has results.", _results_are_there),
    *AUTHOR_CHECKS,
)
