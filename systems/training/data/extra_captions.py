"""Further captions of training clips from a CSV, such as a language model's rewrites of those there are.

The file has a row for each text and the columns `dataset,split,file_name,caption_index,variant,caption,source`:
`caption_index` is the caption that is rewritten, counted from 0 among those of its clip, and empty for a text that may
stand for any of them; `variant` numbers the texts for one caption, and `source` says who wrote it, for people.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets import MOST_KEPT_BYTES, SEPARATORS, RetrievalDataset, read_rows
from harness.errors import UserError, first_few

COLUMNS = ("dataset", "split", "file_name", "caption_index", "variant", "caption", "source")
MOST_WORDS = 30
"""Words of a text; of a longer one the text encoder would read the beginning only."""

_NUMBERING = re.compile(r"\(?\d{1,2}[.):](\s+|(?=[^\W\d]))|\(?[a-z]\)\s*|[-*•]\s+", re.IGNORECASE)
_INNER_NUMBERING = re.compile(r"[.!?;]\s*\(?\d{1,2}[.)]\s")

Place = tuple[str, str, str]
"""A clip: its data set, its split, its name."""


@dataclass(frozen=True, slots=True)
class ExtraCaptions:
    """The texts of a file.

    Attributes:
        path: the file.
        texts: of each clip, each with the index of the caption it stands for; `None` where it stands for any.
        numbered: number of texts that a numbering was taken off.
    """

    path: Path
    texts: Mapping[Place, Sequence[tuple[int | None, str]]]
    numbered: int

    def of(self, datasets: Sequence[RetrievalDataset]) -> tuple[tuple[str, ...], ...]:
        """The texts that may stand for each caption of splits, without those that say the same as it."""
        found = []
        for dataset in datasets:
            index: Counter[int] = Counter()
            for query in dataset.queries:
                texts = self.texts.get((dataset.name, dataset.split, dataset.clips[query.clip].name), ())
                fits = (text for number, text in texts if number in (None, index[query.clip]))
                found.append(tuple(text for text in fits if _words(text) != _words(query.text)))
                index[query.clip] += 1
        return tuple(found)

    def coverage(self, extra: Sequence[Sequence[str]]) -> str:
        """A line on what the file has for the captions that are trained on; `extra` is what `of` returned."""
        covered = sum(map(bool, extra))
        numbered = f"; a numbering was taken off {self.numbered:,} texts" if self.numbered else ""
        counts = sorted({len(texts) for texts in extra if texts})
        each = f", {counts[0]} to {counts[-1]} each" if len(counts) > 1 else f", {counts[0]} each" if counts else ""
        return f"{self.path} has texts for {covered:,} of {len(extra):,} captions{each}{numbered}"


def read_extra_captions(path: Path, datasets: Sequence[RetrievalDataset]) -> ExtraCaptions:
    """Read a file of further captions.

    Args:
        path: the file.
        datasets: the splits that are trained on, with all of their clips.

    Raises:
        UserError: the file cannot be read, lacks a column, or has rows that are not of these clips and captions, or
            without a text that can be used.
    """
    counts: dict[Place, int] = {}
    for dataset in datasets:
        per_clip = Counter(query.clip for query in dataset.queries)
        counts |= {(dataset.name, dataset.split, clip.name): per_clip[n] for n, clip in enumerate(dataset.clips)}
    splits = {(dataset.name, dataset.split) for dataset in datasets}
    rows = read_rows(path, separators=SEPARATORS, most_bytes=MOST_KEPT_BYTES)
    _, header = next(rows, (1, []))
    if missing := [column for column in COLUMNS if column not in header]:
        raise UserError(f"{path}: column {', '.join(missing)} is missing; expected the columns {','.join(COLUMNS)}")
    texts: defaultdict[Place, list[tuple[int | None, str]]] = defaultdict(list)
    problems, numbered = [], 0
    for line, cells in rows:
        row = dict(zip(header, cells, strict=False))
        place = (row.get("dataset", ""), row.get("split", ""), row.get("file_name", ""))
        index, written = row.get("caption_index", "").strip(), row.get("caption", "").strip()
        text = without_numbering(written)
        if problem := _misplaced(place, index, splits, counts) or _unusable(text):
            problems.append(f"line {line}: {problem}")
            continue
        numbered += text != written
        texts[place].append((int(index) if index else None, text))
    if problems:
        raise UserError(
            f"{path}: {len(problems):,} rows cannot be used; mend them or take them out",
            first_few(problems, "they are like these"),
        )
    if not texts:
        raise UserError(f"{path}: there is no row below the header; expected one for each text")
    return ExtraCaptions(path, texts, numbered)


def without_numbering(text: str) -> str:
    """The text without the numbers or signs that lists begin their lines with.

    >>> without_numbering("1. A dog barks"), without_numbering("- b) 2 dogs bark"), without_numbering("a dog")
    ('A dog barks', '2 dogs bark', 'a dog')
    """
    while match := _NUMBERING.match(text):
        text = text[match.end() :]
    return text


def _misplaced(place: Place, index: str, splits: set[tuple[str, str]], counts: Mapping[Place, int]) -> str | None:
    """What is wrong with the caption that a row names, if anything."""
    if place[:2] not in splits:
        trained = " or ".join(" ".join(split) for split in sorted(splits))
        return f"{' '.join(place[:2])!r} is not what is trained on; expected {trained}"
    if place not in counts:
        return f"there is no clip {place[2]!r} in {place[0]} {place[1]}"
    if index and not (index.isdecimal() and int(index) < counts[place]):
        return (
            f"caption_index is {index!r}; {place[2]} has the captions 0 to {counts[place] - 1}, and nothing means any"
        )
    return None


def _unusable(text: str) -> str | None:
    """What is wrong with a text, if anything."""
    if not re.search(r"[^\W\d_]", text):
        return "the caption has no words"
    if _INNER_NUMBERING.search(text) or "\n" in text:
        return f"the caption is a list of several, {text[:60]!r}; expected a row for each"
    if (count := len(text.split())) > MOST_WORDS:
        return f"the caption has {count} words; expected at most {MOST_WORDS}"
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
