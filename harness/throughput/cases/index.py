"""The workload `index`: clips to embeddings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.runs import CaseRecord
from harness.throughput.cases.workload import Workload
from harness.throughput.instruments.observation import Case
from harness.throughput.subject import SYNTHETIC_SECONDS, Subject


@dataclass(frozen=True)
class Index(Workload):
    """Embed clips that are decoded already, through the harness and by the bare encoder."""

    name: str = "index"
    about: str = "decoded clips to embeddings"

    def groups(self, subject: Subject) -> Iterator[Sequence[Case]]:
        """Real clips read from the store; the same in memory through the encoder alone; and noise.

        They are measured in turn, so that the cost the harness adds to the encoder is measured under equal conditions.
        """
        real, noise = subject.waveforms(), subject.synthetic()
        dataset = subject.prepared.task.protocol.dataset
        count, seconds = len(subject.clips), subject.audio_seconds
        yield (
            Case(f"{self.name}, {dataset}", "clips", count, subject.embed_stored, seconds),
            Case(f"{self.name}, bare encoder", "clips", count, lambda: subject.embed_bare(real), seconds),
            Case(
                f"{self.name}, {SYNTHETIC_SECONDS:g} s of noise",
                "clips",
                count,
                lambda: subject.embed_bare(noise),
                SYNTHETIC_SECONDS * count,
            ),
        )

    def figures(self, cases: Sequence[CaseRecord]) -> dict[str, float | None]:
        """Those of the real clips, and by what share the harness takes longer than the bare encoder."""
        stored, bare = cases[:2]
        return {
            "clips_per_second": stored.per_second,
            "gflops_per_clip": sum(stored.flops.values()) / stored.items / 1e9 or None,
            "real_time_factor": stored.real_time_factor,
            "share_of_limit": stored.share_of_limit,
            "clips_per_joule": stored.items_per_joule,
            "overhead": stored.p50 / bare.p50 - 1,
        }
