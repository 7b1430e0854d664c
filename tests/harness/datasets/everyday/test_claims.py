"""Truth conditions, as a reader of English would have them."""

from dataclasses import replace

import pytest

from harness.datasets.everyday.claims import Claims, Mention, Relation, SceneIndex
from harness.datasets.everyday.scenes import Scene, Sound

CAT = Sound("cat", "cat.flac", 1000, 3000, times=2)
DOG = Sound("dog", "dog.flac", 3500, 4000, far=True)
PIANO = Sound("piano", "piano.flac", 1500, 4200)
RAIN = Sound("rain", "rain.flac", 0, 6000, background=True)
SNARE = Sound("snare drum", "snare.flac", 4500, 5500)


def scene(*sounds: Sound, room: str = "none") -> Scene:
    return Scene("a.wav", 6000, sounds, room, 1000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mention", "true"),
    [
        (Mention("cat"), True),
        (Mention("animal"), True),
        (Mention("bird"), False),
        (Mention("cat", (2, 2)), True),
        (Mention("cat", (1, 1)), False),
        (Mention("cat", (3, 3)), False),
        (Mention("cat", (3, None)), False),
        (Mention("dog", (1, 1)), True),
        (Mention("cat", far=True), False),
        (Mention("dog", far=True), True),
        (Mention("rain"), True),
        (Mention("cat", place="first"), True),
        (Mention("dog", place="first"), False),
        (Mention("dog", place="last"), True),
        (Mention("rain", place="first"), False),
    ],
)
def test_one_mention(mention: Mention, true: bool) -> None:
    assert Claims((mention,)).holds(scene(RAIN, CAT, DOG)) is true


@pytest.mark.parametrize(("times", "true"), [(2, False), (3, True), (4, True)])
def test_several_is_three_or_more(times: int, true: bool) -> None:
    assert Claims((Mention("cat", (3, None)),)).holds(scene(replace(CAT, times=times))) is true


@pytest.mark.parametrize(("times", "true"), [((1, 1), False), ((2, 2), False), ((3, None), True), (None, True)])
def test_a_drum_roll_is_many_strokes_and_no_number_of_them(times: tuple[int, int | None] | None, true: bool) -> None:
    assert Claims((Mention("drum", times),)).holds(scene(SNARE)) is true


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_sound_alone_is_neither_first_nor_last(place: str) -> None:
    mention = Mention("cat", place=place)  # type: ignore[arg-type]
    assert not Claims((mention,)).holds(scene(RAIN, CAT))


def test_a_sound_that_another_overlaps_is_not_first() -> None:
    assert not Claims((Mention("cat", place="first"),)).holds(scene(CAT, PIANO))


@pytest.mark.parametrize(
    ("first", "second", "kind", "true"),
    [
        ("cat", "dog", "before", True),
        ("dog", "cat", "before", False),
        ("cat", "piano", "before", False),
        ("cat", "piano", "during", True),
        ("piano", "cat", "during", True),
        ("cat", "dog", "during", False),
        ("cat", "rain", "during", True),
        ("rain", "cat", "before", False),
        ("cat", "rain", "before", False),
    ],
)
def test_relations(first: str, second: str, kind: str, true: bool) -> None:
    relation = Relation(0, 1, kind)  # type: ignore[arg-type]
    claims = Claims((Mention(first), Mention(second)), (relation,))
    assert claims.holds(scene(RAIN, CAT, PIANO, DOG)) is true


def test_two_mentions_are_two_sounds() -> None:
    two_animals = Claims((Mention("animal"), Mention("animal")))
    assert two_animals.holds(scene(CAT, DOG))
    assert not two_animals.holds(scene(CAT, PIANO))


def test_all_is_said_of_the_same_sound() -> None:
    twice_then_piano = Claims((Mention("animal"), Mention("piano")), (Relation(0, 1, "before"),))
    assert not twice_then_piano.holds(scene(PIANO, DOG))
    far_animal_first = Claims((Mention("animal", far=True), Mention("animal")), (Relation(0, 1, "before"),))
    assert not far_animal_first.holds(scene(CAT, DOG))


def test_room() -> None:
    claims = Claims((Mention("cat"),), room="hall")
    assert claims.holds(scene(CAT, room="hall"))
    assert not claims.holds(scene(CAT, room="room"))


def test_what_is_not_mentioned_may_be_there() -> None:
    assert Claims((Mention("cat"), Mention("dog")), (Relation(0, 1, "before"),)).holds(scene(RAIN, CAT, PIANO, DOG))


def test_index_finds_what_a_plain_search_finds() -> None:
    scenes = [scene(CAT), scene(DOG), scene(RAIN, DOG), scene(PIANO, DOG), scene(CAT, DOG)]
    index = SceneIndex(scenes)
    for claims in (
        Claims((Mention("animal"),)),
        Claims((Mention("dog"), Mention("cat"))),
        Claims((Mention("dog", far=True), Mention("rain"))),
        Claims((Mention("owl"),)),
    ):
        assert index.matching(claims) == [one for one in scenes if claims.holds(one)]
