"""A card's section `training:`, as far as every kind of system shares it."""

from collections.abc import Callable
from typing import Literal, Self

from pydantic import ConfigDict

from harness.machine import KnownFields

SYSTEM_FIELDS = ("start", "teachers")
"""The fields of the section that name other systems: its parents."""


class TrainingSection(KnownFields):
    """What the harness reads of a card's section `training:`; a kind of system adds its hyper-parameters.

    Attributes:
        data: data sets whose training splits the system is trained on, all together; `audiocaps/test` names a split.
        exclude: exclusion lists of clips that are not trained on, as paths from the data root; see `read_exclusions`.
        extra_captions: a CSV of further captions of the training clips, as a path from the data root; empty for none.
        leaks: what is done with training clips that are evaluation clips by id or title: `exclude` leaves them out;
            `allow` trains on them, and the record says so.
        validation: data set whose validation split chooses the checkpoint.
        start: the system whose weights the training starts from; empty where it starts from none.
        teachers: systems whose mean similarity estimates which captions and clips match.
    """

    model_config = ConfigDict(extra="allow")

    data: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extra_captions: str = ""
    leaks: Literal["exclude", "allow"] = "exclude"
    validation: str = ""
    start: str = ""
    teachers: tuple[str, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The systems it starts from or is taught by, each once, as the card names them."""
        return tuple(dict.fromkeys((*([self.start] if self.start else []), *self.teachers)))

    def with_parents(self, rename: Callable[[str], str]) -> Self:
        """The same section with its parents named otherwise, as from another folder."""
        return self.model_copy(
            update={"start": self.start and rename(self.start), "teachers": tuple(map(rename, self.teachers))}
        )
