"""The progress of indexing: recordings, and the seconds of their sound."""

from collections.abc import Mapping, Sequence

from harness.machine import Advance, Progress
from harness.search.windows import LENGTH, STEP, Window


class SoundProgress:
    """Advances two stages together while windows are embedded; a recording counts when the next one begins."""

    def __init__(self, progress: Progress, seconds: Mapping[str, float]) -> None:
        """Open the stages for recordings of these lengths."""
        self._recordings = progress("recordings", len(seconds))
        self._seconds = progress("seconds of sound", round(sum(seconds.values())))
        self._finished, self._heard = 0, 0.0
        self._shown = (0, 0)

    def of(self, windows: Sequence[tuple[str, Window]]) -> Advance:
        """What is called with the number of windows that were embedded, of a list that may yet grow."""
        counted = embedded = 0
        begun = -1

        def advance(step: int) -> None:
            nonlocal counted, embedded, begun
            embedded += step
            for _, window in windows[counted:embedded]:
                begun += window.start == 0
                # Windows overlap: each counts from the end of the one before.
                self._heard += window.end - (window.start + LENGTH - STEP if window.start else 0)
                counted += 1
            self._show(self._finished + max(begun, 0))

        return advance

    def finish(self, recordings: int) -> None:
        """So many more recordings are done, those that are broken included."""
        self._finished += recordings
        self._show(self._finished)

    def _show(self, recordings: int) -> None:
        shown = recordings, round(self._heard)
        self._recordings(shown[0] - self._shown[0])
        self._seconds(shown[1] - self._shown[1])
        self._shown = shown
