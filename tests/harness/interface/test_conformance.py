"""One right system, and for every check one that does just that wrong."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from harness.interface.conformance import check
from harness.interface.metadata import Metadata
from harness.interface.system import SystemInfo

D = 6
DIRECTIONS = np.random.default_rng(7).standard_normal((4, D)).astype(np.float32)


def describe(clip: np.ndarray) -> np.ndarray:
    """Level, zero crossings, peak and roughness of one clip, along fixed directions."""
    quantities = [
        np.sqrt(np.mean(clip**2)),
        np.mean(clip[1:] * clip[:-1] < 0),
        np.abs(clip).max(),
        np.abs(np.diff(clip)).mean(),
    ]
    return (np.array(quantities, np.float32) @ DIRECTIONS + 0.1).astype(np.float32)


def read(caption: str) -> np.ndarray:
    """Counts of a few letters, along fixed directions."""
    return (np.array([caption.lower().count(letter) for letter in "aeio"], np.float32) @ DIRECTIONS + 0.1).astype(
        np.float32
    )


class Right:
    info: Any = SystemInfo("right", 16_000)

    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        return np.stack([describe(clip) for clip in clips])

    def embed_text(self, captions: Sequence[str]) -> Any:
        return np.stack([read(caption) for caption in captions])


class Scoring(Right):
    def score(self, text: np.ndarray, audio: np.ndarray) -> Any:
        return text @ audio.T


class TakesInt16(Right):
    accepts_int16 = True

    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        return super().embed_audio([clip / 32768 if clip.dtype == np.int16 else clip for clip in clips])


class Described(Right):
    info: Any = SystemInfo("described", 16_000, uses=("keywords",))

    def embed_audio(self, clips: Sequence[np.ndarray], metadata: Sequence[Metadata] = ()) -> Any:
        known = [read(" ".join(one["keywords"])) if one["keywords"] else 0 for one in metadata]
        return super().embed_audio(clips) + np.array([np.zeros(D, np.float32) + one for one in known])


class ScoringDescribedPairs:
    info: Any = SystemInfo("pairs", 16_000, uses=("keywords",))

    def score_pairs(
        self, captions: Sequence[str], clips: Sequence[np.ndarray], metadata: Sequence[Metadata] = ()
    ) -> Any:
        rows = zip(captions, clips, metadata, strict=True)
        return np.array([read(text) @ describe(clip) + len(one["keywords"]) for text, clip, one in rows], np.float32)


@pytest.mark.parametrize("system", [Right(), Scoring(), TakesInt16(), Described(), ScoringDescribedPairs()])
def test_finds_nothing_in_a_right_system(system: Right) -> None:
    assert check(system) == []
    assert check(system, seed=5) == []


def test_rounding_is_within_tolerance() -> None:
    class RoundsDifferentlyInABatch(Right):
        def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
            noise = 1 + 1e-6 * np.float32(len(clips))
            return super().embed_audio(clips) * noise

    assert check(RoundsDifferentlyInABatch()) == []


# Each class below is followed by the checks it must fail, and no other.
WRONG: list[tuple[type, set[str], str]] = []


def fails(*checks: str, saying: str) -> Any:
    def register(system: type) -> type:
        WRONG.append((system, set(checks), saying))
        return system

    return register


@fails("info", saying=r"no usable info \(RuntimeError: no weights\); set info = SystemInfo")
class InfoRaises(Right):
    @property
    def info(self) -> SystemInfo:  # type: ignore[override]
        raise RuntimeError("no\nweights")


@fails("info", saying=r"info is a dict; expected harness.SystemInfo")
class InfoIsADict(Right):
    info = {"name": "mine", "sample_rate": 16_000}  # noqa: RUF012


@fails("info", saying=r"info.name is ' '; expected the name")
class Nameless(Right):
    info = SystemInfo(" ", 16_000)


@fails("info", saying=r"info.sample_rate is 44.1; expected a whole number of Hz from 4,000 to 192,000")
class RateInKilohertz(Right):
    info = SystemInfo("mine", 44.1)  # type: ignore[arg-type]


@fails("info", saying=r"info.trained_on is 'Clotho'; expected a tuple")
class TrainedOnText(Right):
    info = SystemInfo("mine", 16_000, trained_on="Clotho")  # type: ignore[arg-type]


@fails("embed_text output", saying=r"no method embed_text")
class NoText:
    info = SystemInfo("mine", 16_000)
    embed_audio = Right.embed_audio


@fails("embed_audio output", saying=r"embed_audio raised ValueError: cannot do it$")
class AlwaysRaises(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        raise ValueError("cannot\n  do it")


class FakeTensor:
    def detach(self) -> None: ...


@fails("embed_audio output", saying=r"FakeTensor .*; expected a numpy array of float32: end with .float\(\).detach\(\)")
class ReturnsTensor(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        return FakeTensor()


@fails("embed_audio output", saying=r"embed_audio returned float16; expected float32: end with .astype\(np.float32\)")
class HalfPrecision(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        return super().embed_audio(clips).astype(np.float16)


@fails("embed_text output", saying=r"embed_text returned float64")
class DoublePrecision(Right):
    def embed_text(self, captions: Sequence[str]) -> Any:
        return super().embed_text(captions).astype(np.float64)


@fails("embed_audio output", saying=r"an array of shape \(4, 6, 1\) for clips 0 to 3; expected \(4, d\)")
class ThreeAxes(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        return super().embed_audio(clips)[..., None]


@fails("embed_text output", saying=r"shape \(3, 6\) for captions 0 to 3; expected \(4, d\): one row per caption")
class LosesOne(Right):
    def embed_text(self, captions: Sequence[str]) -> Any:
        return super().embed_text(captions)[1:]


@fails("embed_text output", saying=r"NaN or infinity for captions 0, 1, 2, 3")
class NotFinite(Right):
    def embed_text(self, captions: Sequence[str]) -> Any:
        return super().embed_text(captions) * np.float32("inf")


@fails("embed_audio output", saying=r"embed_audio gives 4 different clips one vector; check that the weights")
class Collapsed(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        return np.ones((len(clips), D), np.float32)


@fails("embed_text output", saying=r"embed_text gives a caption the zero vector")
class Zero(Right):
    def embed_text(self, captions: Sequence[str]) -> Any:
        return np.zeros((len(captions), D), np.float32)


@fails("embed_audio input", saying=r"embed_audio changes the clips it is given; work on a copy")
class NormalisesInPlace(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        for clip in clips:
            clip /= max(np.abs(clip).max(), np.float32(1e-3))
        return super().embed_audio(clips)


@fails("embed_text input", saying=r"embed_text changes the captions it is given")
class LowersInPlace(Right):
    def embed_text(self, captions: Any) -> Any:
        captions[:] = [caption.lower() for caption in captions]
        return super().embed_text(captions)


@fails(
    "embed_audio determinism",
    saying=r"another vector on a second call \(by .* 0.0001 is allowed\); put the model in eva",
)
class DriftsInLargeBatches(Right):
    """Of the calls that are compared with each other, only those with four clips of one length differ."""

    calls = 0

    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        large = len(clips) == 4 and len({len(clip) for clip in clips}) == 1
        self.calls += large
        return super().embed_audio(clips) * np.float32(1.01 if large and self.calls > 1 else 1)


@fails(
    "embed_text determinism",
    "embed_text batch size",
    "embed_text batch mates",
    "embed_text padding",
    "embed_text order",
    saying=r"embed_text gives the same caption another vector on a second call",
)
class Dropout(Right):
    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def embed_text(self, captions: Sequence[str]) -> Any:
        rows = super().embed_text(captions)
        return rows * (self.random.random(rows.shape) > 0.3).astype(np.float32) + np.float32(0.1)  # fmt: skip


@fails("embed_audio batch size", saying=r"another vector alone than in a batch of 4 \(.*use no statistics of the batch")
class AnotherPathForOne(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        same_length = len(clips) > 1 and len({len(clip) for clip in clips}) == 1
        return super().embed_audio(clips) + np.float32(0.01 * same_length)


@fails(
    "embed_audio batch size",
    "embed_audio batch mates",
    "embed_audio padding",
    saying=r"embed_audio gives a clip another vector when the others of its batch change .*let each clip",
)
class BatchStatistics(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        rows = super().embed_audio(clips)
        return rows - np.float32(0.5) * rows.mean(axis=0)


@fails("embed_audio padding", saying=r"embed_audio gives a clip another vector beside longer .*mask the padding")
class PadsUnmasked(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        longest = max(map(len, clips))
        return super().embed_audio([np.pad(clip, (0, longest - len(clip))) for clip in clips])


@fails("embed_audio padding", saying=r"beside longer or shorter ones")
class CutsToTheShortest(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        return super().embed_audio([clip[: min(map(len, clips))] for clip in clips])


@fails(
    "embed_text padding",
    "embed_text order",
    saying=r"embed_text does not return its rows in the order of the captions .*after sorting by length",
)
class SortsByLength(Right):
    def embed_text(self, captions: Sequence[str]) -> Any:
        ties_in_order = sorted(captions, key=lambda caption: len(caption.split()) // 5)
        return super().embed_text(ties_in_order)


@fails("embed_audio unusual input", saying=r"embed_audio raised ValueError: too short \(given a clip of 0.1 s\)")
class NeedsASecond(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        if min(map(len, clips)) < 0.4 * self.info.sample_rate:
            raise ValueError("too short")
        return super().embed_audio(clips)


@fails("embed_audio unusual input", saying=r"out of memory \(given a clip of 30 s\)")
class NeedsShortClips(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        if max(map(len, clips)) > 20 * self.info.sample_rate:
            raise MemoryError("out of memory")
        return super().embed_audio(clips)


@fails("embed_audio unusual input", saying=r"NaN or infinity for clip 0; .* \(given silence\)")
class DividesByTheLevel(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        with np.errstate(all="ignore"):
            return super().embed_audio([clip / np.abs(clip).max() for clip in clips])


@fails(
    "embed_text unusual input", saying=r"embed_text raised IndexError: too many tokens \(given a caption of 600 words\)"
)
class ShortContext(Right):
    def embed_text(self, captions: Sequence[str]) -> Any:
        if max(len(caption.split()) for caption in captions) > 512:
            raise IndexError("too many tokens")
        return super().embed_text(captions)


@fails("embed_text unusual input", saying=r"UnicodeEncodeError: .* \(given an emoji\)")
class AsciiOnly(Right):
    def embed_text(self, captions: Sequence[str]) -> Any:
        return super().embed_text([caption.encode("ascii").decode() for caption in captions])


@fails("embed_audio padding", "embed_audio unusual input", saying=r"vectors of several lengths; pool over time")
class ForgetsToPool(Right):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
        frames = 1 + max(map(len, clips)) // self.info.sample_rate
        return np.tile(super().embed_audio(clips), (1, frames))[:, : max(D, D * (frames - 2))]


@fails("dimension", saying=r"embed_audio returns 6 numbers a clip, embed_text 3 a caption; project both")
class TwoSpaces(Right):
    def embed_text(self, captions: Sequence[str]) -> Any:
        return super().embed_text(captions)[:, :3]


@fails("score", saying=r"score raised ValueError")
class ScoreRaises(Scoring):
    def score(self, text: np.ndarray, audio: np.ndarray) -> Any:
        return text @ audio


@fails("score", saying=r"score returned an array of shape \(4, 3\); expected \(3, 4\): captions by clips")
class ScoresTransposed(Scoring):
    def score(self, text: np.ndarray, audio: np.ndarray) -> Any:
        return audio @ text.T


@fails("score", saying=r"score returned float64; expected float32")
class ScoresInDouble(Scoring):
    def score(self, text: np.ndarray, audio: np.ndarray) -> Any:
        return super().score(text, audio).astype(np.float64)


@fails("score", saying=r"score returned NaN or infinity")
class ScoresNan(Scoring):
    def score(self, text: np.ndarray, audio: np.ndarray) -> Any:
        return super().score(text, audio) * np.float32("nan")


@fails("score", saying=r"another score in a smaller tile; let each score depend on its own")
class SoftmaxOverTheTile(Scoring):
    def score(self, text: np.ndarray, audio: np.ndarray) -> Any:
        scores = np.exp(super().score(text, audio) / 100)
        return scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("system", "checks", "saying"), WRONG, ids=[wrong[0].__name__ for wrong in WRONG])
def test_finds_what_is_wrong_and_nothing_else(system: type, checks: set[str], saying: str) -> None:
    findings = check(system())
    assert {finding.check for finding in findings} == checks
    messages = "\n".join(finding.found for finding in findings)
    assert all("\n" not in finding.found for finding in findings)
    assert re.search(saying, messages, re.MULTILINE), messages


def test_one_side_that_fails_does_not_hide_the_other() -> None:
    class BothWrong(AlwaysRaises):
        def embed_text(self, captions: Sequence[str]) -> Any:
            return super().embed_text(captions).astype(np.float64)

    assert [finding.check for finding in check(BothWrong())] == ["embed_audio output", "embed_text output"]


def test_clips_are_what_the_contract_promises() -> None:
    seen: list[np.ndarray] = []

    class Recording(Right):
        def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
            seen.extend(clips)
            return super().embed_audio(clips)

    assert check(Recording()) == []
    assert {clip.dtype for clip in seen} == {np.dtype(np.float32)}
    assert all(clip.ndim == 1 and np.abs(clip).max() <= 1 for clip in seen)
    lengths = {len(clip) for clip in seen}
    assert (min(lengths), max(lengths)) == (1_600, 480_000)


class RightPairs:
    """A cross-encoder that keeps the contract: loudness against the caption's length."""

    info = SystemInfo("pairs", 16_000)

    def score_pairs(self, captions, clips):
        return np.array(
            [-abs(len(text) / 100 - clip.std()) for text, clip in zip(captions, clips, strict=True)], np.float32
        )


