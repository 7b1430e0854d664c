"""A system as a search needs it: windows of recordings and words become vectors of length one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np

from harness.audio import Array, Clip, stretch
from harness.datasets import everyday_captions
from harness.errors import UserError
from harness.evaluation import (
    KeptRows,
    Options,
    Recipe,
    TaskEmbedder,
    Workers,
    batches_of_stream,
    caption_job,
    embed_in_batches,
    spread,
)
from harness.interface import (
    Metadata,
    RetrievalSystem,
    checked_info,
    embed_described,
    guarded_score,
    is_card,
    is_pair_scorer,
    metadata_of,
    uses_of,
)
from harness.machine import Advance, Progress, embedding_key, kind_of, silent
from harness.measures import unit_vectors
from harness.search.hearing import HeardRecordings
from harness.search.recordings import Header
from harness.search.window_table import IndexedSystem
from harness.search.windows import LENGTH, WHOLE


class SearchingSystem:
    """A system, and what an index says of it."""

    def __init__(
        self,
        named: str,
        *,
        device: str = "auto",
        precision: str = "fp32",
        batch_size: int | None = None,
        progress: Progress = silent,
        on: str | None = None,
    ) -> None:
        """Build a system.

        Args:
            named: a registered name, a card's path or `package.module:factory`.
            device: where it runs.
            precision: `fp32` or `bf16`.
            batch_size: windows at once; `None` finds one that fits.
            progress: opened where words are embedded.
            on: the cluster whose workers embed recordings; see `spread`.

        Raises:
            UserError: it cannot be built, or its answers cannot be found by the cosine of vectors.
        """
        options = Options(device=device, precision=precision, workers=Workers(on) if on else None)
        built = options.build(named)
        if is_pair_scorer(built.system) or guarded_score(built.system):
            raise UserError(
                f"{named} compares words and sounds in a way of its own; a search takes the cosine of vectors: take "
                "another system"
            )
        info = checked_info(built.system)
        if info.digest is None:
            raise UserError(
                f"{named} does not say what decides its output, so that an index of it could not be told from "
                "another's; set info.digest"
            )
        self.system: RetrievalSystem = built.system
        self.about = IndexedSystem(named=spelt(named), name=info.name, digest=info.digest)
        self._embedder = TaskEmbedder(built.device, built.precision, batch_size, progress)
        self._workers = options.told(named, built).workers

    @property
    def sample_rate(self) -> int:
        """Hz at which it hears."""
        return self.system.info.sample_rate

    def words(self, texts: Sequence[str]) -> Array:
        """The vectors of some words, `(texts, d)`."""
        return unit_vectors(embed_in_batches(caption_job(self.system, list(texts), self._embedder.batch_size)))

    @cached_property
    def captions(self) -> tuple[str, ...]:
        """1,000 captions that have nothing to do with what is looked for: those of everyday's validation split."""
        return everyday_captions("validation")

    @cached_property
    def unrelated(self) -> Array:
        """The vectors of these captions, `(1000, d)`."""
        kept = self._embedder.kept(self.system, "text", embedding_key(self.captions))
        job = caption_job(self.system, self.captions, self._embedder.batch_size)
        return unit_vectors(embed_in_batches(job, kept, progress=self._embedder.progress))

    def sound(self, path: Path, at: float | None) -> Array:
        """The vector of a recording, or of the ten seconds around a place in it, `(d,)`.

        Raises:
            UserError: it is broken, the place is behind its end, or no place is named in a long recording.
        """
        rate = self.sample_rate
        # A little more than is needed tells whether the recording ends there.
        first = 0.0 if at is None else max(at - LENGTH, 0.0)
        samples = stretch(path, rate, first, WHOLE + 1 if at is None else max(at + LENGTH / 2, LENGTH))
        end = first + len(samples) / rate
        if at is None and end > WHOLE:
            raise UserError(f"{path} lasts more than {WHOLE:g} s; name a place in it, as in {path.name}@12.5")
        if at is not None:
            if at >= end:
                raise UserError(f"{path}: {at:g} s is behind its end")
            begin = min(max(at - LENGTH / 2, 0.0), max(end - LENGTH, 0.0)) - first
            samples = samples[round(begin * rate) :][: round(LENGTH * rate)]
        known = metadata_of(Clip(str(path), path), uses_of(self.system))
        vector: Array = unit_vectors(next(self._batches(iter([(samples, known)]))))[0]
        return vector

    def hear(self, headers: Mapping[str, Header], states: Mapping[str, str]) -> HeardRecordings:
        """The windows of recordings as this system hears them."""
        threads = kind_of(self._embedder.device) != "cpu"
        return HeardRecordings(headers, states, self.sample_rate, uses_of(self.system), threads=threads)

    def each_embedded(
        self, portions: Iterable[HeardRecordings], folder: Path, advance: Callable[[HeardRecordings], Advance]
    ) -> Iterator[tuple[HeardRecordings, Array]]:
        """Portions of recordings one after the other, with the vectors of their windows; see `embedded`."""
        if self._workers is None:
            yield from ((heard, self.embedded(heard, folder, advance(heard))) for heard in portions)
            return
        worker = _Worker(self._workers.recipe(self.system), self._embedder.batch_size)
        for heard, vectors in spread(worker, portions, self._workers.on):
            advance(heard)(len(vectors))
            yield heard, vectors

    def embedded(self, heard: HeardRecordings, folder: Path, advance: Advance) -> Array:
        """The vectors of the windows of recordings, `(windows, d)`.

        Batches are kept as they are computed, so that what was killed goes on there.

        Args:
            heard: the recordings, as `hear` gives them.
            folder: where they are kept; it may be deleted when they are in the index.
            advance: called with the number of windows that were embedded.
        """

        def rest(done: Array) -> Iterator[Array]:
            return self._batches(islice(heard, len(done), None), *done.shape)

        kept = self._embedder.kept(self.system, "audio", heard.key)
        if isinstance(kept, KeptRows):
            return unit_vectors(KeptRows(folder / kept.folder.name).extend(rest, advance))
        return unit_vectors(_all(rest(_NOTHING), advance))

    def _batches(self, windows: Iterator[tuple[Array, Metadata]], first: int = 0, width: int = 0) -> Iterator[Array]:
        return _batches(self.system, windows, self._embedder.batch_size, first, width)


@dataclass(frozen=True)
class _Worker:
    """What has a worker embed recordings, of which nothing is kept there."""

    recipe: Recipe
    batch_size: int | None

    def __call__(self, heard: HeardRecordings) -> tuple[HeardRecordings, Array]:
        heard.require()
        system = cast("RetrievalSystem", self.recipe.kept())
        return heard, unit_vectors(_all(_batches(system, iter(heard), self.batch_size)))


_NOTHING: Array = np.zeros((0, 0), np.float32)


def _batches(
    system: RetrievalSystem,
    windows: Iterator[tuple[Array, Metadata]],
    batch_size: int | None,
    first: int = 0,
    width: int = 0,
) -> Iterator[Array]:
    return batches_of_stream(windows, system.info.name, partial(embed_described, system), batch_size, first, width)


def _all(batches: Iterator[Array], advance: Advance = lambda _: None) -> Array:
    rows = []
    for batch in batches:
        rows.append(batch)
        advance(len(batch))
    return np.concatenate(rows or [_NOTHING])


def spelt(named: str) -> str:
    """The name of a system, the same from whatever folder a card's path is named."""
    return str(Path(named).resolve()) if is_card(named) else named
