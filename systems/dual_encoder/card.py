"""What a card says of a dual encoder."""

import math
from typing import Self

from pydantic import PositiveFloat, PositiveInt, model_validator

from harness.interface import Card
from systems.audio import SAMPLE_RATE, AudioConfig, WindowConfig, longest_window
from systems.dual_encoder.training_section import TrainingConfig
from systems.text import TextConfig


class DualEncoderCard(Card):
    """A dual encoder: all that decides it but its weights.

    `files` has `weights` (in any published layout, or ours) and `tokenizer` (a directory).

    Attributes:
        audio: the audio encoder and its size.
        windows: how a clip is cut for it, and put together again.
        text: the text encoder and its size.
        shared: dimension of the shared space.
        temperature: divides the cosines in training; scores do not depend on it.
        training: how it is trained.
        random_weights: seed of weights drawn at random, instead of a file: to measure speed, or to try things out.
    """

    audio: AudioConfig
    windows: WindowConfig = WindowConfig()
    text: TextConfig = TextConfig()
    shared: PositiveInt = 1024
    temperature: PositiveFloat = 0.05
    training: TrainingConfig | None = None
    random_weights: int | None = None

    @model_validator(mode="after")
    def _encoder_hears_whole_windows(self) -> Self:
        most = longest_window(self.audio)
        # Without a length of their own, windows are as long as what is heard of a clip.
        field = "longest_seconds" if self.windows.seconds is None else "seconds"
        seconds = self.windows.seconds or self.windows.longest_seconds
        if most is not None and (seconds is None or round(seconds * SAMPLE_RATE) > most):
            said = "unlimited" if seconds is None else f"{seconds:g}"
            heard = math.floor(100 * most / SAMPLE_RATE) / 100
            raise ValueError(
                f"windows.{field} is {said}, longer than the {heard:g} s that this encoder hears at once; "
                "cut shorter windows"
            )
        return self
