"""`random`: vectors that do not depend on meaning, to show what chance scores."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.audio import Array
from harness.errors import UserError
from harness.interface import Card, SystemInfo, parse_card, takes_card

DIMENSION = 128


class RandomSystem:
    """Gives every clip and every caption a random vector, seeded by nothing but its own content.

    >>> system = RandomSystem()
    >>> bool((system.embed_text(["a dog", "rain"])[1] == system.embed_text(["rain"])[0]).all())
    True
    """

    info = SystemInfo(
        name="random",
        sample_rate=32_000,
        licence="Apache-2.0",
        source="lbar",
        digest=hashlib.sha256(f"random {DIMENSION}".encode()).hexdigest(),
    )

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        """Draw a vector for each clip, `(n, 128)`."""
        return np.stack([_draw(np.ascontiguousarray(clip).tobytes()) for clip in clips])

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Draw a vector for each caption, `(m, 128)`."""
        return np.stack([_draw(caption.encode()) for caption in captions])


@takes_card(Card)
def from_card(card: Mapping[str, object], folder: Path) -> RandomSystem:  # noqa: ARG001
    """Build the system; it is the same for every card.

    Raises:
        UserError: something is wrong with the card, or it has another name.
    """
    if parse_card(Card, card).name != RandomSystem.info.name:
        raise UserError("a card of `random` has the line `name: random`, since all such cards give the same vectors")
    return RandomSystem()


def _draw(content: bytes) -> Array:
    """Standard normal numbers, seeded by SHA-256 of the content."""
    seed = np.frombuffer(hashlib.sha256(content).digest(), np.uint32)
    # Numpy promises that the numbers of this generator never change.
    return np.random.RandomState(seed).standard_normal(DIMENSION).astype(np.float32)
