"""Cards: YAML files that say what a system is, each on its own or built on others."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import count
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, Field, JsonValue, ValidationError

from harness.errors import UserError, listing, nearest
from harness.interface.cards.files import CardFile
from harness.interface.cards.training_section import SYSTEM_FIELDS, TrainingSection
from harness.interface.names import is_card, target_of
from harness.machine import CHECKSUMS, KnownFields, PlainName, misfits, plain_name, read_yaml, require_undamaged

if TYPE_CHECKING:
    from harness.interface.system import SystemInfo

_log = logging.getLogger(__name__)

_MOST_CARDS = 100
"""Cards that one card may be built of, a base counted wherever it is named."""


class Published(KnownFields):
    """Figures published for a system.

    Attributes:
        source: the publication.
        protocol: name of the protocol they were measured by.
        measures: value by name of the measure, in per cent as printed.
        note: what else a reader has to know.
    """

    source: str
    protocol: str
    measures: Annotated[dict[str, float], Field(min_length=1)]
    note: str = ""


class Card(KnownFields):
    """What every card may say; a kind of system adds fields of its own.

    Attributes:
        factory: `package.module:function` that builds the system from the card.
        trainer: `package.module:function` that trains it; `None` where it cannot be trained.
        name: of the system, as tables show it.
        about: one line on what it is.
        parameters: number of parameters, for tables; a test compares it with the system that is built.
        pretrained_on: names of the data sets its parts were trained on before they became this system.
        trained_on: names of the data sets the system as a whole was trained on.
        trained_without: what its training, and those of the systems it stands on, left out for being broken, a line
            each; `lbar train --skip-broken` writes it.
        licence: of its weights.
        source: where it comes from: a paper, an address.
        files: the files it needs beside the card, by what they are to it (`weights`, `tokenizer`).
        members: the systems it is made of, by registered name or card's path, each needing its own files.
        published: figures published for it.
        described: what the challenge's meta file says of it under `system.description`, by that file's keys; only what
            no other field of the card says.
    """

    factory: str
    trainer: str | None = None
    name: PlainName
    about: str = ""
    parameters: int | None = None
    pretrained_on: tuple[str, ...] = ()
    trained_on: tuple[str, ...] = ()
    trained_without: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""
    files: dict[str, CardFile] = Field(default={})
    members: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    described: dict[str, JsonValue] = Field(default={})

    @property
    def all_training_data(self) -> tuple[str, ...]:
        """Names of all data sets it was trained on, pre-training included, each once."""
        return tuple(dict.fromkeys(self.pretrained_on + self.trained_on))

    def info(
        self, *, sample_rate: int, parameters: int, digest: str | None, uses: tuple[str, ...] = ()
    ) -> "SystemInfo":
        """The information on a system built from this card, of which the arguments are what the card does not say."""
        from harness.interface.system import SystemInfo

        return SystemInfo(
            name=self.name,
            sample_rate=sample_rate,
            parameters=parameters,
            trained_on=self.all_training_data,
            licence=self.licence,
            source=self.source,
            digest=digest,
            card=self.model_dump(mode="json"),
            uses=uses,
        )


SomeCard = TypeVar("SomeCard", bound=BaseModel)
SomeFactory = TypeVar("SomeFactory", bound=Callable[..., object])


def parse_card(kind: type[SomeCard], card: Mapping[str, object]) -> SomeCard:
    """Check the fields of a card of some kind.

    Raises:
        UserError: a field is missing, unknown or of the wrong kind; all of them are listed.
    """
    try:
        return kind.model_validate(card)
    except ValidationError as error:
        raise listing(f"card {card.get('name', '?')!r} does not fit", misfits(error)) from None


_KIND = "card_kind"


def takes_card(kind: type[BaseModel]) -> Callable[[SomeFactory], SomeFactory]:
    """Say which kind of card a factory takes: then the card's fields are checked before its files are looked for.

    >>> @takes_card(Card)
    ... def from_card(card, folder): ...
    >>> kind_of(from_card) is Card
    True
    """

    def said(factory: SomeFactory) -> SomeFactory:
        setattr(factory, _KIND, kind)
        return factory

    return said


def kind_of(factory: Callable[..., object]) -> type[BaseModel] | None:
    """The kind of card that a factory takes; `None` where it does not say (`takes_card`)."""
    return getattr(factory, _KIND, None)


def common_part(card: Mapping[str, object]) -> Card:
    """The fields of a card that all kinds of card share.

    Raises:
        UserError: one of these fields is missing or of the wrong kind.
    """
    return parse_card(Card, {field: card[field] for field in Card.model_fields if field in card})


def trained_without(card: Mapping[str, object] | None) -> tuple[str, ...]:
    """What a card says under `trained_without`; the card may be anybody's, as in a record, and say what it likes."""
    said = (card or {}).get("trained_without")
    return tuple(map(str, said)) if isinstance(said, list | tuple) else ()


class _TrainedCard(BaseModel):
    training: TrainingSection | None = None


def training_of(card: Mapping[str, object]) -> TrainingSection:
    """The section `training:` of a card of any kind; an empty one where it has none.

    Raises:
        UserError: the section is no list of fields, or one of those that all kinds share is of the wrong kind.
    """
    return parse_card(_TrainedCard, card).training or TrainingSection()


def recorded_training_of(card: Mapping[str, object] | None) -> TrainingSection | None:
    """The section `training:` of a card in a record, which may be anybody's: fields that do not fit are left out."""
    section = (card or {}).get("training")
    if not isinstance(section, Mapping):
        return None
    try:
        return TrainingSection.model_validate(section)
    except ValidationError as error:
        unfit = {problem["loc"][0] for problem in error.errors()}
        return TrainingSection.model_validate({key: value for key, value in section.items() if key not in unfit})


