"""One recording, and how its samples are held."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Pcm = NDArray[np.int16]
"""Sound as it is stored: 32,768 stands for 1."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording.

    `name` is the file name exactly as the data set's captions file spells it (never stripped or un-escaped), unique
    within a split. `path` is where the audio is expected; it need not exist for work that only needs captions.
    `keywords` are what somebody wrote beside the sound: `None` where that was not looked for or the data set does not
    say, and empty where it says that there are none. They do not decide which clip it is.
    """

    name: str
    path: Path
    keywords: tuple[str, ...] | None = field(default=None, compare=False)
