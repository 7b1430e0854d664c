import pytest

from harness.datasets.everyday.cache import EDITION, everyday_captions
from harness.datasets.everyday.truth import everyday_truth


def names_with(*labels: str) -> set[str]:
    scenes = EDITION.scenes()["evaluation"]
    return {scene.name for scene in scenes if set(labels) <= {sound.label for sound in scene.sounds}}


def test_a_caption_is_true_of_its_own_clip_and_of_few_others() -> None:
    captions = everyday_captions("evaluation")
    for number in range(0, len(captions), 50):
        right = everyday_truth(captions[number].upper())
        assert right is not None
        assert f"evaluation_{number // 5 + 1:04}.wav" in right
        assert len(right) <= 16


@pytest.mark.parametrize(
    ("words", "labels"),
    [("some violins", ["violin"]), ("Cat and  a dog!", ["cat", "dog"]), ("a snare drum", ["snare drum"])],
)
def test_other_words_are_true_where_what_they_name_is_heard(words: str, labels: list[str]) -> None:
    assert everyday_truth(words) == names_with(*labels)


def test_words_that_name_nothing_are_neither() -> None:
    assert everyday_truth("a spaceship lands") is None
    assert everyday_truth("") is None


def test_families_and_sounds_that_are_nowhere() -> None:
    birds = everyday_truth("a bird")
    assert birds is not None
    assert birds > (everyday_truth("an owl") or set())
    assert everyday_truth("cat dog cow horse pig sheep frog") == frozenset()