def read_card(name: str) -> tuple[dict[str, object], Path]:
    """Read a card by its registered name or its path, together with the cards it builds on.

    A card's line `base:` names other cards, by path from its own folder or by registered name. The card takes over all
    their fields but `published`. Where cards differ, a later base overrides an earlier one, and the card itself
    overrides them all. Mappings are merged field by field, but a file under `files:` that has a path replaces the
    base's file as a whole. `{name}` in a text stands for the card's name.

    Returns:
        The card's fields, in which paths go from its own folder, and that folder.

    Raises:
        UserError: there is no such card, it cannot be read, or cards build on each other in a circle.
    """
    path = _path_of(name)
    card = _composed(path, path.parent, (), count(1))
    if not isinstance(card.get("factory"), str):
        near = nearest("factory", card)
        hint = f"; rename its line `{near}:`" if near else ""
        raise UserError(
            f"card {path} has no line `factory: package.module:function` that says what builds the system{hint}"
        )
    name = card.get("name", path.stem)
    if not isinstance(name, str):
        raise UserError(f"card {path}: `name:` is {name!r:.80}; expected a text, in quotes if it is a number")
    try:
        # Folders and files are called by it.
        plain_name(name)
    except ValueError as error:
        raise UserError(f"card {path}: `name:` is {name!r:.80}: {error}") from None
    return {key: _named(value, name) for key, value in card.items()}, path.parent


def _path_of(name: str) -> Path:
    target = target_of(name)
    if not is_card(target):
        raise UserError(f"{name!r} is a system without a card; expected one with a card, or a card's path (*.yaml)")
    return Path(target)


def _composed(path: Path, folder: Path, above: tuple[Path, ...], read: Iterator[int]) -> dict[str, Any]:
    """The fields of a card and of the cards it builds on, paths made to go from a folder; `read` counts the cards."""
    if next(read) > _MOST_CARDS:
        raise UserError(f"card {path} and those that stand on it read more than {_MOST_CARDS} cards; take bases out")
    here = path.resolve()
    if here in above:
        circle = " → ".join(card.name for card in (*above[above.index(here) :], path))
        raise UserError(f"cards build on each other in a circle: {circle}; take one `base:` out")
    own = _seen_from(folder, _loaded(path), path.parent)
    bases = own.pop("base", [])
    if isinstance(bases, str):
        bases = [bases]
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise UserError(f"card {path}: `base:` is {bases!r}; expected a card's path or name, or a list of them")
    composed: dict[str, Any] = {}
    for base in bases:
        try:
            below = path.parent / base if is_card(base) else _path_of(base)
        except UserError as error:
            raise UserError(f"card {path}: `base:` {error}") from None
        composed = _merged(composed, _composed(below, folder, (*above, here), read))
    composed.pop("published", None)
    return _merged(composed, own)


def _loaded(path: Path) -> dict[str, Any]:
    try:
        require_undamaged(path, "")
    except UserError:
        _warn_of_change(path.resolve())
    try:
        card = read_yaml(path)
    except FileNotFoundError:
        raise UserError(f"there is no card {path}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"card {path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(card, dict):
        raise UserError(f"card {path} is no list of fields such as `factory: package.module:function`")
    return card


@cache
def _warn_of_change(path: Path) -> None:
    """Say it once for each card, however often it is read."""
    _log.warning(
        "card %s was edited, or damaged, since training wrote it; what it says now counts (take its line out of %s "
        "beside it, and this is not said again)",
        path,
        CHECKSUMS,
    )


def _seen_from(folder: Path, card: dict[str, Any], own: Path) -> dict[str, Any]:
    """The fields of a card in its own folder, with its paths made to go from another folder.

    A file that does not lie beside the card is looked for in the weights folder, whichever card names it: its path
    stays.
    """
    if own == folder:
        return card
    seen = dict(card)
    files, training = card.get("files"), card.get("training")
    if isinstance(files, dict):
        seen["files"] = {key: _file_seen_from(folder, file, own) for key, file in files.items()}
    if "members" in card:
        seen["members"] = _systems_seen_from(folder, card["members"], own)
    if isinstance(training, dict):
        seen["training"] = {
            key: _systems_seen_from(folder, value, own) if key in SYSTEM_FIELDS else value
            for key, value in training.items()
        }
    return seen


def _file_seen_from(folder: Path, file: object, own: Path) -> object:
    if not isinstance(file, dict):
        return file
    seen = dict(file)
    # Unlike `Path.exists` this says no of what cannot be the name of a file.
    if isinstance(file.get("path"), str) and os.path.exists(own / file["path"]):  # noqa: PTH110
        seen["path"] = relpath(own / file["path"], folder)
    if isinstance(file.get("bundled"), str):
        seen["bundled"] = relpath(own / file["bundled"], folder)
    return seen


def _systems_seen_from(folder: Path, named: object, own: Path) -> object:
    """The system or the list of systems that a card names; what is neither is left for `parse_card` to refuse."""
    if isinstance(named, list):
        return [_systems_seen_from(folder, one, own) for one in named]
    return relpath(own / named, folder) if isinstance(named, str) and is_card(named) else named


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        # A file's address belongs to its path: another file is downloaded from another address.
        merged[key] = _merged(merged[key], value) if both and "path" not in value else value
    return merged


def _named(value: object, name: str) -> object:
    """The value with every `{name}` replaced by the name."""
    if isinstance(value, str):
        return value.replace("{name}", name)
    if isinstance(value, dict):
        return {key: _named(entry, name) for key, entry in value.items()}
    if isinstance(value, list):
        return [_named(entry, name) for entry in value]
    return value
