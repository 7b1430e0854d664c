"""What an output should answer: the queries and clips of a data set, with the ground truth where that is known."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from harness.datasets import read_rows
from harness.errors import UserError
from harness.evaluation import audio_files, read_queries
from harness.interface import Finding
from harness.predictions import Spellings, hint
from harness.protocols import RetrievalTask
from harness.submission.editions.profiles import Profile
from harness.submission.findings import BY_FIX, shown

_LEAST_KNOWN = 0.5
_SAMPLE = 200


@dataclass(frozen=True, eq=False)
class Expected:
    """The queries that an output should answer, and the clips that it should rank.

    Attributes:
        what: the name of the data set, for messages.
        queries: verbatim, in order; one that was written for several clips is there several times.
        clips: their names; empty where these are not known.
        task: the same with its ground truth; `None` where that is hidden.
    """

    what: str
    queries: tuple[str, ...]
    clips: tuple[str, ...]
    task: RetrievalTask | None = None

    @cached_property
    def times_asked(self) -> Counter[str]:
        """How often each query is asked."""
        return Counter(self.queries)

    @cached_property
    def known_clips(self) -> frozenset[str]:
        """The clips' names."""
        return frozenset(self.clips)

    @cached_property
    def clip_spellings(self) -> Spellings:
        """Finds the clip that a wrong name means."""
        return Spellings(self.clips, file_names=True)

    @cached_property
    def query_spellings(self) -> Spellings:
        """Finds the query that a wrong caption means."""
        return Spellings(list(self.times_asked))

    def fits(self, captions: Sequence[str]) -> bool:
        """Whether most of these captions are queries, in some spelling."""
        known = sum(text in self.times_asked or self.query_spellings.same(text) is not None for text in captions)
        return bool(captions) and known >= _LEAST_KNOWN * len(captions)


@dataclass(frozen=True, slots=True)
class ClipName:
    """A clip's name in an output, what the output should answer (`None` where unknown), and what `--fix` writes."""

    text: str
    expected: Expected | None
    mended: str

    @property
    def is_known(self) -> bool:
        """Whether a clip is called so."""
        return self.expected is not None and self.text in self.expected.known_clips

    @property
    def is_path(self) -> bool:
        """Whether folders stand before the name."""
        return "/" in self.text or "\\" in self.text

    def unknown(self) -> Iterator[Finding]:
        """The check that a clip is called so, where the clips are known."""
        if self.expected is None or not self.expected.clips or self.is_known or not self.text.strip():
            return
        meant = self.expected.clip_spellings.meant(self.text)
        if self.mended != self.text:
            mend = f"write it as the file is called; {BY_FIX}"
        else:
            mend = "look whether the clip belongs to this set, and write it as its file is called"
        found = f"{shown(self.text)}, which no clip is called{hint(meant)}"
        yield Finding(found, f"one of the {len(self.expected.clips):,} names, to the letter", mend)


def of_task(task: RetrievalTask) -> Expected:
    """What outputs for a text-to-audio task should answer.

    Raises:
        UserError: the task ranks captions.
    """
    if task.protocol.direction != "text-to-audio":
        raise UserError(f"protocol {task.protocol.name} ranks captions; choose a text-to-audio protocol")
    return Expected(task.protocol.name, task.queries, task.items, task)


def of_protocol(name: str, data_root: Path) -> Expected:
    """What outputs for a protocol should answer.

    Raises:
        UserError: there is no such protocol, it ranks captions, or its data are not in the data root.
    """
    from harness.protocols import get_protocol, load_dataset, pose

    protocol = get_protocol(name)
    return of_task(pose(protocol, load_dataset(protocol, data_root)))


def guessed(output: Path, profile: Profile, data_root: Path) -> Expected | None:
    """The edition's development-testing split, if the output answers that and the data root has it; else `None`."""
    try:
        captions = [cells[0] for _, cells in islice(read_rows(output), 1, _SAMPLE)]
        known = of_protocol(profile.protocol, data_root)
    except UserError:
        return None
    return known if known.fits(captions) else None


class Comparison:
    """What the outputs of a submission are compared with: what the person names, or else a guess from the first output.

    Attributes:
        expected: that; `None` where it is not known (yet).
    """

    def __init__(self, named: Expected | None, profile: Profile, data_root: Path | None) -> None:
        self.expected = named
        self._profile = profile
        self._data_root = data_root if named is None else None

    def guess(self, output: Path) -> Expected | None:
        """What an output is compared with; the first one that is given decides it for all."""
        if self._data_root is not None:
            self.expected, self._data_root = guessed(output, self._profile, self._data_root), None
        return self.expected


def of_files(queries: Path | None, audio: Path | None) -> Expected | None:
    """What outputs for a hidden set should answer: a CSV with a column `caption`, and a folder of recordings.

    Raises:
        UserError: one of them cannot be read.
    """
    if queries is None and audio is None:
        return None
    asked = read_queries(queries) if queries else ()
    clips = audio_files(audio) if audio else ()
    what = " and ".join(str(path) for path in (queries, audio) if path)
    return Expected(what, asked, tuple(path.name for path in clips))
