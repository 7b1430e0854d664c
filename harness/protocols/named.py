"""Named evaluation protocols, as data.

A published protocol is never edited: results with different digests are never put in one column, so a change gets a new
name.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

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
            (columns `query,audio_filenames`), or says how relevant clips are (`query,file_name,relevance`); only the
            captions it lists are asked. `None`: the clip a caption was written for is the relevant one.
        submission: format of the predictions file, `None` where the challenge has none for this direction.
        ties: how equal scores are ranked.
        queries: name of the file, in the data set's folder or one of the two above, that has queries to ask instead of
            the captions: a CSV with the columns `query,file_name`, or JSON Lines as the user-intent queries have.
        relevant_from: where clips are more or less relevant, the least relevance with which one counts as relevant to
            measures that know no grades; `None` where they are relevant or not.
        among: whether clips are ranked among all, or among those that the annotations judge for the same query.
        rules: what the YAML file said from which it was read; it takes no part in the digest, which is over the fields.
    """

    name: str
    dataset: str
    split: str
    direction: Direction = "text-to-audio"
    measures: tuple[str, ...] = ("mAP@10", "R@1", "R@5", "R@10")
    annotations: str | None = None
    submission: Literal["ranked-list", "score-matrix"] | None = "ranked-list"
    ties: Literal["pessimistic"] = "pessimistic"
    queries: str | None = None
    relevant_from: float | None = None
    among: Literal["all", "judged"] = "all"
    rules: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def primary(self) -> str:
        """The measure systems are ordered by."""
        return self.measures[0]

    @property
    def digest(self) -> str:
        """SHA-256 over every field; those that the first protocols did not have count where they say something."""
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.compare}
        kept = {key: value for key, value in said.items() if key not in _SINCE or value not in (None, "all")}
        return hashlib.sha256(json.dumps(kept | {"measures": list(self.measures)}, sort_keys=True).encode()).hexdigest()


_SINCE = ("queries", "relevant_from", "among")

_MULTI_2025 = ("mAP@16", "mAP@10", "R@1", "R@5", "R@10")

# What papers print as R@k of audio-to-text is whether any of a clip's captions is among the first k.
_AUDIO_TO_TEXT = ("mAP@10", "Hit@1", "Hit@5", "Hit@10", "R@10")

# Under the queries of arXiv 2604.18360, which lie as UIQ/ in the data root or above the captions.
_INTENTS = ("question", "imperative", "paraphrase", "tagging", "negative")
_OF_EVERYDAY = ("question", "command", "keywords", "paraphrase")


def _of_intents(dataset: str, split: str, kind: str) -> Protocol:
    file = f"UIQ/{dataset}/{dataset}_{split}_{kind}_queries.jsonl"
    return Protocol(f"{dataset}-intents-{kind}", dataset, split, submission=None, queries=file)


def _of_everyday(kind: str) -> Protocol:
    return Protocol(
        f"everyday-intents-{kind}",
        "everyday",
        "evaluation",
        annotations=f"intents_{kind}_relevance_evaluation.csv",
        submission=None,
        queries=f"intents_{kind}_evaluation.csv",
    )


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
        Protocol("audiocaps-v2", "audiocaps", "test-v2"),
        Protocol("audiocaps-v2-a2t", "audiocaps", "test-v2", "audio-to-text", _AUDIO_TO_TEXT, submission=None),
        Protocol(
            "clotho-graded2023",
            "clotho",
            "evaluation",
            measures=("nDCG@10", "GAP@10", "mAP@10", "MRR", "Rprec"),
            annotations="evaluation_relevances.csv",
            submission=None,
            relevant_from=50.0,
            among="judged",
        ),
        *(_of_everyday(kind) for kind in _OF_EVERYDAY),
        replace(
            _of_everyday("negation"),
            measures=("mAP@10", "R@1", "R@5", "R@10", "HNSR@10", "RightRank"),
            relevant_from=1.0,
        ),
        *(_of_intents("clotho", "evaluation", kind) for kind in _INTENTS),
        *(_of_intents("audiocaps", "test", kind) for kind in _INTENTS),
    )
}
