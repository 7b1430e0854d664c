"""The log-mel images of clips, each computed once in a training and kept in memory."""

from collections.abc import Callable

from torch import Tensor

from harness.audio import Array
from systems.dual_encoder import DualEncoder


class Images:
    """The images of the windows of clips, as float16, computed when they are first asked for.

    Args:
        model: its front end computes them; see `AudioConfig.repeats_images`.
        read: returns a clip's waveform.
    """

    def __init__(self, model: DualEncoder, read: Callable[[int], Array]) -> None:
        self._model, self._read = model, read
        self._kept: dict[int, tuple[Tensor, int]] = {}

    def __call__(self, clip: int) -> tuple[Tensor, int]:
        """The images of a clip, `(windows, bands, frames)`, and its number of samples."""
        if clip not in self._kept:
            waveform = self._read(clip)
            self._kept[clip] = self._model.images(waveform), len(waveform)
        return self._kept[clip]
