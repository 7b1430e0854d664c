"""How much of a store a recording will take, from its header alone."""

from pathlib import Path
from typing import NamedTuple

from harness.audio.decoding import READING_ERRORS, file_status, opened, unreadable
from harness.audio.long_recordings import is_long
from harness.audio.sample_files import stored_size


class ExpectedSize(NamedTuple):
    """Of a recording.

    Attributes:
        seconds: how long it is.
        stored: bytes it takes in a store; 0 for a long recording, which is read from its file.
    """

    seconds: float
    stored: int


def expected_size(path: Path, sample_rate: int) -> ExpectedSize:
    """The length of a recording, and the bytes it takes in a store of `sample_rate` Hz.

    Raises:
        BrokenAudio: it is not there, or cannot be opened.
    """
    file_status(path)
    try:
        with opened(path) as file:
            seconds = file.frames / file.samplerate
            return ExpectedSize(seconds, 0 if is_long(file) else stored_size(round(seconds * sample_rate)))
    except READING_ERRORS as error:
        raise unreadable(path, error) from None
