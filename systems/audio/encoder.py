"""What an audio encoder is, and how a card chooses one."""

from abc import abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, SerializeAsAny
from torch import nn

from harness.errors import nearest
from harness.interface import import_named
from harness.machine import KnownFields
from systems.audio import encoders
from systems.audio.mel import MelConfig
from systems.checkpoints import Layout, Prefixes


class AudioEncoder(nn.Module):
    """Turns images `(windows, bands, frames)` of a front end into features `(windows, steps, width)`.

    A window is divided evenly into steps. The second argument of `forward` is a generator on the CPU, or `None` for
    torch's global one, from which augmentation is drawn in training mode.

    Attributes:
        width: dimension of the features.
        unused: beginnings of names of parameters that the features do not depend on; they are not trained.
    """

    width: int
    unused: ClassVar[tuple[str, ...]] = ()


class AudioConfig(KnownFields):
    """An audio encoder as a card configures it, and all that is known of the encoder but its weights.

    A subclass has the sizes as fields, and a field `encoder` that holds the name.

    Attributes:
        layouts: of published files with this encoder's weights alone, beside that of our module.
        authors_name: what `audio_features.model` begins with in the settings that the paper's authors keep in a
            checkpoint; empty for an encoder that they did not train.
        authors_prefixes: how to translate this encoder's names in their checkpoints, after `audio_embedding_model.`.
    """

    layouts: ClassVar[tuple[Layout, ...]] = ()
    authors_name: ClassVar[str] = ""
    authors_prefixes: ClassVar[Prefixes] = (("model.model.", ""),)

    @abstractmethod
    def build(self) -> AudioEncoder:
        """The encoder with random weights, on torch's default device."""

    def front_end(self) -> nn.Module:
        """What turns waveforms `(windows, samples)` at 32 kHz into images; it takes a generator as the encoder does."""
        return MelConfig().build()

    def repeats_images(self) -> bool:
        """Whether the front end makes the same image of a window each time, in training and in any batch."""
        return False

    def longest_window(self) -> int | None:
        """Samples at 32 kHz of the longest window that the encoder takes; `None` if it takes any."""
        return None


def config_class(encoder: str) -> type[AudioConfig]:
    """The class of an encoder's configuration.

    Args:
        encoder: the name of a file in `systems/audio/encoders`, or `package.module:Class` for any other encoder.

    Raises:
        ValueError: there is no such encoder; the message names those that there are.
        UserError: the class cannot be imported.
    """
    known = sorted(module.name for module in iter_modules(encoders.__path__))
    found: object
    if encoder in known:
        found = import_module(f"{encoders.__name__}.{encoder}").ENCODER
    elif ":" in encoder:
        found = import_named(encoder, named_by="audio.encoder")
    else:
        near = nearest(encoder, known)
        hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)};"
        raise ValueError(f"unknown encoder {encoder!r}; {hint} package.module:Class names one too")
    if not (isinstance(found, type) and issubclass(found, AudioConfig)):
        raise ValueError(f"encoder {encoder}: expected a subclass of systems.audio.AudioConfig, found {found!r}")
    return found


def _configured(audio: object) -> object:
    """What a card says of its audio encoder, as an instance of that encoder's class."""
    if not isinstance(audio, Mapping):
        return audio
    if not isinstance(audio.get("encoder"), str):
        raise ValueError("expected a field `encoder` with the name of an audio encoder, passt for example")
    return config_class(audio["encoder"]).model_validate(audio)


AnyAudioConfig = Annotated[SerializeAsAny[AudioConfig], BeforeValidator(_configured)]
"""The type of a card's field that may hold any encoder."""
