"""Decode what is trained on; broken clips are an error, or are left out where the user asks for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.audio import PcmStore
from harness.datasets import RetrievalDataset
from harness.evaluation import broken_clips
from harness.machine import Progress
from harness.runs import SkippedClip

_NAMED = 5


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The broken clips of a split, which a training goes on without.

    Attributes:
        split: names of the data set and of the split.
        count: number of clips that the split has with them.
        clips: the broken ones, and what is wrong with each.
    """

    split: str
    count: int
    clips: tuple[SkippedClip, ...]

    def __str__(self) -> str:
        names = ", ".join(skipped.clip for skipped in self.clips[:_NAMED])
        more = f" and {len(self.clips) - _NAMED} more" if len(self.clips) > _NAMED else ""
        return f"without {len(self.clips)} of {self.count} clips of {self.split}, which are broken: {names}{more}"


def decoded(
    dataset: RetrievalDataset, store: PcmStore, progress: Progress, *, skip_broken: bool = False
) -> tuple[RetrievalDataset, tuple[LeftOut, ...]]:
    """A data set all of whose clips the store holds, and what was left out for that, if anything.

    Raises:
        UserError: clips are broken or missing, and not to be skipped; or all of them are.
    """
    broken = store.ensure(dataset.clips, progress=progress)
    if not broken:
        return dataset, ()
    split, count = f"{dataset.name} {dataset.split}", len(dataset.clips)
    kept = dataset.without({clip.name for clip, _ in broken})
    if not skip_broken or not kept.clips:
        raise broken_clips(broken, count, f"mend them before training on {split}, or leave them out by --skip-broken")
    skipped = tuple(SkippedClip(clip=clip.name, reason=str(error)) for clip, error in broken)
    return kept, (LeftOut(split, count, skipped),)


def to_json(left_out: Iterable[LeftOut]) -> dict[str, object]:
    """All that was left out, by split, for a record."""
    return {one.split: [skipped.model_dump() for skipped in one.clips] for one in left_out}
