"""The files a card needs beside itself: where they lie, and how to get those that are missing."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from harness.errors import UserError, listing
from harness.interface.names import is_card, registered
from harness.machine import KnownFields, PlainName, plain_name

Url = Annotated[str, Field(pattern="^https?://")]


class CardFile(KnownFields):
    """A file or a folder that a system needs, and how to get it.

    Attributes:
        path: relative to the card's folder or, where it is not there, to the weights folder.
        bundled: path, relative to the card's folder, of a copy that comes with the card; used where `path` is missing.
        urls: addresses to download it from: one, or those of its parts, which are joined in this order.
        contents: for a folder, the files to download into it: name and address.
        instead: for a folder, files any one of which may be there in place of `contents`: the same in another layout.
        md5: checksum of the whole, where it is known.
        page: web page where a person gets it, if it cannot be downloaded from a plain address.
        origin: how else to get it, as a clause for a message.
        licence: of the file, as far as it is known.
        size: bytes of the whole, roughly; `None` where nobody knows.
        training_only: whether it is needed to train the system, but not to run it.
    """

    path: str
    bundled: str | None = None
    urls: tuple[Url, ...] = ()
    contents: dict[PlainName, Url] = Field(default={})
    instead: tuple[PlainName, ...] = ()
    md5: str | None = None
    page: str = ""
    origin: str = ""
    licence: str = ""
    size: PositiveInt | None = None
    training_only: bool = False

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.urls and self.contents:
            raise ValueError("a file has `urls`, a folder has `contents`; not both")
        if len(self.urls) > 1:
            # They lie under these names until they are joined.
            list(map(plain_name, self.part_names()))
        return self

    @property
    def may_be_fetched(self) -> bool:
        """Whether `lbar systems fetch` can get it."""
        return bool(self.urls or self.contents)

    @property
    def is_published(self) -> bool:
        """Whether somebody published it; else training makes it, or it is the user's own."""
        return self.may_be_fetched or bool(self.page) or self.training_only

    @property
    def how_to_get(self) -> str:
        """Where it comes from, as a clause for a message."""
        if self.may_be_fetched:
            first = self.urls[0] if self.urls else next(iter(self.contents.values()))
            more = len(self.urls or self.contents) - 1
            return f"from {first}{f' and {more} more' if more else ''}"
        if self.page:
            return f"by hand, from {self.page}{f' ({self.origin})' if self.origin else ''}"
        return self.origin or "get it from its publisher and put it there"

    def is_whole(self, place: Path) -> bool:
        """Whether it lies at this place with all its contents, or in another layout."""
        if not self.contents:
            # Neither a pipe nor a device, which would be waited for.
            return place.is_file() or place.is_dir()
        return all((place / name).is_file() for name in self.contents) or any(
            (place / name).is_file() for name in self.instead
        )

    def part_names(self) -> list[str]:
        """The file names of its parts as published; one name where it comes whole."""
        return [PurePosixPath(url).name for url in self.urls]


def weights_root() -> Path:
    """The folder of downloaded and trained weights: `LBAR_WEIGHTS`, else `weights` in the working directory."""
    return Path(os.path.expanduser(os.environ.get("LBAR_WEIGHTS") or "weights"))  # noqa: PTH111


def place_of(file: CardFile, folder: Path) -> Path | None:
    """Where the file lies, whole; `None` where it is missing.

    Args:
        file: the file.
        folder: the card's.

    Raises:
        UserError: a folder may not be read.
    """
    places = [folder / file.path, weights_root() / file.path, *([folder / file.bundled] if file.bundled else [])]
    try:
        return next((place for place in places if file.is_whole(place)), None)
    except OSError as error:
        raise UserError(f"{file.path:.100} cannot be looked for: {error.strerror} ({error.filename!s:.200})") from error


def required_files(files: Mapping[str, CardFile], keys: Sequence[str], folder: Path, system: str) -> list[Path]:
    """Where some of a card's files lie.

    Args:
        files: the card's.
        keys: which of them.
        folder: the card's.
        system: the card's name, for the message.

    Raises:
        UserError: the card names no such file, or files are missing. Each missing file is listed, with where to get it
            and where to put it.
    """
    for key in keys:
        if key not in files:
            raise UserError(f"card {system!r} does not say where its {key} is; expected a line `{key}:` under `files:`")
    places = [place_of(files[key], folder) for key in keys]
    missing = [missing_line(files[key], system) for key, place in zip(keys, places, strict=True) if place is None]
    if missing:
        raise listing(f"{system} lacks what it needs", missing)
    return [place for place in places if place is not None]


def required_file(files: Mapping[str, CardFile], key: str, folder: Path, system: str) -> Path:
    """Where one of a card's files lies; see `required_files`."""
    return required_files(files, [key], folder, system)[0]


def missing_line(file: CardFile, system: str) -> str:
    """The line on a missing file: where to get it, and where to put it.

    Args:
        file: the missing file.
        system: the system that needs it: a registered name, or a card's path.
    """
    missing = f"{weights_root() / file.path} is not there"
    if file.may_be_fetched:
        known = system if is_card(system) or system in registered() else "CARD"
        return f"{missing}; get it by `lbar systems fetch {known}` ({file.how_to_get})"
    if file.page:
        return f"{missing}; get it from {file.page}{f' ({file.origin})' if file.origin else ''} and put it there"
    return f"{missing}; {file.how_to_get}"
