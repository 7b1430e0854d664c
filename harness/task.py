"""One question put to a system: queries, items, and which items answer which query."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.datasets.dataset import Clip, RetrievalDataset
from harness.errors import UserError
from harness.protocols import Protocol
from harness.relevance import Relevance


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """A protocol applied to a data set.

    Attributes:
        protocol: the rules.
        clips: the audio side; what is ranked in text-to-audio, what is asked in audio-to-text.
        captions: the text side, verbatim, one entry per caption even where two read the same.
        relevance: relevant items of each query.
        clusters: shape `(queries,)`; the clip each query belongs to. Queries of one clip are not independent, so
            intervals resample clips.
    """

    protocol: Protocol
    clips: tuple[Clip, ...]
    captions: tuple[str, ...]
    relevance: Relevance
    clusters: NDArray[np.int64]

    @cached_property
    def queries(self) -> tuple[str, ...]:
        """What is asked: captions, or clip names in audio-to-text."""
        return self.captions if self._text_asks else self._clip_names

    @cached_property
    def items(self) -> tuple[str, ...]:
        """What is ranked: clip names, or captions in audio-to-text."""
        return self._clip_names if self._text_asks else self.captions

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the protocol, the names, the captions and the relevance: everything but the audio."""
        digest = hashlib.sha256(self.protocol.digest.encode())
        for side in (self._clip_names, self.captions):
            digest.update(len(side).to_bytes(8, "little"))
            for entry in side:
                digest.update(entry.encode() + b"\0")
        digest.update(self.relevance.offsets.tobytes() + self.relevance.items.tobytes())
        return digest.hexdigest()

    def without(self, dropped: Collection[int]) -> "RetrievalTask":
        """The same task as if the clips at these indices did not exist.

        Captions that no remaining clip answers leave with them.

        Raises:
            UserError: nothing would be left.
        """
        kept_clips = np.ones(len(self.clips), dtype=bool)
        kept_clips[list(dropped)] = False
        query_of_pair = np.repeat(np.arange(len(self.relevance)), self.relevance.counts)
        clip_of_pair, caption_of_pair = self.relevance.items, query_of_pair
        if not self._text_asks:
            clip_of_pair, caption_of_pair = caption_of_pair, clip_of_pair
        kept_pairs = kept_clips[clip_of_pair]
        kept_captions = np.zeros(len(self.captions), dtype=bool)
        kept_captions[caption_of_pair[kept_pairs]] = True
        if not kept_captions.any():
            raise UserError("no clip is left to evaluate: every clip of the split is broken or missing")
        kept_queries, kept_items = (
            (kept_captions, kept_clips) if self._text_asks else (kept_clips, kept_captions)
        )
        new_item = np.cumsum(kept_items) - 1
        counts = np.bincount(query_of_pair[kept_pairs], minlength=len(kept_queries))[kept_queries]
        return replace(
            self,
            clips=tuple(clip for clip, kept in zip(self.clips, kept_clips, strict=True) if kept),
            captions=tuple(text for text, kept in zip(self.captions, kept_captions, strict=True) if kept),
            relevance=Relevance(np.concatenate([[0], np.cumsum(counts)]), new_item[self.relevance.items[kept_pairs]]),
            clusters=self.clusters[kept_queries],
        )

    @property
    def _text_asks(self) -> bool:
        return self.protocol.direction == "text-to-audio"

    @cached_property
    def _clip_names(self) -> tuple[str, ...]:
        return tuple(clip.name for clip in self.clips)


def pose(protocol: Protocol, dataset: RetrievalDataset) -> RetrievalTask:
    """Put the protocol's question to one split of its data set.

    Raises:
        UserError: the protocol's annotation file is missing or names what the data set does not have.
        ValueError: a query without a relevant item.
    """
    captions = tuple(query.text for query in dataset.queries)
    source = np.array([query.clip for query in dataset.queries], dtype=np.int64)
    if protocol.direction == "audio-to-text":
        captions_of_clip: list[list[int]] = [[] for _ in dataset.clips]
        for caption, clip in enumerate(source.tolist()):
            captions_of_clip[clip].append(caption)
        relevance = Relevance.from_lists(captions_of_clip)
        return RetrievalTask(protocol, dataset.clips, captions, relevance, np.arange(len(dataset.clips)))
    if protocol.annotations is None:
        relevance = Relevance(np.arange(len(captions) + 1), source)
        return RetrievalTask(protocol, dataset.clips, captions, relevance, source)

    from harness.datasets.annotations import read_annotations

    asked, relevant = read_annotations(dataset.root / protocol.annotations, dataset)
    asked_captions = tuple(captions[index] for index in asked)
    return RetrievalTask(protocol, dataset.clips, asked_captions, Relevance.from_lists(relevant), source[asked])
