"""Data sets that a YAML file describes: their captions are CSV files, or code of the person's own reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.entry import DatasetEntry, Recordings, Split
from harness.errors import UserError, listing, meant
from harness.machine import KnownFields, PlainName, Progress, misfits, read_yaml

Count = Annotated[int, Field(gt=0)]


class SplitDescription(KnownFields):
    """A split in a YAML file.

    Attributes:
        captions: the captions CSV, relative to the folder of the data set. Empty where `reader` reads the split.
        audio: the folder of its audio, relative to the captions CSV; by default the CSV's own and those in it.
        clips: the number of clips it has when it is complete.
        captions_per_clip: number of captions of each clip.
        md5: MD5 of the captions CSV.
        hours: length of all its clips together, roughly.
        optional: whether the data set is complete without this split.
    """

    captions: str = ""
    audio: str | None = None
    clips: Count | None = None
    captions_per_clip: Count | None = None
    md5: Annotated[str, Field(pattern="[0-9a-f]{32}")] | None = None
    hours: Annotated[float, Field(gt=0)] | None = None
    optional: bool = False


class RecordingsDescription(KnownFields):
    """What every recording is like: `seconds`, the shortest and the longest; and `rate`, in Hz."""

    seconds: tuple[float, float] | None = None
    rate: Count | None = None


class DatasetDescription(KnownFields):
    """A data set in a YAML file; `DatasetEntry` says what the fields mean that are not explained here.

    Attributes:
        splits: every split, by its name.
        clip_column: the column of the captions CSVs that names the clip.
        reader: `package.module:function` that reads a split, given the data root, the name of the split and a
            `Progress`, and returns a `RetrievalDataset`; needed only where there are no captions CSVs.
    """

    name: PlainName
    splits: Annotated[dict[str, SplitDescription], Field(min_length=1)]
    clip_column: str = "file_name"
    reader: str | None = None
    training: str | None = None
    validation: str | None = None
    evaluation: tuple[str, ...] = ()
    title: str | None = None
    url: str | None = None
    by_hand: str | None = None
    recordings: RecordingsDescription = RecordingsDescription()
    id_files: tuple[str, ...] = ()
    named_by_title: bool = False

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "DatasetDescription":
        for purpose in ("training", "validation", "evaluation"):
            named = getattr(self, purpose)
            for split in named if isinstance(named, tuple) else (named,):
                if split is not None and split not in self.splits:
                    raise ValueError(f"{purpose} names the split {split!r}; {meant(split, self.splits)}")
        lacking = [name for name, split in self.splits.items() if not split.captions]
        if self.reader is None and lacking:
            raise ValueError(
                f"splits.{lacking[0]} does not say where its captions are; expected `captions: file.csv`, or a `reader`"
            )
        return self

    @property
    def entry(self) -> DatasetEntry:
        """The same for all that reads, checks and submits data sets."""
        return DatasetEntry(
            name=self.name,
            splits={
                name: Split(
                    (split.captions,) if split.captions else (),
                    split.clips,
                    split.captions_per_clip,
                    split.md5,
                    split.optional,
                    split.hours,
                )
                for name, split in self.splits.items()
            },
            read=self._own_reader(self.reader) if self.reader else self._read,
            training=self.training,
            validation=self.validation,
            evaluation=self.evaluation,
            title=self.title,
            url=self.url,
            recordings=Recordings(self.recordings.seconds, self.recordings.rate),
            by_hand=self.by_hand,
            id_files=self.id_files,
            named_by_title=self.named_by_title,
        )

    def _read(self, data_root: Path, split: str, _progress: Progress) -> RetrievalDataset:
        from harness.datasets.readers.captions_csv import read_split
        from harness.datasets.readers.layout import find_file

        about = self.splits[split]
        path = find_file(data_root, self.name, (about.captions,))
        beside = [] if about.audio else sorted(sub for sub in path.parent.iterdir() if sub.is_dir())
        audio = path.parent / (about.audio or "")
        return read_split(path, audio, self.name, split, key=self.clip_column, others=beside)

    def _own_reader(self, address: str) -> Callable[[Path, str, Progress], RetrievalDataset]:
        def read(data_root: Path, split: str, progress: Progress) -> RetrievalDataset:
            from harness.interface import import_named

            found = import_named(address, named_by=f"data set {self.name}")(data_root, split, progress)
            if not isinstance(found, RetrievalDataset) or (found.name, found.split) != (self.name, split):
                raise UserError(
                    f"data set {self.name}: {address} returned {type(found).__name__} for the split {split}; expected "
                    "a RetrievalDataset with the name of the data set and of the split"
                )
            return found

        return read


def read_description(path: Path) -> DatasetDescription:
    """Read the YAML file of a data set.

    Raises:
        UserError: it cannot be read, or says something that does not fit; all of this is listed.
    """
    return described_dataset(read_mapping(path, "a data set"), str(path))


def described_dataset(fields: Mapping[str, object], where: str) -> DatasetDescription:
    """Check the fields of a description; `where` begins the message.

    Raises:
        UserError: one is missing, unknown or of the wrong kind.
    """
    try:
        return DatasetDescription.model_validate(fields)
    except ValidationError as error:
        raise listing(f"{where} does not describe a data set", misfits(error)) from None


def read_mapping(path: Path, what: str) -> Mapping[str, object]:
    """The fields in a YAML file.

    Raises:
        UserError: it cannot be read, is not YAML, or holds something else than fields.
    """
    try:
        document = read_yaml(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read: {error.strerror or error}; expected the YAML file of {what}"
        ) from error
    except ValueError as error:
        raise UserError(f"{path}: not YAML: {error}") from error
    if not isinstance(document, Mapping):
        raise UserError(f"{path} has no fields; expected the YAML file of {what}")
    return document
