"""A meta file with the edition it is for and the names it lies under."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.errors import UserError
from harness.measures import parse_measure
from harness.submission.editions.profiles import Profile
from harness.submission.meta.document import Entry, Key, MetaDocument


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
        """Every value under `results` that is called like a measure: name, keys, entry."""
        section = self.get("results")
        for keys, entry in section.walk() if section else ():
            if entry.fields is not None or entry.items is not None or not keys:
                continue
            try:
                yield str(parse_measure(str(keys[-1]))), keys, entry
            except UserError:
                continue

    @property
    def has_results(self) -> bool:
        """Whether there is any number under `results`."""
        section = self.get("results")
        return any(entry.number is not None for _, entry in section.walk()) if section else False


def joined(keys: Key) -> str:
    """Keys as one path.

    >>> joined(("authors", 0, "email"))
    'authors[0].email'
    """
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
