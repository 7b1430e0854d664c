"""One question put to a system: queries, items, and which items answer which query."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.audio import Clip
from harness.datasets import RetrievalDataset
from harness.errors import UserError
from harness.protocols.named import Protocol
from harness.protocols.relevance import Relevance

Entry = TypeVar("Entry")


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """A protocol applied to a data set.

    Attributes:
        protocol: the rules.
        clips: the audio side; what is ranked in text-to-audio, what is asked in audio-to-text.
        captions: the text side, verbatim, one entry per caption even where two read the same.
        relevance: relevant items of each query.
        sources: name of the clip each query belongs to: the one a caption was written for, or the asked clip itself.
    """

    protocol: Protocol
    clips: tuple[Clip, ...]
    captions: tuple[str, ...]
    relevance: Relevance
    sources: tuple[str, ...]

    @cached_property
    def queries(self) -> tuple[str, ...]:
        """What is asked: captions, or clip names in audio-to-text."""
        return self.captions if self._text_asks else self._clip_names

    @cached_property
    def items(self) -> tuple[str, ...]:
        """What is ranked: clip names, or captions in audio-to-text."""
        return self._clip_names if self._text_asks else self.captions

    @property
    def ranked(self) -> NDArray[np.int64]:
        """Number of items that are ranked for each query, shape `(queries,)`."""
        return self.relevance.counts if self.relevance.judged_only else np.full(len(self.queries), len(self.items))

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """A number per query, equal for queries of one clip, shape `(queries,)`.

        Queries of one clip succeed and fail together, so intervals resample clips.
        """
        return np.unique(np.array(self.sources, dtype=np.str_), return_inverse=True)[1]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the protocol, names, captions, relevance and clusters: everything but the audio."""
        digest = hashlib.sha256(self.protocol.digest.encode())
        for side in (self._clip_names, self.captions):
            digest.update(len(side).to_bytes(8, "little"))
            for entry in side:
                digest.update(entry.encode() + b"\0")
        digest.update(self.relevance.offsets.tobytes() + self.relevance.items.tobytes())
        if self.relevance.gains is not None:
            digest.update(self.relevance.gains.tobytes())
        digest.update(self.clusters.tobytes())
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
        gains = self.relevance.gains
        answered = kept_pairs if gains is None else kept_pairs & (gains > 0)
        kept_captions = np.zeros(len(self.captions), dtype=bool)
        kept_captions[caption_of_pair[answered]] = True
        kept_pairs &= kept_captions[caption_of_pair]
        if not kept_captions.any():
            raise UserError("no clip is left to evaluate: every clip of the split is broken or missing")
        kept_queries, kept_items = (kept_captions, kept_clips) if self._text_asks else (kept_clips, kept_captions)
        new_item = np.cumsum(kept_items) - 1
        counts = np.bincount(query_of_pair[kept_pairs], minlength=len(kept_queries))[kept_queries]
        return replace(
            self,
            clips=_kept(self.clips, kept_clips),
            captions=_kept(self.captions, kept_captions),
            relevance=replace(
                self.relevance,
                offsets=np.concatenate([[0], np.cumsum(counts)]),
                items=new_item[self.relevance.items[kept_pairs]],
                gains=None if gains is None else gains[kept_pairs],
            ),
            sources=_kept(self.sources, kept_queries),
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
        UserError: a file of the protocol is missing or names what the data set does not have.
        ValueError: a query without a relevant item.
    """
    if protocol.queries is not None:
        from harness.datasets import placed_file, with_queries

        dataset = with_queries(dataset, placed_file(dataset, protocol.queries))
    clips = dataset.clips
    captions = tuple(query.text for query in dataset.queries)
    own_clip = [query.clip for query in dataset.queries]
    asked, relevance = _relevance(protocol, dataset)
    if protocol.direction == "audio-to-text":
        captions_of_clip: list[list[int]] = [[] for _ in clips]
        for caption, (first, last) in enumerate(pairwise(relevance.offsets.tolist())):
            for clip in relevance.items[first:last].tolist():
                captions_of_clip[clip].append(caption)
        # A clip that answers none of the captions has nothing to ask for.
        asking = [bool(found) for found in captions_of_clip]
        clips = tuple(compress(clips, asking))
        return RetrievalTask(
            protocol,
            clips,
            captions=tuple(captions[caption] for caption in asked),
            relevance=Relevance.from_lists(compress(captions_of_clip, asking)),
            sources=tuple(clip.name for clip in clips),
        )
    return RetrievalTask(
        protocol,
        clips,
        captions=tuple(captions[caption] for caption in asked),
        relevance=relevance,
        sources=tuple(clips[own_clip[caption]].name for caption in asked),
    )


def _relevance(protocol: Protocol, dataset: RetrievalDataset) -> tuple[Sequence[int], Relevance]:
    """The queries of a data set that text asks, and the clips that answer each."""
    if protocol.annotations is None:
        own = Relevance.from_lists([query.clip] for query in dataset.queries)
        return range(len(dataset.queries)), own
    from harness.datasets import placed_file, read_annotations, read_judgements

    path = placed_file(dataset, protocol.annotations)
    if protocol.relevant_from is None:
        asked, relevant = read_annotations(path, dataset)
        return asked, Relevance.from_lists(relevant)
    asked, gains = read_judgements(path, dataset)
    return asked, Relevance.graded(gains, protocol.relevant_from, judged_only=protocol.among == "judged")


def _kept(entries: tuple[Entry, ...], kept: NDArray[np.bool_]) -> tuple[Entry, ...]:
    return tuple(compress(entries, kept.tolist()))
