"""A meta file, read with the line of every entry, and in spite of mistakes that leave no doubt what is meant.

Of 24 real meta files 20 held tabs, which no YAML reader takes, and one held text after `!!null`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.interface import Finding
from harness.submission.meta.mistakes import after_null, has_stray_tab, unglued, without_null, without_stray_tabs

Key = tuple[str | int, ...]

_MOST_ENTRIES = 20_000
_DEEPEST = 60
_MISFITS = (ValueError, LookupError, TypeError, OverflowError, AttributeError)
"""What PyYAML raises where a value does not fit its tag."""
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]{1,3}")


@dataclass(frozen=True, eq=False)
class Entry:
    """A value in a meta file and where it stands.

    Attributes:
        value: a scalar as Python's `str`, `int`, `float`, `bool` or `None`; `None` for mappings and lists.
        text: a scalar as it is written.
        line: of the file, counted from 1.
        fields: the entries of a mapping, by key; `None` for all others.
        items: the entries of a list; `None` for all others.
        twice: keys that a mapping has twice, each with the line of the later one.
    """

    value: Any
    text: str
    line: int
    fields: Mapping[str, "Entry"] | None = None
    items: tuple["Entry", ...] | None = None
    twice: tuple[tuple[str, int], ...] = ()

    @property
    def number(self) -> float | None:
        """The value as a number, also where YAML takes it for a text, as it does `2e-5`; `None` if it is no number."""
        if isinstance(self.value, bool) or not (isinstance(self.value, int | float) or _NUMBER.fullmatch(self.text)):
            return None
        try:
            return float(self.value)
        except (TypeError, ValueError, OverflowError):
            return None

    @property
    def is_empty(self) -> bool:
        """Whether it has no value: `!!null`, or no text."""
        return self.fields is None and self.items is None and (self.value is None or not str(self.value).strip())

    def get(self, *keys: str | int) -> "Entry | None":
        """The entry that these keys lead to; `None` where there is none."""
        entry: Entry | None = self
        for key in keys:
            if entry is None:
                return None
            if isinstance(key, int):
                entry = entry.items[key] if entry.items and key < len(entry.items) else None
            else:
                entry = entry.fields.get(key) if entry.fields else None
        return entry

    def walk(self, above: Key = ()) -> Iterator[tuple[Key, "Entry"]]:
        """Every entry with the keys that lead to it, itself first."""
        yield above, self
        for key, entry in (self.fields or {}).items():
            yield from entry.walk((*above, key))
        for position, entry in enumerate(self.items or ()):
            yield from entry.walk((*above, position))

    def plain(self) -> Any:
        """The same as dictionaries, lists and scalars."""
        if self.fields is not None:
            return {key: entry.plain() for key, entry in self.fields.items()}
        if self.items is not None:
            return [entry.plain() for entry in self.items]
        return self.value


@dataclass(frozen=True)
class MetaDocument:
    """A meta file.

    Attributes:
        root: all its entries; `None` where it could not be read.
        tabs: lines with a tab where YAML allows none; empty where the file can be read in spite of its tabs.
        after_null: line and text of what follows a `!!null`.
        glued: lines where, within brackets, a comma follows `!!null` directly: PyYAML takes it for a part of the tag.
        complaint: why it cannot be read, or not in full, even when the mistakes above are mended.
        mended: the text without these mistakes.
    """

    root: Entry | None
    tabs: tuple[int, ...] = ()
    after_null: tuple[tuple[int, str], ...] = ()
    glued: tuple[int, ...] = ()
    complaint: Finding | None = None
    mended: str = ""


@dataclass
class _Limits:
    entries: int = field(default=0)


def read_meta(content: bytes) -> MetaDocument:
    """Read a meta file; nothing is raised, whatever it holds."""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        found = f"the byte 0x{content[error.start]:02x}"
        return MetaDocument(None, complaint=Finding(found, "UTF-8", "save the file as UTF-8", line=line))
    before = text.split("\n")
    lines = [unglued(line) for line in before]
    glued = tuple(number for number, (old, new) in enumerate(zip(before, lines, strict=True), 1) if new != old)
    nulls = tuple((number, text) for number, line in enumerate(lines, 1) if (text := after_null(line)))
    root, complaint = _parsed(text)
    tabs: tuple[int, ...] = ()
    if complaint is not None:
        tabs = tuple(number for number, line in enumerate(lines, 1) if has_stray_tab(line))
        lines = [without_stray_tabs(line) for line in lines]
    for number, _ in nulls:
        lines[number - 1] = without_null(lines[number - 1])
    mended = "\n".join(lines)
    if mended != text:
        root, complaint = _parsed(mended)
    return MetaDocument(root, tabs, nulls, glued, complaint, mended)


def _parsed(text: str) -> tuple[Entry | None, Finding | None]:
    import yaml

    by_a_person = "a file as a person writes it"
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None, Finding("an empty file", "the sections submission, system and results", "fill in the template")
        return _entry(node, yaml.SafeLoader(""), _Limits(), ()), _unfit(node)
    except _TooMuchError as error:
        return None, Finding(str(error), by_a_person, "write the values out, without anchors (&, *)")
    except RecursionError:
        return None, Finding("lists within lists without end", by_a_person, "look for stray [ or {")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        found = f"no YAML here: {' '.join(filter(None, (error.context, error.problem)))}"
        mend = 'put "quotes" around a text that holds `: ` or begins with a sign, and indent alike'
        return None, Finding(found, "`key: value`, indented by blanks", mend, line=mark.line + 1 if mark else None)
    except (yaml.YAMLError, ValueError) as error:
        found = f"no YAML: {_first_words(str(error))}"
        return None, Finding(found, "`key: value`, indented by blanks", "look for odd letters")


def _unfit(node: Any) -> Finding | None:
    """Why a reader cannot make values of what can be parsed: a tag or a date that does not fit."""
    import yaml

    line: int | None = None
    try:
        yaml.SafeLoader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        reason = str(error.problem)
        line = error.problem_mark.line + 1 if error.problem_mark else None
    except AttributeError:
        # What PyYAML says of a date that is none speaks of its own inside.
        reason = "no date"
    except _MISFITS as error:
        reason = str(error)
    else:
        return None
    mend = 'put "quotes" around the text, and leave out tags (!!) but for `!!null`'
    found = f"a value that does not fit its type: {_first_words(reason)}"
    return Finding(found, "a plain text or number, or `!!null` alone", mend, line=line)


def _first_words(reason: str) -> str:
    return " ".join(reason.split())[:120]


class _TooMuchError(Exception):
    """The file is too large when its anchors are written out."""


def _entry(node: Any, constructor: Any, limits: _Limits, above: tuple[int, ...]) -> Entry:
    """The entry of a node of PyYAML's tree. An anchor is written out wherever it is used, within limits."""
    import yaml

    limits.entries += 1
    if limits.entries > _MOST_ENTRIES or len(above) > _DEEPEST or id(node) in above:
        raise _TooMuchError(
            "an anchor that holds itself"
            if id(node) in above
            else f"more than {_MOST_ENTRIES:,} entries, or {_DEEPEST} deep"
        )
    inside = (*above, id(node))
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        fields: dict[str, Entry] = {}
        twice = []
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            if key in fields:
                twice.append((key, key_node.start_mark.line + 1))
            fields[key] = _entry(value_node, constructor, limits, inside)
        return Entry(None, "", line, fields=fields, twice=tuple(twice))
    if isinstance(node, yaml.SequenceNode):
        return Entry(None, "", line, items=tuple(_entry(item, constructor, limits, inside) for item in node.value))
    return Entry(_value(node, constructor), node.value, line)


def _value(node: Any, constructor: Any) -> Any:
    """A scalar's value; its text where its tag does not fit it."""
    import yaml

    try:
        value = constructor.construct_object(node)
    except (yaml.YAMLError, *_MISFITS):
        return node.value
    return value if isinstance(value, str | int | float | bool | None) else node.value
