"""The card of a dual encoder."""

import math
from typing import Any, Self

from pydantic import BaseModel, PositiveFloat, PositiveInt, model_validator

from harness.interface import Card
from systems.audio import SAMPLE_RATE, AnyAudioConfig, WindowConfig
from systems.dual_encoder.metadata import MetadataConfig
from systems.dual_encoder.training_section import TrainingConfig
from systems.text import TextConfig

_LATER = {
    "mel", "masked_bands", "masked_frames", "initial_spread", "pooling", "objective", "keep_images",
    "temperature", "extra_captions", "replaced", "part",
}  # fmt: skip


class DualEncoderCard(Card):
    """A dual encoder, but for its weights.

    `files` has `weights` (in our layout or a published one) and `tokenizer` (a folder).

    Attributes:
        audio: the audio encoder.
        windows: how a clip is cut into windows for it, and how their features are averaged.
        text: the text encoder.
        shared: dimension of the shared space.
        temperature: divides the cosines in training; scores do not depend on it.
        metadata: how the keywords of a clip are fused with its sound; a system without uses the sound alone.
        training: how it is trained.
        random_weights: seed of random weights, which are used instead of a file: to measure speed, or to try things
            out.
    """

    audio: AnyAudioConfig
    windows: WindowConfig = WindowConfig()
    text: TextConfig = TextConfig()
    shared: PositiveInt = 1024
    temperature: PositiveFloat = 0.05
    metadata: MetadataConfig | None = None
    training: TrainingConfig | None = None
    random_weights: int | None = None

    def unsaid(self) -> dict[str, Any]:
        """The fields, by section, that came later and are at their defaults.

        They are left out of what decides vectors and weights, which thereby stays what it was before there were any.
        """
        sections = {"audio": self.audio, "text": self.text, "training": self.training}
        return {name: _unsaid(section) for name, section in sections.items() if section is not None}

    @property
    def uses(self) -> tuple[str, ...]:
        """The kinds of metadata that it uses beside the sound."""
        return () if self.metadata is None else self.metadata.uses

    @model_validator(mode="after")
    def _heads_divide_the_text_width(self) -> Self:
        if self.metadata is not None and self.metadata.fusion == "mid" and self.text.width % self.metadata.heads:
            raise ValueError(
                f"metadata.heads is {self.metadata.heads}, which does not divide text.width {self.text.width}"
            )
        return self

    @model_validator(mode="after")
    def _says_which_splits_it_gives_up(self) -> Self:
        named = () if self.training is None else self.training.data
        if unsaid := [name for name in named if "/" in name and name not in self.trained_on]:
            raise ValueError(
                f"trained_on lacks {', '.join(unsaid)}, which training.data names; say it there too, since a system is "
                "not evaluated on what it says that it was trained on"
            )
        return self

    @model_validator(mode="after")
    def _windows_fit_the_encoder(self) -> Self:
        most = self.audio.longest_window()
        # Without a length of their own, windows are as long as the part of a clip that is used.
        field = "longest_seconds" if self.windows.seconds is None else "seconds"
        seconds = self.windows.seconds or self.windows.longest_seconds
        if most is not None and (seconds is None or round(seconds * SAMPLE_RATE) > most):
            found = "unlimited" if seconds is None else f"{seconds:g}"
            longest = math.floor(100 * most / SAMPLE_RATE) / 100
            raise ValueError(
                f"windows.{field} is {found}, longer than the {longest:g} s that this encoder takes at once; "
                "cut shorter windows"
            )
        return self

    @model_validator(mode="after")
    def _images_can_be_kept(self) -> Self:
        training = self.training
        if training is None or not (training.keep_images or training.objective == "towers"):
            return self
        if not (self.audio.repeats_images() and self.windows.seconds):
            raise ValueError(
                "training.keep_images and the objective towers need windows of a fixed length, whose images are the "
                "same each time; give `windows.seconds`, and `audio.mel.edge_jitter: false` or the like"
            )
        if self.metadata is not None:
            raise ValueError("training.keep_images and the objective towers are not for systems with metadata")
        return self


def _unsaid(section: BaseModel) -> dict[str, Any]:
    """The fields that came later and are at their defaults, as pydantic's `exclude` takes them."""
    found: dict[str, Any] = {}
    for field, about in type(section).model_fields.items():
        value = getattr(section, field)
        if field in _LATER and value == about.default:
            found[field] = True
        elif isinstance(value, BaseModel) and (inner := _unsaid(value)):
            found[field] = inner
    return found
