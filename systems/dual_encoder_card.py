"""What a card says of a dual encoder."""

from pydantic import PositiveFloat, PositiveInt

from harness.cards import Card
from systems.audio.encoder import AudioConfig
from systems.audio.windows import WindowConfig
from systems.text.roberta import TextConfig


class DualEncoderCard(Card):
    """A dual encoder: all that decides it but its weights.

    `files` has `weights` (in any published layout, or ours) and `tokenizer` (a directory).

    Attributes:
        audio: the audio encoder and its size.
        windows: how a clip is cut for it, and put together again.
        text: the text encoder and its size.
        shared: dimension of the shared space.
        temperature: divides the cosines in training; scores do not depend on it.
        random_weights: seed of weights drawn at random, instead of a file: to measure speed, or to try things out.
    """

    audio: AudioConfig
    windows: WindowConfig = WindowConfig()
    text: TextConfig = TextConfig()
    shared: PositiveInt = 1024
    temperature: PositiveFloat = 0.05
    random_weights: int | None = None
