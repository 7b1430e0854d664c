"""`outputs`: what another program computed for the clips and captions of a data set, as a system that looks it up.

`lbar score FILE --keep` writes such a system into the run folder. It answers what it was computed for, and nothing
else; a fusion can have it as a member beside systems that hear.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.audio import Array
from harness.errors import UserError, one_line
from harness.interface import NAME, Card, Metadata, parse_card, required_file, takes_card
from harness.machine import open_file

RATE = 16_000
"""Hz; some rate has to be named, though the sound is not listened to."""


class OutputsSystem:
    """Gives each clip, by its name, and each caption the vector that was computed for it."""

    def __init__(self, card: Card, held: Mapping[str, Any], digest: str) -> None:
        self.info = card.info(sample_rate=RATE, parameters=card.parameters or 0, digest=digest, uses=(NAME,))
        self.widths = (held["audio"].shape[1], held["text"].shape[1])
        """Dimensions of its vectors of clips and of captions."""
        self._audio, self._text = held["audio"], held["text"]
        self._clips = {name: row for row, name in enumerate(held["clips"].tolist())}
        self._captions = {text: row for row, text in reversed([*enumerate(held["captions"].tolist())])}

    def embed_audio(self, clips: Sequence[Array], metadata: Sequence[Metadata] = ()) -> Array:  # noqa: ARG002
        """The vectors of clips, `(n, d)`, by their names; the sound is not used.

        Raises:
            UserError: a clip has no name, or one of which nothing was computed.
        """
        return self._found(self._audio, self._clips, [next(iter(one.get(NAME, ())), "") for one in metadata], "clip")

    def embed_text(self, captions: Sequence[str]) -> Array:
        """The vectors of captions, `(m, d)`.

        Raises:
            UserError: nothing was computed for a caption.
        """
        return self._found(self._text, self._captions, captions, "caption")

    def _found(self, vectors: Array, rows: Mapping[str, int], names: Sequence[str], what: str) -> Array:
        unknown = [name for name in names if name not in rows]
        if unknown:
            raise UserError(
                f"{self.info.name} is the outputs for other clips and captions: it has none for the {what} "
                f"{unknown[0]!r}; evaluate it by the protocol that they were made for"
            )
        return np.asarray(vectors[[rows[name] for name in names]], np.float32)


class ScoresSystem(OutputsSystem):
    """The same of scores: the vector of a caption is its row, that of a clip the number of its column."""

    def score(self, text: Array, audio: Array) -> Array:
        """The scores of captions with clips, `(m, n)`."""
        return np.ascontiguousarray(text[:, audio[:, 0].astype(np.int64)])


@takes_card(Card)
def from_card(card: Mapping[str, object], folder: Path) -> OutputsSystem:
    """Build the system from the file that a card names under `files: outputs:`.

    Raises:
        UserError: something is wrong with the card or the file.
    """
    parsed = parse_card(Card, card)
    path = required_file(parsed.files, "outputs", folder, parsed.name)
    try:
        with open_file(path) as file:
            digest = hashlib.sha256(file.read()).hexdigest()
            held = dict(np.load(path, allow_pickle=False))
        if "scores" in held:
            columns = np.arange(held["scores"].shape[1], dtype=np.float32)[:, None]
            return ScoresSystem(parsed, held | {"text": held["scores"], "audio": columns}, digest)
        return OutputsSystem(parsed, held, digest)
    except Exception as error:  # A damaged file can fail in any way.
        raise UserError(f"{path} is not what `lbar score --keep` writes: {one_line(error)}") from error
