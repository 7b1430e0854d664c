"""The files a card needs beside itself: where they lie, and what to do about those that are missing."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from harness.errors import UserError


class CardFile(BaseModel):
    """A file or a folder that a system cannot do without, and how to come by it.

    A folder counts as there whatever is in it: weights come in several layouts, and who reads them knows all of them.

    Attributes:
        path: relative to the card's folder or, where it is not there, to the weights folder.
        urls: where it may be downloaded: one address, or those of its parts, which are joined in this order.
        contents: of a folder, the files to download into it: name and address.
        md5: of the whole, where its publisher or we know it.
        page: where a person gets it who cannot download it from a plain address.
        origin: what else there is to say of how to get it.
        licence: of the file, as far as it is known.
        training_only: needed to train the system, not to run it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    urls: tuple[str, ...] = ()
    contents: dict[str, str] = {}
    md5: str | None = None
    page: str = ""
    origin: str = ""
    licence: str = ""
    training_only: bool = False

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.urls and self.contents:
            raise ValueError("a file has `urls`, a folder has `contents`; not both")
        return self

    @property
    def may_be_fetched(self) -> bool:
        """Whether `lbar systems fetch` can get it."""
        return bool(self.urls or self.contents)

    def part_names(self) -> list[str]:
        """The file names of its parts as published; one name where it comes whole."""
        return [PurePosixPath(url).name for url in self.urls]


def weights_root() -> Path:
    """The folder of downloaded and trained weights: `LBAR_WEIGHTS`, else `weights` in the working directory."""
    return Path(os.environ.get("LBAR_WEIGHTS") or "weights").expanduser()


def place_of(file: CardFile, folder: Path) -> Path | None:
    """Where the file lies; `None` where it is missing.

    Args:
        file: what is looked for.
        folder: the card's.
    """
    return next((place for root in (folder, weights_root()) if (place := root / file.path).exists()), None)


def required_file(files: Mapping[str, CardFile], key: str, folder: Path, system: str) -> Path:
    """Where one of a card's files lies.

    Args:
        files: the card's.
        key: which of them.
        folder: the card's.
        system: the card's name, for the message.

    Raises:
        UserError: the card names no such file, or it is missing; the line says which, where it may be got and where
            it is to go.
    """
    if key not in files:
        raise UserError(f"card {system!r} does not say where its {key} is; expected a line `{key}:` under `files:`")
    file = files[key]
    place = place_of(file, folder)
    if place is None:
        raise UserError(f"{system} needs {missing_line(file, system)}")
    return place


def missing_line(file: CardFile, system: str) -> str:
    """What is missing, from where it may be got, and where it is to go, in half a sentence."""
    target = weights_root() / file.path
    if file.may_be_fetched:
        first = file.urls[0] if file.urls else next(iter(file.contents.values()))
        more = len(file.urls or file.contents) - 1
        others = f" and {more} more" if more else ""
        return f"{target}, which is not there; get it by `lbar systems fetch {system}` (from {first}{others})"
    sources = " or ".join(filter(None, (file.page, file.origin)))
    return f"{target}, which is not there; get it from {sources or 'its publisher'} and put it there"
