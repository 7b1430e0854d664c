"""What MLflow's own tables show of a record: its tags, parameters and metrics, an entry for each value."""

import getpass
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harness.runs.any_record import Record
from harness.runs.records import EvaluationRecord
from harness.runs.speed_record import SpeedRecord
from harness.runs.tracking.client import cut

R = TypeVar("R", bound=Record)

_FIELDS = {"": "value", ".low": "low", ".high": "high", ".optimistic": "optimistic"}


@dataclass(frozen=True)
class Mirrored(Generic[R]):
    """What is mirrored of one kind of record. To mirror one more value, add an entry to `tags`, `params` or `metrics`.

    The functions take the record. A mapping that one returns becomes dotted names (`settings.device`), and its entries
    stand by themselves where the entry's own name is empty; what is `None` or empty is left out.

    Attributes:
        experiment: name of the MLflow experiment.
        shown: the metrics that the page of the experiment shows as columns, the most important one first.
        id_tag: the tag that holds the record's id. Each kind has its own, so that no run is taken for another kind.
        complete_tag: the tag that a run gets last: all of the folder is there.
        seconds: how long the work took that ended when the record was made.
        tags: by name of the tag.
        params: by name of the parameter, or of the first part of it.
        metrics: by name of the metric, or of the first part of it.
    """

    experiment: Callable[[R], str]
    shown: Callable[[R], Sequence[str]]
    id_tag: str
    complete_tag: str
    seconds: Callable[[R], float]
    tags: Mapping[str, Callable[[R], str | None]]
    params: Mapping[str, Callable[[R], object]]
    metrics: Mapping[str, Callable[[R], object]]

    def all_tags(self, record: R) -> dict[str, str]:
        """The tags of a run, its record's id among them."""
        values = ((name, value(record)) for name, value in self.tags.items())
        return {self.id_tag: record.id} | {name: cut(value) for name, value in values if value is not None}

    def all_params(self, record: R) -> dict[str, str]:
        """The parameters of a run, each no longer than MLflow allows."""
        values = dotted("", {name: value(record) for name, value in self.params.items()})
        return {name: cut(str(value)) for name, value in values}

    def all_metrics(self, record: R) -> dict[str, float]:
        """The metrics of a run, under names that MLflow allows."""
        values = dotted("", {name: value(record) for name, value in self.metrics.items()})
        return {allowed(name): value for name, value in values}


def allowed(name: str) -> str:
    """The name as MLflow allows it for a metric or a tag.

    >>> allowed("mAP@10")
    'mAP_at_10'
    """
    return re.sub(r"[^\w. -]", "", name.replace("@", "_at_"))


def dotted(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Nested fields as dotted names, what is unknown or empty left out.

    >>> list(dotted("", {"a": {"b": 1, "c": None}, "d": ["x", "y"]}))
    [('a.b', 1), ('d', 'x, y')]
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from dotted(f"{name}.{key}".strip("."), inner)
    elif isinstance(value, list):
        yield from dotted(name, ", ".join(map(str, value)))
    elif value not in (None, ""):
        yield name, value


def _measures(record: EvaluationRecord) -> dict[str, float]:
    return {
        f"{measure.name}{ending}": getattr(measure, field)
        for measure in record.measures
        for ending, field in _FIELDS.items()
    }


def _cases(record: SpeedRecord) -> dict[str, object]:
    cases = [case for workload in record.workloads for case in workload.cases]
    return {case.name: case.model_dump(include={"p50", "p95", "share_of_limit"}) for case in cases}


def _evaluation_in_words(record: EvaluationRecord) -> str:
    measures = ", ".join(map(str, record.measures))
    worse = f" {record.below_chance}." if record.below_chance else ""
    rules, data = record.protocol, record.dataset
    return (
        f"{record.system.name} on {rules.name} ({rules.direction}, {data.queries:,} queries, {data.clips:,} clips): "
        f"{measures}, with 95 % intervals over clips.{worse}{_apart(record.reasons)}"
    )


def _speed_in_words(record: SpeedRecord) -> str:
    known = {name.replace("_", " "): value for name, value in record.figures.model_dump().items() if value is not None}
    figures = ", ".join(f"{name} {value:.4g}" for name, value in known.items())
    return f"Speed of {record.system.name}: {figures or 'nothing measured'}.{_apart(record.reasons)}"


def _apart(reasons: Sequence[str]) -> str:
    return f" Not comparable: {'; '.join(reasons)}." if reasons else ""


def _user(_: object) -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None  # Of some containers' users the system knows no name.


_ORIGIN: dict[str, Callable[[Any], str | None]] = {
    "mlflow.source.name": lambda record: record.command,
    "mlflow.source.type": lambda _: "LOCAL",
    "mlflow.source.git.commit": lambda record: getattr(record.environment.git, "commit", None),
    "mlflow.user": _user,
}
"""Who did it, with what: MLflow's pages show these in columns of their own."""

EVALUATION = Mirrored[EvaluationRecord](
    experiment=lambda record: record.protocol.name,
    shown=lambda record: [measure.name for measure in record.measures],
    id_tag="lbar.record_id",
    complete_tag="lbar.complete",
    seconds=lambda record: record.seconds.total,
    tags={
        "lbar.schema_version": lambda record: str(record.schema_version),
        "lbar.protocol_digest": lambda record: record.protocol.digest,
        "lbar.dataset_digest": lambda record: record.dataset.digest,
        "lbar.comparable": lambda record: str(record.comparable).lower(),
        "lbar.reasons": lambda record: "; ".join(record.reasons) or None,
        "lbar.system": lambda record: record.system.name,
        "mlflow.note.content": _evaluation_in_words,
        **_ORIGIN,
    },
    params={
        "system": lambda record: record.system.model_dump(mode="json", exclude={"card"}),
        "card": lambda record: record.system.card,
        "settings": lambda record: record.settings.model_dump(mode="json"),
        "environment": lambda record: record.environment.model_dump(mode="json"),
    },
    metrics={
        "": _measures,
        "tied_fraction": lambda record: record.tied_fraction,
        "seconds": lambda record: record.seconds.model_dump(),
    },
)

SPEED = Mirrored[SpeedRecord](
    experiment=lambda record: record.kind,
    shown=lambda record: list(record.figures.model_dump()),
    id_tag="lbar.speed_id",
    complete_tag="lbar.speed_complete",
    seconds=lambda _: 0,
    tags={
        "lbar.schema_version": lambda record: str(record.schema_version),
        "lbar.comparable": lambda record: str(record.comparable).lower(),
        "lbar.reasons": lambda record: "; ".join(record.reasons) or None,
        "lbar.system": lambda record: record.system.name,
        "mlflow.note.content": _speed_in_words,
        **_ORIGIN,
    },
    params={
        "system": lambda record: record.system.model_dump(include={"name", "digest"}),
        "settings": lambda record: record.settings.model_dump(exclude={"effort"}),
        "environment.cpu": lambda record: record.environment.cpu,
        "environment.accelerator": lambda record: (
            record.environment.accelerator and record.environment.accelerator.name
        ),
        "command": lambda record: record.command,
    },
    metrics={"": lambda record: record.figures.model_dump() | _cases(record), "stage": lambda record: record.stages},
)

MIRRORED: dict[str, Mirrored[Any]] = {"evaluation": EVALUATION, "speed": SPEED}
"""By the field `kind` of the record."""
