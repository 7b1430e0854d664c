"""A system's embeddings made in shards by workers, each of which builds the system once and keeps it.

A shard is some consecutive batches, the same as in one process. So the rows are the same, too, where the hardware is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from time import perf_counter
from typing import Any, Protocol

from harness.audio import Array, BrokenAudio, Clip, PcmStore
from harness.errors import UserError
from harness.evaluation.batches import FIRST_BATCH, EmbeddingJob, unequal_rows
from harness.evaluation.rows.kept_rows import Rest
from harness.evaluation.spreading.jobs import HeldClip, caption_job, held_clip_job, pair_job
from harness.evaluation.spreading.spread import spread
from harness.evaluation.spreading.worker import own_device
from harness.interface import System, build_system
from harness.machine import cache_root, system_code

_SHARD_S = 1.0
"""Seconds that a shard should take a worker: to hand it out costs some hundredths of that, and to lose it no more."""


class Part(Protocol):
    """What a system embeds, in a form that can be sent to a worker."""

    def job(self, system: Any, batch_size: int | None) -> EmbeddingJob[Any]:
        """Its embedding.

        Raises:
            UserError: what is needed for it is not on this machine.
        """
        ...


class Items(Part, Protocol):
    """All that a system embeds."""

    def part(self, start: int, stop: int) -> Part:
        """The items from number `start` to before number `stop`."""
        ...


@dataclass(frozen=True)
class Workers:
    """The workers of a Dask cluster, each of which builds a system again to embed a part of the clips and captions.

    Attributes:
        on: the cluster; see `spread`.
        name: how the system is built there, as `build_system` takes it.
        device: the name PyTorch gives it, the same on every worker or one for each with commas between; or `own`.
        precision: `fp32` or `bf16`.
    """

    on: str
    name: str = ""
    device: str = "auto"
    precision: str = "fp32"

    def recipe(self, system: System) -> "Recipe":
        """How they build a system.

        Raises:
            UserError: they are not told how.
        """
        if not self.name:
            raise UserError(f"on {self.on} a system is built again by its name: say it by Workers({self.on!r}, name)")
        return Recipe(self.name, self.device, self.precision, system.info.digest, system_code(system))

    def rest(self, system: System, items: Items, batch_size: int | None = None) -> Rest[Any]:
        """What completes rows, as `embed_in_batches` takes it: it has the workers embed the items.

        Raises:
            UserError: they are not told how to build the system.
        """
        recipe = self.recipe(system)
        whole = items.job(system, batch_size)
        count, size = whole.count, whole.batch_size or FIRST_BATCH

        def rest(done: Array) -> Iterator[Array]:
            number, width = done.shape
            step = size

            def shards(start: int) -> Iterator[_Shard]:
                while start < count:
                    stop = min(start + step, count)
                    yield _Shard(recipe, items.part(start, stop), start, stop, count, batch_size)
                    start = stop

            for seconds, batches in spread(_embedded, shards(number), self.on):
                for batch in batches:
                    if width and batch.shape[1] != width:
                        raise unequal_rows(system.info.name, f"item {number}", batch.shape[1], width)
                    number, width = number + len(batch), batch.shape[1]
                    yield batch
                # Those that are handed out from now on are as long as this one should have been.
                step = size * max(1, int(_SHARD_S / seconds * sum(map(len, batches)) / size))

        return rest


@dataclass(frozen=True)
class Captions:
    """Captions, verbatim."""

    texts: Sequence[str]

    def part(self, start: int, stop: int) -> "Captions":
        """Some of them."""
        return Captions(self.texts[start:stop])

    def job(self, system: Any, batch_size: int | None) -> EmbeddingJob[str]:
        """Their embedding."""
        return caption_job(system, self.texts, batch_size)


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips, each with the name of its data set and the store that holds it."""

    held: Sequence[tuple[str, HeldClip]]

    @classmethod
    def of(cls, dataset: str, store: PcmStore, clips: Sequence[Clip]) -> "Clips":
        """Clips of one data set."""
        return cls([(dataset, (store, clip)) for clip in clips])

    def part(self, start: int, stop: int) -> "_SentClips":
        """Some of them, ready to be sent."""
        groups = []
        for (dataset, store), held in groupby(self.held[start:stop], key=lambda one: (one[0], one[1][0])):
            clips = tuple(clip for _, (_, clip) in held)
            groups.append(_SentGroup(dataset, store.sample_rate, clips, store.digest(clips)))
        return _SentClips(tuple(groups))

    def job(self, system: Any, batch_size: int | None) -> EmbeddingJob[Any]:
        """Their embedding."""
        return held_clip_job(system, [held for _, held in self.held], batch_size)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Captions, each to be scored with all of the clips."""

    captions: Sequence[str]
    clips: Clips

    def part(self, start: int, stop: int) -> "_SentPairs":
        """Some of the captions, with all clips."""
        return _SentPairs(self.captions[start:stop], self.clips.part(0, len(self.clips.held)))

    def job(self, system: Any, batch_size: int | None) -> EmbeddingJob[str]:
        """Their scores."""
        return pair_job(system, [held for _, held in self.clips.held], self.captions, batch_size)


@dataclass(frozen=True)
class _SentGroup:
    """Clips of a data set on their way to a worker, and a digest of the samples that it has to get from them."""

    dataset: str
    sample_rate: int
    clips: tuple[Clip, ...]
    digest: str

    def arrived(self) -> Iterator[HeldClip]:
        """The clips in the worker's own store, which decodes those that are not in its cache."""
        store = _store(self.dataset, self.sample_rate, str(cache_root()))
        if broken := store.ensure(self.clips):
            raise _absent(*broken[0], len(broken))
        if store.digest(self.clips) != self.digest:
            raise UserError(
                f"{self.clips[0].path} and the clips after it have other samples than where the command runs; the "
                "files or the libraries that decode them differ"
            )
        return ((store, clip) for clip in self.clips)


