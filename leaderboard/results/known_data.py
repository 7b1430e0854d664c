"""What the queries of a protocol are, known without its data set: a result that answers others is found out."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from harness.machine import read_json
from harness.protocols import RetrievalTask
from leaderboard.runs import cluster_names, text_digest

KNOWN = Path(__file__).with_name("known_data.json")


class KnownData(BaseModel):
    """The data of a protocol.

    Attributes:
        digest: of the task, as in a record.
        queries: their number.
        clips: number of clips.
        relevant: number of pairs of a query and an item that answers it.
        names: SHA-256 of what stands for the texts and clips of all queries, in their order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str
    queries: int
    clips: int
    relevant: int
    names: str

    @property
    def has_one_each(self) -> bool:
        """Whether one item answers each query, so that its rank decides every measure."""
        return self.relevant == self.queries


def names_digest(texts: Sequence[str], clips: Sequence[str]) -> str:
    """SHA-256 of what stands for the texts and clips of queries."""
    lines = (f"{clip} {text}\n" for clip, text in zip(clips, texts, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def known_data_of(task: RetrievalTask) -> KnownData:
    """What is kept of a protocol's data."""
    return KnownData(
        digest=task.digest,
        queries=len(task.queries),
        clips=len(task.clips),
        relevant=len(task.relevance.items),
        names=names_digest([text_digest(text) for text in task.queries], cluster_names(task.sources)),
    )


@cache
def known_data() -> dict[str, KnownData]:
    """The data of protocols, by name; that of others is not known."""
    return TypeAdapter(dict[str, KnownData]).validate_python(read_json(KNOWN))
