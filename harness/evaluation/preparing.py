"""From a protocol to clips that can be embedded: load, pose, decode."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from harness.audio import Array, Clip, PcmStore
from harness.datasets import (
    RetrievalDataset,
    described,
    differences_from_published,
    known_dataset,
    nearly_called,
    of_other_lengths,
    what_is_there,
)
from harness.errors import UserError, first_few
from harness.interface import RetrievalSystem, SystemInfo, accepts_int16
from harness.machine import Progress, silent
from harness.measures import measures_of
from harness.protocols import Protocol, RetrievalTask, load_dataset, pose
from harness.runs import RemarkedClip, SkippedClip, SystemRecord


@dataclass(frozen=True, eq=False)
class PreparedTask:
    """A task whose clips are decoded at one sampling rate.

    Attributes:
        task: queries, items and relevance, without the clips that were left out.
        store: holds the decoded clips.
        skipped: broken clips that were left out.
        reasons: why a result on this task may not be compared with others; empty where it may.
        dataset: where the metadata of the clips are looked for; `None` where nothing is known beside their sound.
    """

    task: RetrievalTask
    store: PcmStore
    skipped: tuple[SkippedClip, ...] = ()
    reasons: tuple[str, ...] = ()
    dataset: RetrievalDataset | None = None

    def described(self, uses: Sequence[str]) -> "PreparedTask":
        """The same task, with the metadata that a system uses beside each clip.

        Raises:
            UserError: the data set does not have them, has them of some clips only, or has captions among them.
        """
        if not uses or self.dataset is None:
            return self
        by_name = {clip.name: clip for clip in described(self.dataset, uses, evaluated=True).clips}
        return replace(self, task=replace(self.task, clips=tuple(by_name[clip.name] for clip in self.task.clips)))

    @property
    def remarked(self) -> tuple[RemarkedClip, ...]:
        """The clips whose sound is odd: silent, cancelled, out of range."""
        remarks = self.store.remarks(self.task.clips)
        return tuple(RemarkedClip(clip=clip.name, remark=remark) for clip, remark in remarks)

    @property
    def comparable(self) -> bool:
        """Whether a result on this task may be compared with others."""
        return not self.reasons


def prepare(
    protocol: Protocol,
    data_root: Path,
    sample_rate: int,
    *,
    skip_broken: bool = False,
    limit: int | None = None,
    progress: Progress = silent,
) -> PreparedTask:
    """Load a protocol's data set, pose its task, and decode every clip.

    Args:
        protocol: the rules.
        data_root: folder with the data sets.
        sample_rate: of the decoded clips, in Hz.
        skip_broken: leave broken clips out; otherwise they are an error.
        limit: keep so many clips only, those of the first queries.
        progress: opened for every stage.

    Raises:
        UserError: data is missing, or clips are broken (all of them are listed).
    """
    measures_of(protocol)
    dataset = load_dataset(protocol, data_root, progress=progress)
    reasons = differences_from_published(dataset, data_root)
    task = pose(protocol, dataset)
    if limit is not None and limit < len(task.clips):
        reasons.append(f"only {limit:,} of {len(task.clips):,} clips, by --limit")
        kept = set(list(dict.fromkeys(task.sources))[:limit])
        task = task.without([index for index, clip in enumerate(task.clips) if clip.name not in kept])
    store = PcmStore.of(protocol.dataset, sample_rate)
    broken = store.ensure(task.clips, progress=progress)
    if broken and not skip_broken:
        raise broken_clips(broken, len(task.clips), "mend them, or evaluate without them by --skip-broken")
    if broken:
        names = {clip.name for clip, _ in broken}
        task = task.without([index for index, clip in enumerate(task.clips) if clip.name in names])
        reasons.append(f"{len(broken)} broken clips were left out")
    seconds = {clip: store.length(clip) / sample_rate for clip in task.clips}
    reasons += of_other_lengths(protocol.dataset, seconds)
    skipped = tuple(SkippedClip(clip=clip.name, reason=str(error)) for clip, error in broken)
    return PreparedTask(task, store, skipped, tuple(reasons), dataset)


def refuse_learned(info: SystemInfo | SystemRecord, dataset: str, split: str) -> None:
    """Refuse to evaluate a system on a data set whose evaluation it has learned, as it says itself.

    Raises:
        UserError: `info.trained_on` names this split, or an evaluation split of this data set: they overlap.
    """
    evaluation = known_dataset(dataset).evaluation
    named = {split, *(evaluation if split in evaluation else ())}
    if learned := [name for name in info.trained_on if name in {f"{dataset}/{one}" for one in named}]:
        raise UserError(
            f"{info.name} was trained on {', '.join(learned)}, as its card says, and cannot be evaluated on {dataset} "
            f"{split}; evaluate it on another data set"
        )


def odd_sounds(remarked: Sequence[RemarkedClip], count: int) -> list[str]:
    """Lines on those of `count` clips whose sound is odd, the first five by name; none where there are none."""
    if not remarked:
        return []
    clips = first_few([f"{one.clip} {one.remark}" for one in remarked], "the record lists all")
    head = f"{len(remarked):,} of {count:,} clips hold odd sound, and are used all the same:"
    return [head, *(f"  {line}" for line in clips)]


def broken_clips(broken: Sequence[tuple[Clip, UserError]], count: int, mend: str) -> UserError:
    """The error that lists all broken clips, or says in one line that there is no audio at all."""
    if len(broken) == count and not any(clip.path.exists() for clip, _ in broken):
        path = broken[0][0].path
        return UserError(
            f"none of the {count} clips is in {path.parent}: {what_is_there(path)}; put the clips there, or see "
            "`lbar data fetch` and `lbar data verify`"
        )
    misspelt = nearly_called(clip.path for clip, _ in broken if not clip.path.exists())
    problems = [
        f"{clip.path} does not exist, but {misspelt[clip.path]!r} is there; rename one"
        if clip.path in misspelt
        else str(error)
        for clip, error in broken
    ]
    return UserError(f"{len(broken)} of {count} clips are broken or missing; {mend}", problems)


def reader(system: RetrievalSystem, store: PcmStore) -> Callable[[Clip], Array]:
    """The function that reads a clip from a store for a system: as int16 where it accepts that, else as float32."""
    if accepts_int16(system) and store.all_as_loud_as_kept:
        # The type says float32, which every system has to accept.
        return cast("Callable[[Clip], Array]", store.read_pcm)
    return store.read
