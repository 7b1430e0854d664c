"""Protocols from outside: YAML files, other distributions, and the records of runs made by them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from harness.datasets import (
    DatasetDescription,
    RetrievalDataset,
    add_dataset,
    described_dataset,
    load,
    named_dataset,
    read_description,
    read_mapping,
    selected_splits,
)
from harness.errors import UserError, listing, unknown
from harness.interface import Provided, is_card, provided
from harness.machine import KnownFields, PlainName, Progress, misfits, silent
from harness.protocols.named import PROTOCOLS, Direction, Protocol

GROUP = "lbar.protocols"
"""Entry point group by which other distributions provide protocols: `Protocol` objects or YAML files."""

_RELEVANCE = "say `own` where a caption asks for the clip it was written for, or `{file: relevance.csv}`"


class RelevanceDescription(KnownFields):
    """Which clips answer which caption, in a YAML file.

    Attributes:
        file: empty where a query asks for the clip it was written for. Else beside the captions of the data set:
            `query,audio_filenames` with several clips a row, or `query,file_name,relevance` with one clip a row and how
            relevant it is, from 0.
        relevant_from: the least relevance with which a clip counts as relevant to measures that know no grades; needed
            where the file has grades, and only there.
        among: whether a query's clips are ranked among all clips, or among those that the file judges for it.
    """

    file: str
    relevant_from: Annotated[float, Field(gt=0)] | None = None
    among: Literal["all", "judged"] = "all"

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "RelevanceDescription":
        if self.among == "judged" and self.relevant_from is None:
            raise ValueError("`among: judged` needs grades: say `relevant_from`, too")
        return self


class ProtocolDescription(KnownFields):
    """A protocol in a YAML file; `Protocol` says what the fields mean that are not explained here.

    Attributes:
        dataset: its name, the path of its YAML file from that of the protocol, or all that such a file says.
        queries: `captions`, or the file that has others: see `Protocol.queries`.
        relevance: which clips answer a query; in the file `own`, where that is the clip it was written for.
        measures: the first is the primary one.
    """

    name: PlainName
    dataset: str | DatasetDescription
    split: str
    direction: Direction = "text-to-audio"
    queries: str = "captions"
    relevance: RelevanceDescription
    measures: Annotated[tuple[str, ...], Field(min_length=1)]
    submission: Literal["ranked-list", "score-matrix", "none"] = "ranked-list"

    @model_validator(mode="before")
    @classmethod
    def _has_relevance(cls, given: object) -> object:
        if isinstance(given, Mapping) and given.get("relevance") is None:
            raise ValueError(f"it has no `relevance:`, and nothing can be scored without; {_RELEVANCE}")
        return given

    @field_validator("relevance", mode="before")
    @classmethod
    def _is_own_or_a_file(cls, given: object) -> object:
        if given == "own":
            return RelevanceDescription(file="")
        if not isinstance(given, Mapping | RelevanceDescription):
            raise ValueError(_RELEVANCE)
        return given

    @field_serializer("relevance", mode="wrap")
    def _as_written(self, given: RelevanceDescription, fields: SerializerFunctionWrapHandler) -> object:
        return fields(given) if given.file else "own"

    @field_validator("dataset", mode="before")
    @classmethod
    def _is_described(cls, given: object) -> object:
        return described_dataset(given, "dataset") if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "ProtocolDescription":
        if self.direction == "audio-to-text" and (self.relevance.relevant_from or self.queries != "captions"):
            raise ValueError(
                "in audio-to-text a clip asks for captions, without grades; say no queries or relevant_from"
            )
        return self

    @property
    def protocol(self) -> Protocol:
        """The same as an object, which can be made of it again from its `rules`."""
        ranks_clips = self.direction == "text-to-audio"
        return Protocol(
            name=self.name,
            dataset=self.dataset if isinstance(self.dataset, str) else self.dataset.name,
            split=self.split,
            direction=self.direction,
            measures=self.measures,
            annotations=self.relevance.file or None,
            submission=None if self.submission == "none" or not ranks_clips else self.submission,
            queries=None if self.queries == "captions" else self.queries,
            relevant_from=self.relevance.relevant_from,
            among=self.relevance.among,
            rules=self.model_dump(mode="json", exclude_defaults=True),
        )


def get_protocol(name: str) -> Protocol:
    """Look a protocol up by name, or read the YAML file of this path.

    Raises:
        UserError: no protocol has this name, two distributions provide one, or the file cannot be read.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    if is_card(name):
        return read_protocol(Path(name))
    others = _provided()
    found = others.get(name)
    if found is None:
        raise unknown("protocol", name, (*PROTOCOLS, *others.found))
    return found


