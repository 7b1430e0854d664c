"""A participant's system for clips of one tone each: it hears the pitch, and reads it from the caption."""

import re
from collections.abc import Sequence

import numpy as np

from harness.audio.clip import Array
from harness.interface.metadata import Metadata
from harness.interface.system import SystemInfo

PITCHES = np.geomspace(200, 3000, 64)


class ToneSystem:
    """Places pitches on a scale; close pitches get close vectors."""

    info = SystemInfo("tone", 16000, parameters=64, licence="CC0-1.0", digest="tone-1")

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        return self._place([self._pitch(clip) for clip in clips])

    def embed_text(self, captions: Sequence[str]) -> Array:
        # A caption without a number is of no pitch that is heard.
        found = (re.search(r"\d+", caption) for caption in captions)
        return self._place([float(number[0]) if number else 1.0 for number in found])

    def _pitch(self, clip: Array) -> float:
        power = np.abs(np.fft.rfft(clip)) ** 2
        # What is silent has the lowest pitch.
        return max(1.0, float(power.argmax())) * self.info.sample_rate / len(clip)

    def _place(self, pitches: Sequence[float]) -> Array:
        octaves = np.log2(PITCHES[None, :] / np.asarray(pitches)[:, None])
        return np.exp(-((4 * octaves) ** 2)).astype(np.float32)


class Recorded(ToneSystem):
    """Remembers in a file how many clips it was given."""

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        with open("embedded.txt", "a") as file:  # noqa: PTH123
            file.write(f"{len(clips)}\n")
        return super().embed_audio(clips)


class ChordSystem:
    """Hears four tones at once, one in each of four octaves, and reads them as the digits of a number."""

    info = SystemInfo("chords", 8000, digest="chords-1")

    @staticmethod
    def pitches(number: int) -> list[int]:
        """The tones of a number from 0 to 9999, in hertz."""
        return [round(150 * 2 ** (octave + int(digit) / 10)) for octave, digit in enumerate(f"{number:04}")]

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        heard = np.zeros((len(clips), 4, 10), np.float32)
        places = np.array([self.pitches(1111 * digit) for digit in range(10)])
        for clip, octaves in zip(clips, heard, strict=True):
            power = np.abs(np.fft.rfft(clip))
            bins = np.rint(places * len(clip) / self.info.sample_rate).astype(int)
            octaves[:] = power[bins].T / np.linalg.norm(power[bins], axis=0).clip(1e-9)[:, None]
        return heard.reshape(len(clips), 40)

    def embed_text(self, captions: Sequence[str]) -> Array:
        # A caption without a number is of no chord that is heard, and of none in particular.
        numbers = [re.search(r"\d+", caption) for caption in captions]
        read = np.full((len(captions), 4, 10), 0.1, np.float32)
        for number, octaves in zip(numbers, read, strict=True):
            if number:
                octaves[:] = np.eye(10)[[int(digit) for digit in f"{int(number[0]):04}"[-4:]]]
        return read.reshape(len(captions), 40)


class Undigested(ToneSystem):
    """Does not say what decides its output."""

    info = SystemInfo("undigested", 16000)


class Described(ToneSystem):
    """Goes by the keywords of a clip, and hears only those that have none."""

    info = SystemInfo("described", 16000, digest="described-1", uses=("keywords",))

    def embed_audio(self, clips: Sequence[Array], metadata: Sequence[Metadata] = ()) -> Array:
        with open("described.txt", "a") as file:  # noqa: PTH123
            file.write(f"{metadata}\n")
        return self._place(
            [
                float(one["keywords"][0]) if one["keywords"] else self._pitch(clip)
                for clip, one in zip(clips, metadata, strict=True)
            ]
        )


class Scored(ToneSystem):
    """Has a score of its own, the cosine's opposite."""

    info = SystemInfo("scored", 16000, digest="scored-1")

    def score(self, text: Array, audio: Array) -> Array:
        return -(text @ audio.T)


class Failing(ToneSystem):
    """Fails on the seventh clip the first time round."""

    info = SystemInfo("failing", 16000, digest="failing-1")
    seen = 0

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        Failing.seen += len(clips)
        if Failing.seen == 7:
            raise RuntimeError("no luck today")
        return super().embed_audio(clips)


class Slow(Recorded):
    """Takes its time over every clip."""

    info = SystemInfo("slow", 16000, digest="slow-1")

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        import time

        time.sleep(0.2)
        return super().embed_audio(clips)


class Pairs:
    """A cross-encoder: compares the pitch it hears with the one it reads."""

    info = SystemInfo("pairs", 16000, digest="pairs-1")

    def score_pairs(self, captions: Sequence[str], clips: Sequence[Array]) -> Array:
        with open("scored.txt", "a") as file:  # noqa: PTH123
            file.write(f"{len(clips)}\n")
        tone = ToneSystem()
        text, audio = tone.embed_text(captions), tone.embed_audio(clips)
        return (text * audio).sum(axis=1)


class PairsFailing(Pairs):
    """Fails once, at the fifth caption."""

    info = SystemInfo("pairs-failing", 16000, digest="pairs-failing-1")
    calls = 0

    def score_pairs(self, captions: Sequence[str], clips: Sequence[Array]) -> Array:
        PairsFailing.calls += 1
        if PairsFailing.calls == 5:
            raise RuntimeError("no luck today")
        return super().score_pairs(captions, clips)


class PairsOfTheWrongShape(Pairs):
    """Returns a matrix for a list of pairs."""

    def score_pairs(self, captions: Sequence[str], clips: Sequence[Array]) -> Array:
        return super().score_pairs(captions, clips)[:, None]