class DrawingPairs(RightPairs):
    random = np.random.default_rng(0)

    def score_pairs(self, captions, clips):
        return super().score_pairs(captions, clips) + self.random.standard_normal(len(clips)).astype(np.float32)


class MixingPairs(RightPairs):
    def score_pairs(self, captions, clips):
        scores = super().score_pairs(captions, clips)
        return scores - scores.mean()


def test_a_cross_encoder_that_keeps_the_contract():
    assert check(RightPairs()) == []


@pytest.mark.parametrize(
    ("system", "saying"),
    [(DrawingPairs, "other scores the second time"), (MixingPairs, "another score alone than with others")],
)
def test_a_cross_encoder_that_does_not(system, saying):
    findings = check(system())
    assert saying in findings[0].found
    assert {finding.check for finding in findings} == {"score_pairs"}


@pytest.mark.parametrize("attribute", ["accepts_int16", "hears_pcm"])
@pytest.mark.filterwarnings("ignore:.*hears_pcm:DeprecationWarning")
def test_stored_samples_have_to_be_embedded_as_others_are(attribute: str) -> None:
    class TakesThemForFloats(Right):
        def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:
            return super().embed_audio([clip.astype(np.float32) for clip in clips])

    setattr(TakesThemForFloats, attribute, True)
    (finding,) = check(TakesThemForFloats())
    assert finding.check == "pcm"
    assert "divide them by 32,768" in finding.found


