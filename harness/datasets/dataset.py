"""What a retrieval data set is: clips, and captions that say which clip they were written for."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording.

    `name` is the file name exactly as the data set's captions file spells it (never stripped or un-escaped), unique
    within a split. `path` is where the audio is expected; it need not exist for work that only needs captions.
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Query:
    """One caption, verbatim, and the index (into `RetrievalDataset.clips`) of the clip it was written for."""

    text: str
    clip: int


@dataclass(frozen=True)
class RetrievalDataset:
    """One split of a data set.

    `queries` keeps the order of the captions file: clip by clip, first to last caption. `root` is the folder in which
    the split was found; annotation files that belong to the data set are looked for there.
    """

    name: str
    split: str
    root: Path
    clips: tuple[Clip, ...]
    queries: tuple[Query, ...]

    def without(self, names: Collection[str]) -> "RetrievalDataset":
        """The same split as if it had not these clips; their captions leave with them.

        >>> clips = (Clip("a.wav", Path()), Clip("b.wav", Path()))
        >>> RetrievalDataset("birds", "all", Path(), clips, (Query("a wren", 1),)).without({"a.wav"}).queries
        (Query(text='a wren', clip=0),)
        """
        kept = [index for index, clip in enumerate(self.clips) if clip.name not in names]
        if len(kept) == len(self.clips):
            return self
        place = {old: new for new, old in enumerate(kept)}
        return replace(
            self,
            clips=tuple(self.clips[index] for index in kept),
            queries=tuple(Query(query.text, place[query.clip]) for query in self.queries if query.clip in place),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over clip names and captions in order. Audio is not part of it (see `PcmStore.digest`)."""
        digest = hashlib.sha256(f"{self.name}\0{self.split}\0".encode())
        for clip in self.clips:
            digest.update(clip.name.encode() + b"\0")
        for query in self.queries:
            digest.update(f"{query.clip}\0{query.text}\0".encode())
        return digest.hexdigest()
