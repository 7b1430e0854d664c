"""Named evaluation protocols, as data.

A published protocol is never edited: results with different digests are never put in one column, so a change gets a new
name.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from harness.errors import unknown

Direction = Literal["text-to-audio", "audio-to-text"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is asked, on which data, and how the answer is counted.

    Attributes:
        name: its name in records, tables and commands.
        dataset: name of the data set.
        split: split of the data set, in the data set's own words.
        direction: what is the query and what is ranked.
        measures: every reported measure; the first is the primary one.
        annotations: name of the file, in the data set's folder, that lists several relevant clips per caption
            (columns `query,audio_filenames`); only the captions it lists are asked. `None`: the clip a caption was
            written for is the relevant one.
        submission: format of the predictions file, `None` where the challenge has none for this direction.
        ties: how equal scores are ranked.
    """

    name: str
    dataset: str
    split: str
    direction: Direction = "text-to-audio"
    measures: tuple[str, ...] = ("mAP@10", "R@1", "R@5", "R@10")
    annotations: str | None = None
    submission: Literal["ranked-list", "score-matrix"] | None = "ranked-list"
    ties: Literal["pessimistic"] = "pessimistic"

    @property
    def primary(self) -> str:
        """The measure systems are ordered by."""
        return self.measures[0]

    @property
    def digest(self) -> str:
        """SHA-256 over every field."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


_MULTI_2025 = ("mAP@16", "mAP@10", "R@1", "R@5", "R@10")

# What papers print as R@k of audio-to-text is whether any of a clip's captions is among the first k.
_AUDIO_TO_TEXT = ("mAP@10", "Hit@1", "Hit@5", "Hit@10", "R@10")

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("everyday", "everyday", "evaluation"),
        Protocol("everyday-multi", "everyday", "evaluation", annotations="relevance_evaluation.csv"),
        Protocol("everyday-validation", "everyday", "validation"),
        Protocol("everyday-a2t", "everyday", "evaluation", "audio-to-text", _AUDIO_TO_TEXT, submission=None),
        Protocol("clotho-dcase2024", "clotho", "evaluation"),
        Protocol(
            "clotho-dcase2025",
            "clotho",
            "evaluation",
            measures=_MULTI_2025,
            annotations="metadata_eval.csv",
            submission="score-matrix",
        ),
        Protocol("clotho-validation", "clotho", "validation"),
        Protocol("clotho-a2t", "clotho", "evaluation", "audio-to-text", _AUDIO_TO_TEXT, submission=None),
        Protocol("audiocaps", "audiocaps", "test"),
        Protocol("audiocaps-957", "audiocaps", "test-957"),
        Protocol("audiocaps-a2t", "audiocaps", "test", "audio-to-text", _AUDIO_TO_TEXT, submission=None),
        Protocol("folder", "folder", "all"),
    )
}


def get_protocol(name: str) -> Protocol:
    """Look a protocol up by name.

    Raises:
        UserError: no protocol has this name.
    """
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
