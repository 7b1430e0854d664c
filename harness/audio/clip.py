"""One recording, and how its samples are held."""

from dataclasses import dataclass
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
    """

    name: str
    path: Path
