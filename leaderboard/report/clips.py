"""What is known of the clips and captions of a standing, if their data set is on this machine."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.datasets import RetrievalDataset, known_dataset, read_annotations
from harness.errors import UserError
from harness.machine import read_json
from harness.protocols import PROTOCOLS, Protocol, load_dataset, pose, recorded_protocol
from leaderboard.board import Standing


@dataclass(frozen=True)
class Material:
    """The audio and the relevance of a standing.

    Attributes:
        why_not: why none of it is known; empty where it is.
        relevant: names of the relevant items of each query; empty where they are not known.
        also_true: by query, other clips that a protocol with several relevant clips counts as relevant, too.
        audio: paths of the clips that are on this machine, by name.
        seconds: lengths of these clips, by name.
        events: numbers of sounds in the clips, by name, where the data set gives them.
        same_audio: groups of clips whose files are equal byte for byte.
    """

    why_not: str = ""
    relevant: tuple[tuple[str, ...], ...] = ()
    also_true: dict[int, tuple[str, ...]] = field(default_factory=dict)
    audio: dict[str, Path] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    same_audio: tuple[tuple[str, ...], ...] = ()


def find_material(standing: Standing, queries: Sequence[str], data_root: Path) -> Material:
    """Look for the data set of a standing; it is no error if it is not on this machine."""
    protocol = recorded_protocol(standing.protocol.name, standing.protocol.rules)
    assert protocol is not None, "runs by other protocols are set aside"
    try:
        dataset = load_dataset(protocol, data_root)
        task = pose(protocol, dataset)
    except UserError as error:
        return Material(why_not=str(error))
    if task.digest != standing.dataset.digest or task.queries != tuple(queries):
        return Material(why_not=f"the {protocol.dataset} in {data_root} is not the one that was asked")
    items = task.items
    relevant = [tuple(items[item] for item in task.relevance.answers(query)) for query in range(len(task.queries))]
    audio = {clip.name: clip.path for clip in task.clips if clip.path.is_file()}
    return Material(
        relevant=tuple(relevant),
        also_true=_also_true(protocol, dataset, relevant),
        audio=audio,
        seconds=_seconds(audio),
        events=_events(dataset),
        same_audio=_same(audio),
    )


def _also_true(
    protocol: Protocol, dataset: RetrievalDataset, relevant: Sequence[Sequence[str]]
) -> dict[int, tuple[str, ...]]:
    """For a protocol with one relevant clip per caption, those that another protocol on the same clips adds."""
    if protocol.annotations or protocol.queries or protocol.direction != "text-to-audio":
        return {}
    for other in PROTOCOLS.values():
        if (other.dataset, other.split, other.direction) != (protocol.dataset, protocol.split, protocol.direction):
            continue
        if (
            other.annotations is None
            or other.queries
            or other.relevant_from
            or not (dataset.root / other.annotations).is_file()
        ):
            continue
        try:
            asked, answers = read_annotations(dataset.root / other.annotations, dataset)
        except UserError:
            continue
        names = [clip.name for clip in dataset.clips]
        found = {
            query: tuple(names[clip] for clip in clips if names[clip] not in relevant[query])
            for query, clips in zip(asked, answers, strict=True)
        }
        return {query: clips for query, clips in sorted(found.items()) if clips}
    return {}


def _seconds(audio: dict[str, Path]) -> dict[str, float]:
    import soundfile

    found = {}
    for name, path in audio.items():
        try:
            found[name] = round(soundfile.info(path).duration, 2)
        except (RuntimeError, OSError):
            # A clip that cannot be opened has no length to show; the evaluation reports it.
            continue
    return found


def _events(dataset: RetrievalDataset) -> dict[str, int]:
    path = dataset.root / f"scenes_{dataset.split}.json"
    if not known_dataset(dataset.name).composed or not path.is_file():
        return {}
    scenes = read_json(path)
    return {scene["name"]: len(scene["sounds"]) for scene in scenes}


def _same(audio: dict[str, Path]) -> tuple[tuple[str, ...], ...]:
    """Groups of clips with equal files; only files of equal size are read."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for name, path in audio.items():
        by_size[path.stat().st_size].append(name)
    by_content: dict[str, list[str]] = defaultdict(list)
    for names in by_size.values():
        if len(names) > 1:
            for name in names:
                by_content[hashlib.sha256(audio[name].read_bytes()).hexdigest()].append(name)
    return tuple(tuple(names) for names in by_content.values() if len(names) > 1)
