"""What the data sets say of their clips beside sound and captions, for systems that use it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.audio import Clip
from harness.datasets.dataset import RetrievalDataset
from harness.errors import UserError, first_few

_FEWEST_WORDS = 5
"""Words of a caption that are looked for among the keywords: a shorter one may well be the name of its sound."""


@dataclass(frozen=True)
class Keywords:
    """The keywords of a split: where they are from, and those of each clip that this source has."""

    source: Path
    of_clip: Mapping[str, tuple[str, ...]]


def described(dataset: RetrievalDataset, uses: Sequence[str], *, evaluated: bool) -> RetrievalDataset:
    """The same split, with the metadata that a system uses beside each of its clips.

    Args:
        dataset: the split.
        uses: kinds of metadata; without keywords among them the split is returned as it is.
        evaluated: whether results come of it: then the source must have every clip, and no caption may be among the
            keywords of its own clip.

    Raises:
        UserError: the data set has no keywords, or not those of this split; or what `evaluated` asks for is not so.
    """
    from harness.datasets.known import known_dataset

    if "keywords" not in uses:
        return dataset
    split = f"{dataset.name} {dataset.split}"
    read = known_dataset(dataset.name).keywords
    if read is None:
        raise UserError(f"{dataset.name} has no keywords, which this system uses; take a system that hears only")
    keywords = read(dataset)
    missing = [clip.name for clip in dataset.clips if clip.name not in keywords.of_clip]
    count = f"{len(missing):,} of the {len(dataset.clips):,} clips of {split}"
    if len(missing) == len(dataset.clips):
        raise UserError(
            f"{keywords.source} says nothing of any clip of {split}: {_other_clips(keywords)}; put the file of this "
            "split there"
        )
    if missing and evaluated:
        raise UserError(
            f"{keywords.source} says nothing of {count}: {', '.join(first_few(missing, 'and so on'))}; an evaluation "
            "needs all of them, so put the whole file of this split there"
        )
    clips = tuple(replace(clip, keywords=keywords.of_clip.get(clip.name)) for clip in dataset.clips)
    found = replace(dataset, clips=clips)
    if evaluated and (copied := captions_among_keywords(found)):
        raise UserError(
            f"{keywords.source} has {len(copied):,} captions of {split} among the keywords of their own clips, which "
            "would thus find them without a sound; take them out",
            first_few(copied, "all of these are to be taken out"),
        )
    return found


def captions_among_keywords(dataset: RetrievalDataset) -> list[str]:
    """A line for each caption of five words or more that stands, word for word, in the keywords of its own clip."""
    words = [f" {' '.join(_words(' '.join(clip.keywords or ())))} " for clip in dataset.clips]
    return [
        f"{dataset.clips[query.clip].name}: {query.text!r}"
        for query in dataset.queries
        if len(spoken := _words(query.text)) >= _FEWEST_WORDS and f" {' '.join(spoken)} " in words[query.clip]
    ]


def without_keywords(clips: Sequence[Clip]) -> int:
    """Number of clips that have no keyword."""
    return sum(not clip.keywords for clip in clips)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _other_clips(keywords: Keywords) -> str:
    return f"it is of {next(iter(keywords.of_clip))!r} and others" if keywords.of_clip else "it has no row"
