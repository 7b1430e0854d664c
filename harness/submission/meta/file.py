"""A meta file with the edition it is for and the names it lies under."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError
from harness.interface import Finding
from harness.measures import parse_measure
from harness.submission.editions.profiles import Profile
from harness.submission.meta.document import Entry, Key, MetaDocument


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a meta file, whether it is there or not.

    Attributes:
        keys: the keys that lead to it, itself last.
        entry: what is there; `None` where there is nothing.
    """

    keys: Key
    entry: Entry | None

    @property
    def is_empty(self) -> bool:
        """Whether no value is given: the key is not there, or has `!!null` or no text."""
        return self.entry is None or self.entry.is_empty

    @property
    def line(self) -> int | None:
        """Its line, counted from 1; `None` where it is not there."""
        return self.entry.line if self.entry else None

    @property
    def value(self) -> Any:
        """The value; of mappings, lists and what is not there `None`."""
        return self.entry.value if self.entry else None

    @property
    def text(self) -> str:
        """The value as a text; empty where there is none."""
        return "" if self.value is None else str(self.value)

    @property
    def count(self) -> int | None:
        """The value where it is a whole number."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    def get(self, *keys: str | int) -> "Field":
        """The field below it that these keys lead to."""
        return Field((*self.keys, *keys), self.entry.get(*keys) if self.entry else None)

    def finding(self, found: str, expected: str, mend: str, file: str = "") -> Finding:
        """What is wrong with its value."""
        return Finding(found, expected, mend, file, self.line, joined(self.keys))

    def lacks(self, key: str, found: str, expected: str) -> Finding:
        """What is missing below it."""
        return Finding(found, expected, "add it", line=self.line, column=joined((*self.keys, key)))


@dataclass(frozen=True)
class Meta:
    """A meta file.

    Attributes:
        document: what was read.
        profile: the edition.
        file_label: the label in the file's name.
        folder_label: the label in its folder's name; `None` where the file was handed in alone.
    """

    document: MetaDocument
    profile: Profile
    file_label: str
    folder_label: str | None = None

    @property
    def complaint(self) -> Finding | None:
        """Why it cannot be read, or not in full."""
        return self.document.complaint

    def get(self, *keys: str | int) -> Field:
        """The field that these keys lead to."""
        return Field((), self.document.root).get(*keys)

    def has(self, section: str) -> bool:
        """Whether a section is there."""
        return self.get(section).entry is not None

    def fields(self) -> Iterator[Field]:
        """Every key that is there, at any depth; the whole file first."""
        root = self.document.root
        yield from (Field(keys, entry) for keys, entry in root.walk()) if root else ()

    @property
    def label(self) -> str:
        """The label it gives; empty where it gives none."""
        return self.get("submission", "label").text

    @property
    def authors(self) -> list[Field]:
        """The authors."""
        authors = self.get("submission", "authors")
        return [authors.get(place) for place in range(len((authors.entry and authors.entry.items) or ()))]

    @property
    def corresponding(self) -> list[Field]:
        """The authors that are marked as corresponding."""
        return [one for one in self.authors if one.get("corresponding").text.casefold() in ("true", "yes", "1")]

    def results(self) -> Iterator[tuple[str, Field]]:
        """Every value under `results` whose key is a measure's name, with that name."""
        section = self.get("results").entry
        for keys, entry in section.walk(("results",)) if section else ():
            if entry.fields is not None or entry.items is not None or len(keys) == 1:
                continue
            try:
                yield str(parse_measure(str(keys[-1]))), Field(keys, entry)
            except UserError:
                continue

    @property
    def has_results(self) -> bool:
        """Whether there is any number under `results`."""
        section = self.get("results").entry
        return any(entry.number is not None for _, entry in section.walk()) if section else False


def joined(keys: Key) -> str:
    """Keys as one path.

    >>> joined(("authors", 0, "email"))
    'authors[0].email'
    """
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
