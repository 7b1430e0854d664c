"""From a protocol to clips that can be embedded: load, pose, decode."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import datasets
from harness.datasets.dataset import Clip
from harness.errors import UserError
from harness.pcm_store import PcmStore
from harness.progress import Progress, silent
from harness.protocols import Protocol
from harness.records import SkippedClip
from harness.task import RetrievalTask, pose


@dataclass(frozen=True, eq=False)
class PreparedTask:
    """A task whose clips are decoded at one sampling rate.

    Attributes:
        task: what is asked, of the clips that are there.
        store: holds the clips.
        audio_digest: of all of them.
        skipped: broken clips that were left out.
    """

    task: RetrievalTask
    store: PcmStore
    audio_digest: str
    skipped: tuple[SkippedClip, ...] = ()


def prepare(
    protocol: Protocol,
    data_root: Path,
    sample_rate: int,
    *,
    skip_broken: bool = False,
    progress: Progress = silent,
) -> PreparedTask:
    """Load a protocol's data set, put its question, and have every clip decoded.

    Args:
        protocol: the rules.
        data_root: folder with the data sets.
        sample_rate: Hz.
        skip_broken: leave broken clips out; otherwise they are an error.
        progress: opened for every stage.

    Raises:
        UserError: data is missing, or clips are broken (all of them are listed).
    """
    task = pose(protocol, datasets.load(protocol.dataset, protocol.split, data_root, progress=progress))
    store = PcmStore.of(protocol.dataset, sample_rate)
    broken = store.ensure(task.clips, progress=progress)
    if broken and not skip_broken:
        raise broken_clips(broken, len(task.clips), "mend them, or evaluate without them by --skip-broken")
    if broken:
        names = {clip.name for clip, _ in broken}
        task = task.without([index for index, clip in enumerate(task.clips) if clip.name in names])
    skipped = tuple(SkippedClip(clip=clip.name, reason=str(error)) for clip, error in broken)
    return PreparedTask(task, store, store.digest(task.clips), skipped)


def broken_clips(broken: Sequence[tuple[Clip, UserError]], count: int, mend: str) -> UserError:
    """The error that lists all broken clips."""
    return UserError(
        f"{len(broken)} of {count} clips are broken or missing; {mend}", [str(error) for _, error in broken]
    )
