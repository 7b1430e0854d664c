"""The audio encoders a card can choose from, each with the front end it was trained on."""

from typing import Annotated

from pydantic import Field

from systems.audio.atst_mel import AtstLogMel
from systems.audio.encoders.atst import Atst, AtstConfig
from systems.audio.encoders.mobilenet import MobileNet, MobileNetConfig
from systems.audio.encoders.passt import Passt, PasstConfig
from systems.audio.mel import KaldiLogMel

AudioConfig = Annotated[PasstConfig | AtstConfig | MobileNetConfig, Field(discriminator="encoder")]
AudioEncoder = Passt | Atst | MobileNet
FrontEnd = KaldiLogMel | AtstLogMel


def build_encoder(config: AudioConfig) -> AudioEncoder:
    """The encoder a card describes, with random weights, on the device in force."""
    match config:
        case PasstConfig():
            return Passt(config)
        case AtstConfig():
            return Atst(config)
        case MobileNetConfig():
            return MobileNet(config)


def build_front_end(config: AudioConfig) -> FrontEnd:
    """What turns waveforms into that encoder's images."""
    return AtstLogMel(config.top_db_scope) if isinstance(config, AtstConfig) else KaldiLogMel(edge_jitter=True)


def longest_window(config: AudioConfig) -> int | None:
    """Samples at 32 kHz of the longest window that encoder can take; None: it takes any."""
    match config:
        case PasstConfig():
            return KaldiLogMel.longest_waveform(config.longest_image)
        case AtstConfig():
            return AtstLogMel.longest_waveform(config.longest_image)
        case MobileNetConfig():
            return None
