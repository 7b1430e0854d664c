"""Checks of a meta file: that it can be read, is this system's, and can be true."""

from collections.abc import Iterator

from harness.interface import Finding
from harness.submission.findings import BY_FIX, Checks, complaint, counted, shown
from harness.submission.meta.file import Meta, joined
from harness.submission.meta.template import PLACEHOLDERS

_SECTIONS = ("submission", "system")
_SMALLEST_SYSTEM = 1000

META_CHECKS = Checks[Meta]()


@META_CHECKS("M001", "error", "The file has no tabs where YAML allows none.")
def _no_tabs(meta: Meta) -> Iterator[Finding]:
    lines = meta.document.tabs
    if lines:
        others = f" and {counted(len(lines) - 1, 'more line')}, {lines[1]} to {lines[-1]}" if len(lines) > 1 else ""
        mend = f"replace tabs by blanks; {BY_FIX}"
        yield Finding(f"a tab here{others}", "blanks; YAML takes no tab there", mend, line=lines[0])


@META_CHECKS("M002", "error", "`!!null` stands alone.")
def _nothing_after_null(meta: Meta) -> Iterator[Finding]:
    expected, mend = "`!!null` alone, or the text alone", "take `!!null` away, and put quotes around the text"
    for line, text in meta.document.after_null:
        yield Finding(f"{shown(text)} after !!null", expected, mend, line=line)


@META_CHECKS("M022", "error", "Within brackets, null has no tag.")
def _null_before_a_comma(meta: Meta) -> Iterator[Finding]:
    expected = "`null,` there: some readers take the comma for a part of the tag"
    mend = f"write null without the exclamation marks; {BY_FIX}"
    yield from (Finding("`!!null,` within brackets", expected, mend, line=line) for line in meta.document.glued)


META_CHECKS("M003", "error", "The file can be read as YAML.")(complaint)


@META_CHECKS("M004", "error", "The file has its sections.")
def _has_sections(meta: Meta) -> Iterator[Finding]:
    root = meta.document.root
    if root and root.fields is None:
        yield Finding("no list of keys", "the sections submission, system and results", "begin with `submission:`")
    elif root:
        for section in _SECTIONS:
            entry = root.get(section)
            if entry is None or entry.fields is None:
                found = f"{section} without keys below it" if entry else f"no section {section}"
                mend = "add it; `lbar submit --init` gives a template"
                yield Finding(found, f"`{section}:` with its keys below, indented", mend, column=section)


@META_CHECKS("M005", "warning", "Every key is there once.")
def _keys_once(meta: Meta) -> Iterator[Finding]:
    expected = "each key once; readers take the last"
    for field in meta.fields():
        for key, line in field.entry.twice if field.entry else ():
            column = joined((*field.keys, key))
            yield Finding(
                f"the key {shown(key)} a second time", expected, "leave one of them", line=line, column=column
            )


@META_CHECKS("M006", "error", "The label is formed as the challenge asks.")
def _label_fits(meta: Meta) -> Iterator[Finding]:
    label = meta.get("submission", "label")
    if meta.has("submission") and not meta.profile.label_pattern.fullmatch(label.text):
        found = "no label" if label.is_empty else f"the label {shown(label.text)}"
        expected = f"{meta.profile.example_label}: last name, institute, task and a number from 1 to 4"
        yield label.finding(found, expected, "write it like that; --profile names the edition")


@META_CHECKS("M007", "error", "The label is that of the file and its folder.")
def _label_is_the_files(meta: Meta) -> Iterator[Finding]:
    label = meta.get("submission", "label")
    for place, name in (("folder", meta.folder_label), ("file", meta.file_label)):
        if not label.is_empty and name is not None and name != label.text:
            found = f"the label {shown(label.text)} in a {place} called {shown(name)}"
            expected = "one label everywhere: in the file, in its name and in its folder's"
            yield label.finding(found, expected, f"write `label: {name}`, or rename the {place}")
            return


@META_CHECKS("M016", "error", "Nothing is left of the template.")
def _nothing_left_to_fill_in(meta: Meta) -> Iterator[Finding]:
    mend = "write it, or `!!null` where it does not apply"
    for field in meta.fields():
        if isinstance(field.value, str) and field.value.strip() in PLACEHOLDERS:
            found = f"{shown(field.value)}, as in the template"
            yield field.finding(found, "what is true of this submission", mend)


@META_CHECKS("M017", "error", "The number of parameters is a whole number.")
def _whole_number_of_parameters(meta: Meta) -> Iterator[Finding]:
    number = meta.get("system", "complexity", "total_parameters")
    if meta.has("system") and number.is_empty:
        expected = "`total_parameters: 1234567`, all parts and embedding networks included"
        yield number.finding("no number of parameters", expected, "add it under system.complexity")
    elif number.entry and (number.count is None or number.count < 0):
        mend = "write all digits, without M, k, dots or commas"
        yield number.finding(shown(number.entry.text), "a whole number, such as 1234567", mend)


@META_CHECKS("M018", "warning", "The number of parameters is plausible.")
def _plausible_number_of_parameters(meta: Meta) -> Iterator[Finding]:
    number = meta.get("system", "complexity", "total_parameters")
    if number.count and 0 < number.count < _SMALLEST_SYSTEM:
        expected = "their number, not thousands or millions of them"
        yield number.finding(f"{number.count:,} parameters", expected, "write all digits")


@META_CHECKS("M019", "warning", "The system is described.")
def _system_is_described(meta: Meta) -> Iterator[Finding]:
    description = meta.get("system", "description").entry
    if meta.has("system") and (description is None or description.fields is None):
        expected = "`description:` with " + ", ".join(meta.profile.described_by[:4]) + " and so on"
        mend = "add it; `lbar submit --init` gives a template"
        yield Finding("no description of the system", expected, mend, column="system.description")


@META_CHECKS("M020", "error", "Measures are numbers from 0 to 1.")
def _results_are_fractions(meta: Meta) -> Iterator[Finding]:
    for name, field in meta.results():
        entry = field.entry
        if entry is None or entry.is_empty or (entry.number is not None and 0 <= entry.number <= 1):
            continue
        per_cent = entry.number if entry.number is not None and 1 < entry.number <= 100 else None
        mend = "write the number, with a decimal point" if per_cent is None else f"write {per_cent / 100:g}"
        yield field.finding(f"{name} of {entry.text}", "a number from 0 to 1", mend)


@META_CHECKS("M021", "warning", "The file has results.")
def _results_are_there(meta: Meta) -> Iterator[Finding]:
    if meta.document.root is not None and not meta.has_results:
        expected = f"results.{meta.profile.results.section} with {', '.join(meta.profile.results.measures)}"
        yield Finding(
            "no results", expected, "add them; they are not mandatory, and what papers compare", column="results"
        )