class TakesNoMetadata(Described):
    def embed_audio(self, clips: Sequence[np.ndarray]) -> Any:  # type: ignore[override]
        return Right.embed_audio(self, clips)


class IgnoresMetadata(Described):
    def embed_audio(self, clips: Sequence[np.ndarray], metadata: Sequence[Metadata] = ()) -> Any:
        return Right.embed_audio(self, clips)


class NeedsKeywords(Described):
    def embed_audio(self, clips: Sequence[np.ndarray], metadata: Sequence[Metadata] = ()) -> Any:
        return super().embed_audio(clips, [{"keywords": (one["keywords"][0],)} for one in metadata])


class MixesClipsUp(Described):
    def embed_audio(self, clips: Sequence[np.ndarray], metadata: Sequence[Metadata] = ()) -> Any:
        return super().embed_audio(clips, [metadata[0]] * len(clips))


class UsesVideo(Right):
    info: Any = SystemInfo("video", 16_000, uses=("video",))


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (TakesNoMetadata(), "embed_audio raised TypeError"),
        (IgnoresMetadata(), "returns the same with other keywords, although info.uses has them"),
        (NeedsKeywords(), "embed_audio raised IndexError"),
        (MixesClipsUp(), "gives a clip another vector alone than in a batch"),
        (UsesVideo(), "info.uses is ('video',); expected a tuple of kinds of metadata, of which there are 'keywords'"),
    ],
)
def test_finds_what_a_system_does_wrong_with_metadata(system: Right, expected: str) -> None:
    assert any(expected in finding.found for finding in check(system))
