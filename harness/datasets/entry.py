"""All that is known of a data set, in one record that evaluation, training, checks and submissions ask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.datasets.clip_names import id_in_file_name
from harness.datasets.dataset import RetrievalDataset
from harness.machine import Progress

if TYPE_CHECKING:
    from harness.datasets.keywords import Keywords


@dataclass(frozen=True, slots=True)
class Split:
    """A split of a data set; counts and checksum are those of the published captions file.

    Attributes:
        captions_files: where the captions file may be, relative to the folder of the data set; the first that exists
            is read. Empty where the reader does not go by names.
        clips: number of clips; `None` where no one has published the split.
        captions_per_clip: number of captions of each clip; `None` where it varies.
        captions_md5: MD5 of the captions file; `None` where there is no published one to compare with.
        optional: whether the data set is complete without this split.
        hours: length of all its clips together, roughly; `None` where no one has published the split.
        clips_about: number of clips, roughly, for plans: of a split that is composed, or whose copies differ, so that
            `clips` is `None`.
    """

    captions_files: tuple[str, ...] = ()
    clips: int | None = None
    captions_per_clip: int | None = None
    captions_md5: str | None = None
    optional: bool = False
    hours: float | None = None
    clips_about: int | None = None

    @property
    def captions(self) -> int | None:
        """Number of captions; `None` where it is not known."""
        return None if self.clips is None or self.captions_per_clip is None else self.clips * self.captions_per_clip


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file that may be downloaded.

    Attributes:
        path: where it belongs, relative to the folder of the data set.
        md5: MD5 of its content, as published.
        url: its address.
        split: the split that needs it.
        needed_for: what cannot be done without it, in a few words; empty where that is said elsewhere.
    """

    path: str
    md5: str
    url: str
    split: str
    needed_for: str = ""

    @property
    def is_archive(self) -> bool:
        """Whether it is to be unpacked; it then holds one folder with the name of its split."""
        return self.path.endswith(".7z")


_TOLERANCE = 1.0
"""Seconds by which a recording may be shorter or longer: copies in other formats are."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """What every recording of a data set is like.

    Attributes:
        seconds: the shortest and the longest; `None` where any length occurs.
        rate: samples a second of the published files; `None` where any occurs.
    """

    seconds: tuple[float, float] | None = None
    rate: int | None = None

    def admits(self, seconds: float) -> bool:
        """Whether a recording may last so long.

        >>> Recordings((15, 30)).admits(30.2), Recordings((15, 30)).admits(2)
        (True, False)
        """
        low, high = self.seconds or (0, float("inf"))
        return low - _TOLERANCE <= seconds <= high + _TOLERANCE

    @property
    def lengths(self) -> str:
        """The lengths in words."""
        low, high = self.seconds or (0, float("inf"))
        return f"{low:g} to {high:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEntry:
    """What is known of a data set.

    Attributes:
        name: how protocols, cards and commands call it.
        splits: every split, by its name in the data set's own words.
        read: reads a split, given the data root, the split, and what to open for work that takes long. `None` where a
            split is a captions file and a folder of audio: those of `captions_files` and `audio_folder`.
        training: the split that systems are trained on; `None` where there is none.
        validation: the split by which a checkpoint is chosen; `None` where there is none.
        evaluation: the splits on which results are published. Training data are searched for their clips.
        title: what a submission calls it; `None` where it is not a published data set.
        url: the address of its publication.
        files: what may be downloaded.
        recordings: what is known of the published recordings.
        home: the folder that the paths of `files` are relative to, given a captions file.
        audio_folder: the folder of a split's audio, given a captions file and the split; archives are unpacked there.
        by_hand: a sentence on what must be got by other means. `{home}` stands for the folder of the data set,
            `{data_root}` for the data root.
        id_files: names of the CSV files, beside the captions file of a split, that give the FreeSound number of each
            clip (columns `file_name,sound_id`); `{split}` stands for the split. Empty where ids are in clip names.
        id_in_name: finds the FreeSound number or AudioSet video in the name of a clip; `None` where it has none.
        named_by_title: whether clips are named by their titles, so that equal names mean equal clips across data sets.
        keywords: reads the keywords of a split's clips, which systems may use beside the sound; `None` where there are
            none.
        composed: whether this package composes the clips from recordings that they share. Then equal fingerprints do
            not mean equal clips, and no other data set can hold them.
    """

    name: str
    splits: Mapping[str, Split]
    read: Callable[[Path, str, Progress], RetrievalDataset] | None = None
    training: str | None = None
    validation: str | None = None
    evaluation: tuple[str, ...] = ()
    title: str | None = None
    url: str | None = None
    files: tuple[PublishedFile, ...] = ()
    recordings: Recordings = Recordings()
    home: Callable[[Path], Path] = lambda captions_csv: captions_csv.parent
    audio_folder: Callable[[Path, str], Path] = lambda captions_csv, split: captions_csv.parent / split
    by_hand: str | None = None
    id_files: tuple[str, ...] = ()
    id_in_name: Callable[[str], str | None] = id_in_file_name
    named_by_title: bool = False
    keywords: "Callable[[RetrievalDataset], Keywords] | None" = None
    composed: bool = False