@dataclass(frozen=True)
class _SentClips:
    """Clips on their way to a worker."""

    groups: tuple[_SentGroup, ...]

    def arrived(self) -> list[HeldClip]:
        return [held for group in self.groups for held in group.arrived()]

    def job(self, system: Any, batch_size: int | None) -> EmbeddingJob[Any]:
        return held_clip_job(system, self.arrived(), batch_size)


@dataclass(frozen=True)
class _SentPairs:
    """Captions on their way to a worker, with the clips that each is scored with."""

    captions: Sequence[str]
    clips: _SentClips

    def job(self, system: Any, batch_size: int | None) -> EmbeddingJob[str]:
        return pair_job(system, self.clips.arrived(), self.captions, batch_size)


@dataclass(frozen=True)
class Recipe:
    """How a worker builds a system, and the digests by which it sees that it is the same one."""

    name: str
    device: str
    precision: str
    digest: str | None
    code: str | None

    def kept(self) -> System:
        """The system, which is built where it is not the last one that was asked for."""
        if self not in _kept:
            _kept.clear()
            _kept[self] = self.built()
        return _kept[self]

    def built(self) -> System:
        """Build it.

        Raises:
            UserError: it cannot be built here, or it is another one than where the command runs.
        """
        if _codes.setdefault(self.name, self.code) != self.code:
            raise UserError(f"the code of {self.name} has changed since the worker imported it; restart the workers")
        device = "auto" if self.device == "own" else own_device(self.device)
        system = build_system(self.name, device=device, precision=self.precision).system
        if (system.info.digest, system_code(system)) != (self.digest, self.code):
            raise UserError(f"{self.name} is another one than where the command runs: its files or its code differ")
        return system


@dataclass(frozen=True)
class _Shard:
    """The items from number `start` to before number `stop` of `count`, and what embeds them."""

    recipe: Recipe
    items: Part
    start: int
    stop: int
    count: int
    batch_size: int | None


def _embedded(shard: _Shard) -> tuple[float, list[Array]]:
    """The embeddings of a shard, batch by batch, made on a worker, and how many seconds they took."""
    system = shard.recipe.kept()
    began = perf_counter()
    own = shard.items.job(system, shard.batch_size)
    job = replace(own, count=shard.count, read=lambda index: own.read(index - shard.start))
    batches = list(job.between(shard.start, shard.stop))
    return perf_counter() - began, batches


_kept: dict[Recipe, System] = {}
"""On a worker: the system that it has built last."""
_codes: dict[str, str | None] = {}
"""On a worker: the code that each system had when it was built first."""


@cache
def _store(dataset: str, sample_rate: int, root: str) -> PcmStore:  # noqa: ARG001
    """The store of a data set in this cache, which a worker opens once."""
    return PcmStore.of(dataset, sample_rate)


def _absent(clip: Clip, problem: BrokenAudio, broken: int) -> UserError:
    """The error for clips that a worker cannot read though the command could."""
    absent = next((folder for folder in reversed(clip.path.absolute().parents) if not folder.exists()), None)
    if absent is None:
        return UserError(f"{broken} clips cannot be read that can be where the command runs, the first: {problem}")
    return UserError(
        f"there is no folder {absent}, where the clips lie; mount it there under the same path, or name a folder that "
        "all hosts have by --data-root or LBAR_CACHE"
    )
