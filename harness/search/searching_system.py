"""A system as a search needs it: windows of recordings and words become vectors of length one."""

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

from harness.audio import Array, Clip, PcmStore, decoder_version
from harness.datasets import everyday_captions
from harness.errors import UserError
from harness.evaluation import EmbeddingJob, KeptRows, TaskEmbedder, caption_job, embed_in_batches
from harness.interface import (
    Metadata,
    RetrievalSystem,
    build_system,
    checked_info,
    embed_described,
    guarded_score,
    is_card,
    is_pair_scorer,
    metadata_digest,
    metadata_of,
    uses_of,
)
from harness.machine import Progress, embedding_key, silent, temporary_folder
from harness.measures import unit_vectors
from harness.search.window_table import IndexedSystem
from harness.search.windows import LENGTH, WHOLE, Window


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
    ) -> None:
        """Build a system.

        Args:
            named: a registered name, a card's path or `package.module:factory`.
            device: where it runs.
            precision: `fp32` or `bf16`.
            batch_size: windows at once; `None` finds one that fits.
            progress: opened where words are embedded.

        Raises:
            UserError: it cannot be built, or its answers cannot be found by the cosine of vectors.
        """
        built = build_system(named, device=device, precision=precision)
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

    def sound(self, clip: Clip, at: float | None) -> Array:
        """The vector of a recording, or of the ten seconds around a place in it, `(d,)`.

        Raises:
            UserError: it is broken, the place is behind its end, or no place is named in a long recording.
        """
        with temporary_folder() as folder:
            store = PcmStore(folder, self.sample_rate, by_end=True)
            for _, error in store.ensure([clip]):
                raise error
            seconds = store.length(clip) / self.sample_rate
            if at is None and seconds > WHOLE:
                raise UserError(f"{clip.path} lasts {seconds:,.0f} s; name a place in it, as in {clip.path.name}@12.5")
            if at is not None and at >= seconds:
                raise UserError(f"{clip.path} lasts {seconds:,.1f} s; {at:g} is behind its end")
            start = 0.0 if at is None else min(max(at - LENGTH / 2, 0.0), max(seconds - LENGTH, 0.0))
            window = Window(start, seconds if at is None else min(start + LENGTH, seconds))
            vector: Array = self.windows([(clip, window)], store)[0]
            return vector

    def windows(
        self,
        windows: Sequence[tuple[Clip, Window]],
        store: PcmStore,
        *,
        kept_in: Path | None = None,
        progress: Progress = silent,
    ) -> Array:
        """The vectors of windows, `(windows, d)`.

        Batches are kept as they are computed, so that what was killed goes on there.

        Args:
            windows: the recordings and the places in them.
            store: holds the recordings.
            kept_in: a folder of their own, which may be deleted when they are in the index.
            progress: opened for all windows.
        """
        uses, rate = uses_of(self.system), self.sample_rate

        def read(number: int) -> tuple[Array, Metadata]:
            clip, window = windows[number]
            first, last = round(window.start * rate), round(window.end * rate)
            return store.read(clip, first, last - first), metadata_of(clip, uses)

        embed = partial(embed_described, self.system)
        job = EmbeddingJob(self.about.name, "clip", len(windows), read, embed, self._embedder.batch_size)
        clips = {clip: number for number, clip in enumerate(dict.fromkeys(clip for clip, _ in windows))}
        places = [[clips[clip], *window] for clip, window in windows]
        content = embedding_key(store.digest([*clips]), metadata_digest([*clips], uses), decoder_version(), places)
        kept = self._embedder.kept(self.system, "audio", content)
        if kept_in and isinstance(kept, KeptRows):
            kept = KeptRows(kept_in / kept.folder.name)
        return unit_vectors(embed_in_batches(job, kept, progress=progress))


def spelt(named: str) -> str:
    """The name of a system, the same from whatever folder a card's path is named."""
    return str(Path(named).resolve()) if is_card(named) else named
