"""In which form a system gets its clips."""

from collections.abc import Callable
from typing import cast

from harness.audio.store import PcmStore
from harness.datasets.dataset import Clip
from harness.interface.system import Array, RetrievalSystem


def reader(system: RetrievalSystem, store: PcmStore) -> Callable[[Clip], Array]:
    """What reads clips out of a store for a system: as int16 where it takes these, else as float32."""
    if getattr(system, "hears_pcm", False):
        # The protocol speaks of float32, which every system has to take.
        return cast("Callable[[Clip], Array]", store.read_pcm)
    return store.read
