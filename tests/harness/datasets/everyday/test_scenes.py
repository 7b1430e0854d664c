"""Scenes keep the promises that make captions about them plainly true or false."""

from itertools import combinations

import pytest

from harness.datasets.everyday.cache import EDITION, PRETRAINING
from harness.datasets.everyday.scenes import Scene, draw_scenes
from harness.datasets.everyday.sources import sources
from harness.datasets.everyday.vocabulary import LABELS


@pytest.fixture(scope="module")
def splits() -> dict[str, tuple[Scene, ...]]:
    return draw_scenes(EDITION.seed, EDITION.sizes)


@pytest.fixture(scope="module")
def scenes(splits: dict[str, tuple[Scene, ...]]) -> list[Scene]:
    return [scene for split in splits.values() for scene in split]


def test_sizes(splits: dict[str, tuple[Scene, ...]]) -> None:
    assert {split: len(scenes) for split, scenes in splits.items()} == {
        "development": 1000,
        "validation": 200,
        "evaluation": 200,
    }


def test_no_scene_is_shared(scenes: list[Scene]) -> None:
    heard = [tuple((sound.label, sound.times, sound.far) for sound in scene.sounds) for scene in scenes]
    assert len(set(heard)) == len(heard)
    assert len({scene.name for scene in scenes}) == len(scenes)


def test_drawn_again_they_are_the_same(splits: dict[str, tuple[Scene, ...]]) -> None:
    assert draw_scenes(EDITION.seed, EDITION.sizes) == splits
    assert draw_scenes("another", EDITION.sizes) != splits


def test_four_to_twelve_seconds_and_one_to_four_events(scenes: list[Scene]) -> None:
    assert all(4_000 <= scene.duration_ms <= 12_000 for scene in scenes)
    assert {len(scene.events) for scene in scenes} == {1, 2, 3, 4}
    assert {event.times for scene in scenes for event in scene.events} == {1, 2, 3, 4}


def test_backgrounds_last_and_come_first(scenes: list[Scene]) -> None:
    for scene in scenes:
        starts = [event.start_ms for event in scene.events]
        assert starts == sorted(starts)
        if scene.background is not None:
            assert scene.sounds[0] is scene.background
            assert (scene.background.start_ms, scene.background.end_ms) == (0, scene.duration_ms)
    share = sum(scene.background is not None for scene in scenes) / len(scenes)
    assert 0.4 < share < 0.7


def test_sounds_fit_into_scene_and_source(scenes: list[Scene]) -> None:
    lengths = {recording.file_name: recording.milliseconds for of in sources().values() for recording in of}
    for scene in scenes:
        for sound in scene.sounds:
            assert 0 <= sound.offset_ms <= sound.offset_ms + sound.length_ms <= lengths[sound.file_name]
            assert 0 <= sound.start_ms < sound.end_ms <= scene.duration_ms
            if not sound.background:
                once = sound.length_ms * 1000 // sound.speed
                assert sound.end_ms == sound.start_ms + (sound.times - 1) * sound.period_ms + once


def test_repetitions_do_not_run_into_each_other(scenes: list[Scene]) -> None:
    for event in (event for scene in scenes for event in scene.events if LABELS[event.label].countable):
        assert event.times == 1 or event.period_ms - event.milliseconds >= 150


def test_two_events_follow_or_accompany_each_other_plainly(scenes: list[Scene]) -> None:
    for scene in scenes:
        for first, second in combinations(scene.events, 2):
            common = min(first.end_ms, second.end_ms) - max(first.start_ms, second.start_ms)
            shorter = min(first.end_ms - first.start_ms, second.end_ms - second.start_ms)
            assert common <= -100 or common >= shorter / 2


def test_labels_that_would_blur_a_caption_are_not_together(scenes: list[Scene]) -> None:
    for scene in scenes:
        labels = [sound.label for sound in scene.sounds]
        assert len(set(labels)) == len(labels)
        assert len({"drum", "snare drum", "timpani"}.intersection(labels)) <= 1
        assert "thunder" not in labels or "rain" in labels


def test_every_label_and_recording_is_heard_in_every_split(splits: dict[str, tuple[Scene, ...]]) -> None:
    for split in splits.values():
        assert {sound.label for scene in split for sound in scene.sounds} == set(LABELS)
    heard = {sound.file_name for split in splits.values() for scene in split for sound in scene.sounds}
    assert heard == {recording.file_name for of in sources().values() for recording in of}


def test_the_companion_has_no_scene_of_the_benchmark(splits: dict[str, tuple[Scene, ...]]) -> None:
    contents = {scene.content for scene in PRETRAINING.scenes()["training"]}
    assert len(contents) == PRETRAINING.sizes["training"] == 4000
    assert contents.isdisjoint(scene.content for scenes in splits.values() for scene in scenes)


def test_a_scene_of_others_is_not_drawn_again(splits: dict[str, tuple[Scene, ...]]) -> None:
    first = splits["development"][:3]
    drawn = draw_scenes(EDITION.seed, {"development": 3}, first)["development"]
    assert {scene.content for scene in drawn}.isdisjoint(scene.content for scene in first)
