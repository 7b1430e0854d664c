"""Synthetic clips and captions that a system is tried on, and what it makes of them."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.audio import Array
from harness.errors import UserError
from harness.interface.metadata import KINDS, uses_of
from harness.interface.returned_values import METHODS, called, checked_embeddings, is_sample_rate

_USUAL_RATE = 32_000
_KEYWORDS = (
    ("rain", "field-recording", "Puerto-Rico"),
    (),
    tuple(f"keyword-{number}" for number in range(60)),
    ("Male speech, man speaking", "Käuzchen"),
    ("bell",),
    (),
)


@dataclass
class Probe:
    """Clips or captions, and the method that embeds them.

    Attributes:
        what: "clip" or "caption".
        method: the system's method.
        system_name: for messages.
        alike: items of one length, so that none of them is padded.
        all_lengths: items of different lengths.
        unusual: single items that systems tend to fail on, by their description.
        vectors: the embeddings of `alike`, shape `(items, d)`, once these are known to be usable.
    """

    what: str
    method: Any
    system_name: str
    alike: list[Any]
    all_lengths: list[Any]
    unusual: dict[str, Any]
    vectors: Array | None = None

    @property
    def method_name(self) -> str:
        """`embed_audio` or `embed_text`."""
        return METHODS[self.what]

    def call(self, items: list[Any]) -> object:
        """Whatever the method returns.

        Raises:
            UserError: the method raises an exception.
        """
        return called(f"{self.system_name}: {self.method_name}", self.method, items)

    def embed(self, items: list[Any]) -> Array:
        """Embeddings of copies of the items, shape `(items, d)`.

        Raises:
            UserError: the method raises an exception, or returns something else.
        """
        vectors = checked_embeddings(self.call(copy.deepcopy(items)), len(items), self.what, self.system_name, 0)
        if self.vectors is not None and self.vectors.shape[1] != vectors.shape[1]:
            raise UserError(
                f"{self.system_name}: {self.method_name} returns vectors of several lengths; "
                f"pool over time, so that every {self.what} has one dimension"
            )
        return vectors

    def embed_one_by_one(self, items: list[Any]) -> Array:
        """The same, each item in a batch of its own."""
        return np.concatenate([self.embed([item]) for item in items])


def name_and_rate(system: Any) -> tuple[str, int]:
    """A system's name and sample rate; where its `info` is not usable, what the other checks can run with."""
    try:
        name, sample_rate = str(system.info.name), system.info.sample_rate
    # A system's own property may raise anything; the check of `info` tells what.
    except Exception:
        return type(system).__name__, _USUAL_RATE
    return name, sample_rate if is_sample_rate(sample_rate) else _USUAL_RATE


def uses_on_trial(system: Any) -> tuple[str, ...]:
    """The kinds of metadata that a system uses; those that there are not are reported of its `info`."""
    try:
        return tuple(kind for kind in uses_of(system) if kind in KINDS)
    # As above.
    except Exception:
        return ()


def keywords_of(clip: Array) -> tuple[str, ...]:
    """Keywords that go with the samples of a clip, whatever their type; every third clip has none."""
    return _KEYWORDS[int(np.argmax(np.abs(clip.astype(np.float64)))) % len(_KEYWORDS)] if len(clip) else ()


def described(method: Any, uses: Sequence[str], keywords: Callable[[Array], tuple[str, ...]], place: int = 1) -> Any:
    """A method that gets the metadata a system uses after its argument at `place`, counted from 1: the clips."""
    if not uses or not callable(method):
        return method
    return lambda *items: method(*items, [{kind: keywords(clip) for kind in uses} for clip in items[place - 1]])


def audio_probe(system: object, name: str, sample_rate: int, seed: int) -> Probe:
    """Clips of tones and noise."""
    generator = np.random.default_rng(seed)
    uses = uses_on_trial(system)

    def clip(seconds: float) -> Array:
        """A tone and noise that swell and fade."""
        time = np.arange(round(seconds * sample_rate)) / sample_rate
        tone = np.sin(2 * np.pi * generator.uniform(100, min(4_000, sample_rate / 2)) * time)
        noise = generator.standard_normal(len(time)).clip(-3, 3) / 3
        envelope = 0.55 + 0.45 * np.sin(2 * np.pi * generator.uniform(0.3, 3) * time)
        return (envelope * (0.6 * tone + generator.uniform(0.05, 0.4) * noise)).astype(np.float32)

    return Probe(
        "clip",
        described(getattr(system, "embed_audio", None), uses, keywords_of),
        name,
        [clip(2.0) for _ in range(4)],
        [clip(seconds) for seconds in (1.1, 10.0, 0.5, 4.2)],
        {
            "a clip of 0.1 s": clip(0.1),
            "a clip of 30 s": clip(30.0),
            "silence": np.zeros(5 * sample_rate, np.float32),
        },
    )


def text_probe(system: object, name: str) -> Probe:
    """Captions of four words to 600."""
    return Probe(
        "caption",
        getattr(system, "embed_text", None),
        name,
        [
            "A dog barks twice at a car",
            "Rain falls on a tin roof",
            "Someone walks slowly over dry leaves",
            "Birds SING while a train passes",
        ],
        [
            "A bell rings",
            "A machine whines and squeals while punching or stamping, and then it slows down and stops for good",
            "Rain",
            "Water drips into a sink and somebody closes a door",
        ],
        {
            "a caption of 600 words": " ".join(["rain and wind"] * 200),
            "an emoji": "🐕 barks 🔊",
            "accents and quotes": 'Ein "Käuzchen" ruft, très loin',
            "outer blanks": " A dog barks. ",
        },
    )
