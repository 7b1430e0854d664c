"""What a workload is: one way in which people use a retrieval system."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.runs import CaseRecord
from harness.throughput.instruments.observation import Case
from harness.throughput.subject import Subject


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Cases that cannot be measured on this machine, and the reason in one sentence."""

    reason: str


@dataclass(frozen=True)
class Workload(ABC):
    """One way to use a system: the cases that are measured for it.

    Attributes:
        name: as it is called by `lbar bench --workload` and in the record.
        about: what goes in and what comes out.
    """

    name: str
    about: str

    @abstractmethod
    def groups(self, subject: Subject) -> Iterator[Sequence[Case] | LeftOut]:
        """The cases, in groups that are measured in turn, so that they are comparable with each other.

        A group is built only when it is its turn, since it may take much memory.
        """

    def figures(self, cases: Sequence[CaseRecord]) -> dict[str, float | None]:  # noqa: ARG002
        """The fields of `Figures` that this workload contributes, computed from its cases, at least one."""
        return {}
