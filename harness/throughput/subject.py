"""The system that is measured, and the clips and captions it is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np

from harness.audio import Array, Clip
from harness.errors import UserError
from harness.evaluation import PreparedTask, clip_job, embed_in_batches, reader
from harness.interface import Metadata, RetrievalSystem, embed_described, metadata_of, uses_of
from harness.machine import stage
from harness.runs import Ceilings, Effort

SYNTHETIC_SECONDS = 10.0
_SEED = 0


@dataclass(frozen=True, eq=False)
class Subject:
    """Everything a workload needs.

    Attributes:
        system: the measured system.
        prepared: the real clips and captions, decoded at the system's rate.
        clips: the clips that one iteration embeds.
        device: where the system runs, as torch names it.
        batch_size: clips at once.
        ceilings: the limits of the device.
        effort: for how long to measure.
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
        """Sampling rate in Hz."""
        return self.system.info.sample_rate

    @property
    def width(self) -> int:
        """Length of the system's vectors, found by embedding one caption."""
        return int(self.system.embed_text([self.prepared.task.captions[0]]).shape[1])

    @property
    def metadata(self) -> list[Metadata]:
        """What the system uses beside the sound of each clip."""
        return [metadata_of(clip, uses_of(self.system)) for clip in self.clips]

    @property
    def audio_seconds(self) -> float:
        """Length of the clips of one iteration together."""
        return sum(map(self.prepared.store.length, self.clips)) / self.rate

    def embed_stored(self) -> Array:
        """Embed the clips as an evaluation does: read from the store, in batches, with the results checked."""
        embeddings: Array = embed_in_batches(clip_job(self.system, self.prepared.store, self.clips, self.batch_size))
        return embeddings

    def embed_bare(self, waveforms: Sequence[Array]) -> None:
        """Embed clips in memory by the encoder alone."""
        known = list(zip(waveforms, cycle(self.metadata), strict=False))
        for start in range(0, len(waveforms), self.batch_size):
            with stage("encode"):
                embed_described(self.system, known[start : start + self.batch_size])

    def waveforms(self) -> list[Array]:
        """The clips in memory, as the system receives them."""
        return list(map(reader(self.system, self.prepared.store), self.clips))

    def synthetic(self) -> list[Array]:
        """As many clips of noise, all of one length, the same for every system."""
        random = np.random.default_rng(_SEED)
        samples = round(SYNTHETIC_SECONDS * self.rate)
        return [random.uniform(-0.5, 0.5, samples).astype(np.float32) for _ in self.clips]

    def with_clips(self, count: int) -> "Subject":
        """The same subject with `count` clips, spread evenly over the data set."""
        return replace(self, clips=spread(self.prepared.task.clips, count))


def spread(clips: Sequence[Clip], count: int) -> tuple[Clip, ...]:
    """`count` of the clips, evenly spaced.

    Raises:
        UserError: there are fewer.
    """
    if count > len(clips):
        raise UserError(
            f"--clips {count:,} asks for more than the {len(clips):,} clips of the data set; "
            "name a protocol with more clips, or ask for less"
        )
    return tuple(clips[len(clips) * number // count] for number in range(count))
