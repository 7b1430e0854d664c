"""The tags of scenes: always the same, and as incomplete and wrong as they are meant to be."""

import hashlib
import json
from collections import Counter
from pathlib import Path

from harness.datasets.dataset import Clip, Query, RetrievalDataset
from harness.datasets.everyday.scenes import draw_scenes
from harness.datasets.everyday.tags import draw_tags
from harness.datasets.everyday.vocabulary import LABELS
from harness.datasets.keywords import described
from harness.datasets.known import load


def test_they_never_change() -> None:
    assert draw_tags("a seed", [("snare drum", False), ("rain", True)], hall=True) == (
        "reverb",
        "rain",
        "snare-drum",
        "loop",
    )
    lines = "\n".join(
        ";".join(
            draw_tags(scene.name, [(one.label, one.background) for one in scene.sounds], hall=scene.room == "hall")
        )
        for scene in draw_scenes("tags", {"some": 100})["some"]
    )
    assert (
        hashlib.sha256(lines.encode()).hexdigest() == "4b6ca7f009363d2b0bd7f16998d836545717fcee4e383a7b1dd71a45978bcd00"
    )


def test_some_are_missing_and_some_are_wrong() -> None:
    labels = sorted(LABELS)
    names = {term.lower(): label for label, about in LABELS.items() for term in about.terms[:1]}
    found: Counter[str] = Counter()
    for number in range(3_000):
        true = labels[number % len(labels)]
        tags = draw_tags(f"{number}", [(true, False)], hall=False)
        named = {names.get(tag.lower().replace("-", " ").rstrip("s")) for tag in tags} - {None}
        found["empty"] += not tags
        found["right"] += true in named
        found["wrong"] += bool(named - {true})
    assert 0.06 < found["empty"] / 3_000 < 0.16
    assert 0.35 < found["right"] / 3_000 < 0.6
    assert 0.08 < found["wrong"] / 3_000 < 0.25


def test_the_benchmark_itself_stays_as_it_is() -> None:
    plain = load("everyday", "evaluation", Path())
    tagged = described(plain, ["keywords"], evaluated=True)
    assert (tagged.digest, tagged.queries) == (plain.digest, plain.queries)
    assert not any(clip.keywords for clip in plain.clips)
    assert sum(bool(clip.keywords) for clip in tagged.clips) > 170


def test_the_companion_has_them_too(tmp_path: Path) -> None:
    scene = {"name": "scene.flac", "room": "dry", "sounds": [{"label": "rain", "background": False}]}
    (tmp_path / "scenes_training.json").write_text(json.dumps([scene]))
    clips = (Clip("scene.flac", tmp_path / "scene.flac"),)
    companion = RetrievalDataset("everyday-pretraining", "training", tmp_path, clips, (Query("it rains", 0),))
    tagged = described(companion, ["keywords"], evaluated=False)
    wanted = draw_tags("everyday-pretraining tags 1 scene.flac", [("rain", False)], hall=False)
    assert wanted
    assert tagged.clips[0].keywords == wanted
