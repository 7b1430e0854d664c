"""From captions grouped by clip to a data set."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.datasets.dataset import Clip, Query, RetrievalDataset


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
