"""What a retrieval data set is: clips, and captions that say which clip they were written for."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from harness.audio import Clip


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


def from_captions(
    name: str, split: str, root: Path, captions: Mapping[str, Sequence[str]], audio_path: Callable[[str], Path]
) -> RetrievalDataset:
    """Build one split from its captions.

    Args:
        name: of the data set.
        split: of the data set.
        root: folder in which the split was found.
        captions: clip name to its captions, both in the data set's order.
        audio_path: where the audio of a clip name is expected.

    >>> birds = from_captions("birds", "all", Path(), {"a.wav": ["a wren", "a small bird"]}, Path)
    >>> birds.queries[1]
    Query(text='a small bird', clip=0)
    """
    clips = tuple(Clip(clip, audio_path(clip)) for clip in captions)
    queries = tuple(Query(text, index) for index, texts in enumerate(captions.values()) for text in texts)
    return RetrievalDataset(name, split, root, clips, queries)