def protocols() -> dict[str, Protocol]:
    """All protocols that can be asked for by name: lbar's own, then those of other distributions."""
    return PROTOCOLS | {name: found for name, found in _provided().found.items() if name not in PROTOCOLS}


def protocol_problems() -> tuple[UserError, ...]:
    """The errors of those that other distributions provide and that cannot be used."""
    return tuple(_provided().problems.values())


def read_protocol(path: Path) -> Protocol:
    """Read the YAML file of a protocol, and of its data set if it names one.

    Raises:
        UserError: a file cannot be read, or says something that does not fit; all of this is listed.
    """
    fields = dict(read_mapping(path, "a protocol"))
    if isinstance(file := fields.get("dataset"), str) and is_card(file):
        fields["dataset"] = read_description(path.parent / file)
    description = _described(fields, str(path))
    if description.name in PROTOCOLS:
        raise UserError(f"{path}: {description.name!r} is one of lbar's own protocols; give yours another `name:`")
    protocol = description.protocol
    try:
        selected_splits(_dataset_of(description), [protocol.split])
    except UserError as error:
        raise UserError(f"{path}: {error}", error.problems) from None
    return protocol


def recorded_protocol(name: str, rules: Mapping[str, Any] | None) -> Protocol | None:
    """The protocol that a record names: a known one, or one that is made of the rules in the record.

    `None` where it has no rules and nothing is known by its name, or where the rules do not fit this version.
    """
    if rules is None or name in PROTOCOLS:
        return PROTOCOLS.get(name) or _provided().found.get(name)
    try:
        return _described(rules, f"the record of {name}").protocol
    except UserError:
        return None


def rules_of(protocol: Protocol) -> dict[str, Any] | None:
    """What a record has to keep of a protocol so that `recorded_protocol` makes it again; `None` for lbar's own."""
    if protocol.rules is not None:
        return dict(protocol.rules)
    if PROTOCOLS.get(protocol.name) == protocol:
        return None
    file = {"file": protocol.annotations, "relevant_from": protocol.relevant_from, "among": protocol.among}
    fields = {
        "name": protocol.name,
        "dataset": protocol.dataset,
        "split": protocol.split,
        "direction": protocol.direction,
        "queries": protocol.queries or "captions",
        "relevance": file if protocol.annotations else "own",
        "measures": protocol.measures,
        "submission": protocol.submission or "none",
    }
    try:
        return _described(fields, protocol.name).model_dump(mode="json", exclude_defaults=True)
    except UserError:
        # An object may say what no file can.
        return None


def load_dataset(protocol: Protocol, data_root: Path, *, progress: Progress = silent) -> RetrievalDataset:
    """Load the split that a protocol asks, also where the protocol itself describes the data set.

    Raises:
        UserError: as `load`, or another data set has the name of the one that is described.
    """
    if protocol.rules and isinstance(described := protocol.rules["dataset"], Mapping):
        add_dataset(described_dataset(described, f"protocol {protocol.name}"))
    return load(protocol.dataset, protocol.split, data_root, progress=progress)


def _dataset_of(description: ProtocolDescription) -> str:
    given = description.dataset
    return named_dataset(given) if isinstance(given, str) else add_dataset(given)


def _described(fields: Mapping[str, Any], where: str) -> ProtocolDescription:
    try:
        return ProtocolDescription.model_validate(fields)
    except ValidationError as error:
        raise listing(f"{where} is no protocol", misfits(error)) from None


def _provided() -> Provided[Protocol]:
    read: Callable[[Path], Protocol] = read_protocol
    return provided(GROUP, Protocol, read)
