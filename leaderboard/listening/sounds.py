"""What a browser hears and sees of a recording: the file itself, the same as WAV, and its waveform."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from fastapi import Response
from fastapi.responses import FileResponse
from numpy.typing import NDArray

from harness.audio import decode, stretch

_RATE = 32_000
_POINTS = 240
_BLOCK = 1 << 16
_SHOWN = 60.0
"""Seconds of a recording up to which all of it is drawn."""
_BESIDE = 10.0
"""Seconds that are drawn before and after a place in a longer one."""


def sound(path: Path, *, as_wav: bool) -> Response:
    """A recording, of which parts may be asked for; as WAV where a browser cannot play the file.

    Raises:
        OSError: it is gone.
        UserError: it cannot be decoded.
    """
    if not as_wav:
        return FileResponse(path, stat_result=path.stat())
    path.stat()
    converted = io.BytesIO()
    soundfile.write(converted, decode(path, _RATE), _RATE, format="WAV", subtype="PCM_16")
    return Response(converted.getvalue(), media_type="audio/wav")


def waveform(path: Path, start: float, end: float, duration: float) -> dict[str, Any]:
    """What is drawn of a recording around a place: from where to where, and the largest sample of each point.

    Raises:
        OSError: it is gone.
        UserError: it cannot be decoded.
    """
    path.stat()
    first, last = (0.0, duration) if duration <= _SHOWN else (max(start - _BESIDE, 0), min(end + _BESIDE, duration))
    return {"from": first, "to": last, "peaks": [round(float(peak), 3) for peak in _peaks(path, first, last)]}


def _peaks(path: Path, first: float, last: float) -> NDArray[np.float64]:
    try:
        with soundfile.SoundFile(path) as file:
            start, stop = (min(int(second * file.samplerate), file.frames) for second in (first, last))
            peaks = np.zeros(_POINTS)
            file.seek(start)
            done = start
            while done < stop and len(block := file.read(min(_BLOCK, stop - done), dtype="float32", always_2d=True)):
                points = (np.arange(done - start, done - start + len(block)) * _POINTS) // max(stop - start, 1)
                np.maximum.at(peaks, points, np.abs(block).max(axis=1))
                done += len(block)
            return peaks
    except soundfile.LibsndfileError:
        samples = np.abs(stretch(path, 8_000, first, last))
        return np.array([part.max(initial=0) for part in np.array_split(samples, _POINTS)])
