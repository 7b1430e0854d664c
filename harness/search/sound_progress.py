"""The progress of indexing: recordings, and the seconds of their sound."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from harness.audio import Clip
from harness.machine import Advance, Progress
from harness.search.windows import Window


class SoundProgress:
    """Advances two stages together while windows are embedded; a recording counts with its last window."""

    def __init__(self, progress: Progress, seconds: Mapping[str, float]) -> None:
        """Open the stages for recordings of these lengths."""
        self.recordings = progress("recordings", len(seconds))
        self._seconds = progress("seconds of sound", round(sum(seconds.values())))

    def of(self, windows: Sequence[tuple[Clip, Window]]) -> Progress:
        """What is to be opened for the embedding of some windows, in their order."""
        nothing = (None, Window(0.0, 0.0))
        last = np.array([clip is not following for (clip, _), (following, _) in pairwise([*windows, nothing])])
        # Windows overlap: each counts up to the start of the next.
        ends = [window.start for _, window in windows[1:]] + [0.0]
        fresh = [
            (window.end if is_last else end) - window.start
            for (_, window), end, is_last in zip(windows, ends, last, strict=True)
        ]
        heard = np.concatenate([[0], np.rint(np.cumsum(fresh))]).astype(int)
        finished = np.concatenate([[0], np.cumsum(last)])

        def start(stage: str, total: int) -> Advance:  # noqa: ARG001
            done = 0

            def advance(step: int) -> None:
                nonlocal done
                self.recordings(int(finished[done + step] - finished[done]))
                self._seconds(int(heard[done + step] - heard[done]))
                done += step

            return advance

        return start
