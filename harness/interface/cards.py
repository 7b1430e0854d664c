"""Cards: YAML files that say what a system is, each on its own or built on others."""

from collections.abc import Mapping
from os.path import relpath
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from harness.errors import UserError, listing
from harness.interface.card_files import CardFile
from harness.interface.names import is_card, target_of
from harness.interface.system import SystemInfo


class Published(BaseModel):
    """Figures somebody printed for a system.

    Attributes:
        source: where they are printed.
        protocol: name of the protocol they were taken by.
        measures: by name, in per cent as printed.
        note: what else to know of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    protocol: str
    measures: Annotated[dict[str, float], Field(min_length=1)]
    note: str = ""


class Card(BaseModel):
    """What every card may say; a kind of system adds fields of its own.

    Attributes:
        factory: `package.module:function` that builds the system from the card.
        trainer: `package.module:function` that trains it, where something does.
        name: how tables call it.
        about: one line on what it is.
        parameters: how many it has; what builds it counts them, a test holds the two together.
        pretrained_on: names of the data sets its parts were trained on before.
        trained_on: names of the data sets the whole was trained on.
        licence: of its weights.
        source: where it comes from.
        files: what it needs beside the card.
        members: the systems it is made of, by registered name or card's path, each needing its own files.
        published: figures others printed for it.
        described: what the challenge's meta file says of it under `system.description`, by that file's keys, where
            nothing else in the card says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    factory: str
    trainer: str | None = None
    name: str
    about: str = ""
    parameters: int | None = None
    pretrained_on: tuple[str, ...] = ()
    trained_on: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""
    files: dict[str, CardFile] = {}
    members: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    described: dict[str, JsonValue] = {}

    @property
    def heard(self) -> tuple[str, ...]:
        """All data sets that had a part in its weights."""
        return tuple(dict.fromkeys(self.pretrained_on + self.trained_on))

    def info(self, *, sample_rate: int, parameters: int, digest: str | None) -> SystemInfo:
        """What a system built from this card says of itself; the card says the rest."""
        return SystemInfo(
            name=self.name,
            sample_rate=sample_rate,
            parameters=parameters,
            trained_on=self.heard,
            licence=self.licence,
            source=self.source,
            digest=digest,
            card=self.model_dump(mode="json"),
        )


SomeCard = TypeVar("SomeCard", bound=Card)


def parse_card(kind: type[SomeCard], card: Mapping[str, object]) -> SomeCard:
    """Check what a card says.

    Raises:
        UserError: a field is missing, unknown or of the wrong kind; all of them are listed.
    """
    try:
        return kind.model_validate(card)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc'])) or 'card'}: {problem['msg']}" for problem in error.errors()]
        raise listing(f"card {card.get('name', '?')!r} does not fit", problems) from None


def common_part(card: Mapping[str, object]) -> Card:
    """What a card of any kind says in the fields that all kinds share.

    Raises:
        UserError: one of these fields is missing or of the wrong kind.
    """
    return parse_card(Card, {field: card[field] for field in Card.model_fields if field in card})


def read_card(name: str) -> tuple[dict[str, object], Path]:
    """Read a card by its registered name or its path, together with the cards it builds on.

    A card's line `base:` names others, by path from its own folder or by registered name: it says all they say but
    what was published of them, later ones and itself going first where they differ, mappings field by field, a file
    under `files:` that has a path of its own as a whole. `{name}` in a text stands for its name.

    Returns:
        What the card says, paths being from its own folder, and that folder.

    Raises:
        UserError: there is no such card, it cannot be read, or cards build on each other in a circle.
    """
    path = _path_of(name)
    card = _composed(path, path.parent, ())
    if not isinstance(card.get("factory"), str):
        raise UserError(f"card {path} has no line `factory: package.module:function` that says what builds the system")
    try:
        return {key: _named(value, str(card.get("name", path.stem))) for key, value in card.items()}, path.parent
    except RecursionError:
        raise UserError(f"card {path} holds itself: an anchor (&) is used within what it names") from None


def _path_of(name: str) -> Path:
    target = target_of(name)
    if not is_card(target):
        raise UserError(f"{name!r} is a system without a card; expected one with a card, or a card's path (*.yaml)")
    return Path(target)


def _composed(path: Path, folder: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """A card on top of the cards it builds on, its paths being from a folder."""
    if path.resolve() in above:
        circle = " → ".join(card.name for card in (*above[above.index(path.resolve()) :], path))
        raise UserError(f"cards build on each other in a circle: {circle}; take one `base:` out")
    own = _seen_from(folder, _loaded(path), path.parent)
    bases = own.pop("base", [])
    if isinstance(bases, str):
        bases = [bases]
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise UserError(f"card {path}: `base:` is {bases!r}; expected a card's path or name, or a list of them")
    composed: dict[str, Any] = {}
    for base in bases:
        below = path.parent / base if is_card(base) else _path_of(base)
        composed = _merged(composed, _composed(below, folder, (*above, path.resolve())))
    composed.pop("published", None)
    return _merged(composed, own)


def _loaded(path: Path) -> dict[str, Any]:
    import yaml

    try:
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no card {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"card {path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(card, dict):
        raise UserError(f"card {path} is no list of fields: it has no line `factory: package.module:function`, say")
    return card


def _seen_from(folder: Path, card: dict[str, Any], own: Path) -> dict[str, Any]:
    """What a card in its own folder says, with its paths made to be from another folder.

    A file that does not lie beside the card is looked for in the weights folder, whoever names it: its path stays.
    """
    if own == folder:
        return card
    seen = dict(card)
    files, members, training = card.get("files"), card.get("members"), card.get("training")
    if isinstance(files, dict):
        seen["files"] = {key: _file_seen_from(folder, file, own) for key, file in files.items()}
    if isinstance(members, list):
        seen["members"] = [_other_seen_from(folder, member, own) for member in members]
    if isinstance(training, dict):
        seen["training"] = {
            key: _other_seen_from(folder, value, own)
            if key == "start"
            else [_other_seen_from(folder, teacher, own) for teacher in value]
            if key == "teachers" and isinstance(value, list)
            else value
            for key, value in training.items()
        }
    return seen


def _file_seen_from(folder: Path, file: object, own: Path) -> object:
    if not isinstance(file, dict):
        return file
    seen = dict(file)
    if isinstance(file.get("path"), str) and (own / file["path"]).exists():
        seen["path"] = relpath(own / file["path"], folder)
    if isinstance(file.get("bundled"), str):
        seen["bundled"] = relpath(own / file["bundled"], folder)
    return seen


def _other_seen_from(folder: Path, other: object, own: Path) -> object:
    """Another system, named by a card: a path is made to be from the folder."""
    return relpath(own / other, folder) if isinstance(other, str) and is_card(other) else other


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        # An address goes with its path: another file is had from somewhere else.
        merged[key] = _merged(merged[key], value) if both and "path" not in value else value
    return merged


def _named(value: object, name: str) -> object:
    """The value with every `{name}` filled in."""
    if isinstance(value, str):
        return value.replace("{name}", name)
    if isinstance(value, dict):
        return {key: _named(entry, name) for key, entry in value.items()}
    if isinstance(value, list):
        return [_named(entry, name) for entry in value]
    return value
