"""The system that is measured, and the clips and captions it is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.audio import Array, Clip
from harness.errors import UserError
from harness.evaluation import PreparedTask, clip_job, embed_in_batches, reader
from harness.interface import RetrievalSystem
from harness.machine import stage
from harness.runs import Ceilings, Effort

SYNTHETIC_SECONDS = 10.0
_SEED = 0


@dataclass(frozen=True, eq=False)
class Subject:
    """Everything a workload needs.

    Attributes:
        system: what is measured.
        prepared: the real clips and captions, decoded at the system's rate.
        clips: those of them that one iteration embeds.
        device: where it runs, in torch's words.
        batch_size: clips at once.
        ceilings: of the device.
        effort: how long to measure.
    """

    system: RetrievalSystem
    prepared: PreparedTask
    clips: tuple[Clip, ...]
    device: str
    batch_size: int
    ceilings: Ceilings
    effort: Effort

    @property
    def rate(self) -> int:
        """Hz."""
        return self.system.info.sample_rate

    @property
    def width(self) -> int:
        """How many numbers the system gives a caption; it is asked for one."""
        return int(self.system.embed_text([self.prepared.task.captions[0]]).shape[1])

    @property
    def audio_seconds(self) -> float:
        """Length of the clips of one iteration."""
        return sum(map(self.prepared.store.length, self.clips)) / self.rate

    def embed_stored(self, batch_size: int | None = None) -> Array:
        """Embed the clips as an evaluation does: out of the store, in batches, checked."""
        job = clip_job(self.system, self.prepared.store, self.clips, batch_size or self.batch_size)
        embeddings: Array = embed_in_batches(job)
        return embeddings

    def embed_bare(self, waveforms: Sequence[Array]) -> None:
        """Nothing but the encoder, on clips in memory."""
        for start in range(0, len(waveforms), self.batch_size):
            with stage("encode"):
                self.system.embed_audio(waveforms[start : start + self.batch_size])

    def waveforms(self) -> list[Array]:
        """The clips in memory, as the system gets them."""
        return list(map(reader(self.system, self.prepared.store), self.clips))

    def synthetic(self) -> list[Array]:
        """As many clips of noise, of equal length, the same for every system."""
        random = np.random.default_rng(_SEED)
        samples = round(SYNTHETIC_SECONDS * self.rate)
        return [random.uniform(-0.5, 0.5, samples).astype(np.float32) for _ in self.clips]

    def with_clips(self, count: int) -> "Subject":
        """The same with so many clips, spread evenly over the data set."""
        return replace(self, clips=spread(self.prepared.task.clips, count))


def spread(clips: Sequence[Clip], count: int) -> tuple[Clip, ...]:
    """So many clips, evenly spaced.

    Raises:
        UserError: there are not so many.
    """
    if count > len(clips):
        raise UserError(
            f"--clips {count:,} asks for more than the {len(clips):,} clips of the data set; "
            "name a protocol with more clips, or ask for less"
        )
    return tuple(clips[len(clips) * number // count] for number in range(count))
