"""Captions hold for their own scene, and mean what an independent reading of their English says they mean."""

import re
from dataclasses import replace
from itertools import permutations
from statistics import mean, median

import pytest

from harness.datasets.everyday.cache import EDITION
from harness.datasets.everyday.captions import Caption, write_captions
from harness.datasets.everyday.claims import SceneIndex
from harness.datasets.everyday.scenes import Scene, draw_scenes

SPLITS = ("development", "validation", "evaluation")

# The reader below knows English and nothing of how captions are made: what the words may refer to, first match wins.
BIRDS = "blackbird lark crow owl duck goose chicken turkey"
FARM = "cow horse pig sheep chicken turkey duck goose"
STRINGS = "violin cello harp guitar banjo"
WOODWIND, BRASS = "clarinet flute saxophone", "trumpet trombone tuba"
WIND = f"{WOODWIND} {BRASS} harmonica"
PERCUSSION = "drum|snare drum|timpani|cymbal|gong|maracas"
INSTRUMENTS = "|".join(["accordion|organ|piano", *STRINGS.split(), *WIND.split(), PERCUSSION])
ANIMALS = "|".join([*BIRDS.split(), "cow|horse|pig|sheep|cat|dog|frog|frogs"])
WORDS = {
    r"frogs": "frogs",
    r"frog": "frog|frogs",
    r"\bbirds? sing|songbird|singing bird": "blackbird|lark",
    r"water bird": "duck|goose",
    r"blackbird": "blackbird",
    r"lark": "lark",
    r"\bhens?\b|chicken": "chicken",
    r"farm animal": FARM.replace(" ", "|"),
    r"\bbirds?\b": BIRDS.replace(" ", "|"),
    r"animal": ANIMALS,
    r"grasshopper|insect chirp|chirping insect": "grasshopper",
    r"insect (buzz|hum)|(buzzing|humming|flying) insect": "insect",
    r"insect": "insect|grasshopper",
    r"train whistle|steam whistle|blow": "train whistle",
    r"train": "train",
    r"fire engine|siren": "siren",
    r"busy": "busy signal",
    r"electronic alarm|\balarm": "alarm",
    r"electronic": "alarm|busy signal",
    r"appla|clap": "applause",
    r"heart": "heartbeat",
    r"thunder": "thunder",
    r"rain": "rain",
    r"water": "water",
    r"snare": "snare drum",
    r"timpani|kettledrum": "timpani",
    r"\bdrum": "drum|snare drum|timpani",
    r"percussion": PERCUSSION,
    r"plucked": "harp|guitar|banjo",
    r"stringed": STRINGS.replace(" ", "|"),
    r"woodwind": WOODWIND.replace(" ", "|"),
    r"brass": BRASS.replace(" ", "|"),
    r"wind instrument": WIND.replace(" ", "|"),
    r"violin": "violin",
    r"cell": "cello",
    r"harp": "harp",
    r"guitar": "guitar",
    r"flaut|flute": "flute",
    r"organ": "organ",
    r"pian": "piano",
    r"\bsax": "saxophone",
    r"trumpet": "trumpet",
    r"instrument": INSTRUMENTS,
}
WORDS |= {
    rf"\b{word}s?\b": word
    for word in re.findall(
        r"\w+",
        "accordion banjo clarinet cymbal gong harmonica maracas trombone tuba "
        "cat dog cow crow duck goose horse owl pig sheep turkey",
    )
}

COUNTS = {
    r"\b(just )?once\b|\ba single\b|\bone (?!after)": (1, 1),
    r"\btwice\b|\btwo\b|\ba pair of\b": (2, 2),
    r"\bthree\b": (3, 3),
    r"\bfour\b": (4, 4),
    r"\ba few\b": (3, 4),
    r"\bseveral\b|\brepeated": (3, 99),
}
COUNTABLE = {"cat", "dog", "cow", "horse", "sheep", "turkey", "duck", "crow", "cymbal", "drum", "gong"} | {
    "train whistle"
}
SETTING = r" (in the rain|on a rainy day|during a shower of rain|over the noise of a train|near a passing train|beside "
SETTING += r"flowing water|near running water|among croaking frogs|beside a pond of croaking frogs|among chirping "
SETTING += r"grasshoppers)$| with ([^,]+) in the background$"

Thing = tuple[frozenset[str], tuple[int, int] | None, bool, str]


def read_thing(words: str) -> Thing:
    """One clause or noun phrase: what may be meant, how often, far away, first or last."""
    meant = next((labels for pattern, labels in WORDS.items() if re.search(pattern, words)), None)
    assert meant is not None, words
    counts = [bounds for pattern, bounds in COUNTS.items() if re.search(pattern, words)]
    assert len(counts) <= 1, words
    far = re.search(r"distance|far away", words) is not None
    place = re.search(r"at the (beginning|start|end)", words)
    return frozenset(meant.split("|")), counts[0] if counts else None, far, place[1] if place else ""


def read(text: str) -> tuple[list[Thing], list[tuple[int, int, str]], bool]:
    """Things, and which of them come before or go with which others; and whether it is in a hall."""
    words = text[0].lower() + text[1:].removesuffix(".")
    words, hall = re.subn(r" in a large hall$| in a big echoing room$| in an echoing hall$", "", words)
    things: list[Thing] = []
    relations: list[tuple[int, int, str]] = []
    behind: list[Thing] = []
    if setting := re.search(SETTING, words):
        behind.append(read_thing(setting[1] or setting[2]))
        words = words[: setting.start()]
    if plural := re.fullmatch(r"(different .*) (one after the other|at the same time)", words):
        things = [read_thing(plural[1])] * 2
        relations = [(0, 1, "before" if plural[2].startswith("one") else "with")]
    elif sounds := re.fullmatch(r"the sounds? of (.*)", words):
        things = [read_thing(part) for part in re.split(r", | and ", sounds[1])]
    else:
        steps = in_order(words)
        numbered: list[list[int]] = []
        for step in steps:
            sides = together(step)
            indices = []
            for side in sides:
                parts = re.split(r", | and ", side)
                indices.append([*range(len(things), len(things) + len(parts))])
                things += [read_thing(part) for part in parts]
            relations += [
                (one, other, "with")
                for number, side in enumerate(indices)
                for later in indices[number + 1 :]
                for one in side
                for other in later
            ]
            numbered.append([index for side in indices for index in side])
        relations += [
            (one, other, "before")
            for number, step in enumerate(numbered)
            for later in numbered[number + 1 :]
            for one in step
            for other in later
        ]
    count = len(things)
    return things + behind, relations + [(index, count, "with") for index in range(count) if behind], bool(hall)


def in_order(words: str) -> list[str]:
    """Split into what follows what."""
    words = re.sub(r"^first ", "", words)
    if after := re.fullmatch(r"after (.*?), (.*)", words):
        return [after[1], *in_order(after[2])]
    steps = re.split(r", followed by | followed by |, and after that |, and then |, then | and then | before ", words)
    if len(steps) == 1 and " after " in words:
        steps = words.split(" after ")[::-1]
    return steps


def together(words: str) -> list[str]:
    """Split into what sounds at the same time."""
    if led := re.fullmatch(r"(while|as) (.*?), (.*)", words):
        return [led[2], led[3]]
    if both := re.fullmatch(r"(.*) and (.*) at the same time", words):
        return [both[1], both[2]]
    return re.split(r" and at the same time | at the same time as | while | as ", words)


def true_of(meaning: tuple[list[Thing], list[tuple[int, int, str]], bool], scene: Scene) -> bool:
    """Decide on the plain facts of a scene: names, times, onsets and offsets."""
    things, relations, hall = meaning
    if hall and scene.room != "hall":
        return False
    facts = [(one.label, one.times, one.far, one.start_ms, one.end_ms, one.background) for one in scene.sounds]
    for chosen in permutations(facts, len(things)):
        if all(thing_is(thing, fact, facts) for thing, fact in zip(things, chosen, strict=True)) and all(
            chosen[i][4] <= chosen[j][3]
            if kind == "before"
            else min(chosen[i][4], chosen[j][4]) - max(chosen[i][3], chosen[j][3]) > 0
            for i, j, kind in relations
        ):
            return True
    return False


def thing_is(
    thing: Thing, fact: tuple[str, int, bool, int, int, bool], facts: list[tuple[str, int, bool, int, int, bool]]
) -> bool:
    labels, count, far, place = thing
    label, times, is_far, start, end, lasting = fact
    others = [other for other in facts if other is not fact and not other[5]]
    if label not in labels or (far and not is_far):
        return False
    if count is not None and not (count[0] <= times <= count[1] if label in COUNTABLE else count[1] == 99):
        return False
    if place and (lasting or not others):
        return False
    if place in ("beginning", "start"):
        return all(end <= other[3] for other in others)
    return place != "end" or all(other[4] <= start for other in others)


@pytest.fixture(scope="module")
def scenes() -> dict[str, tuple[Scene, ...]]:
    return draw_scenes(EDITION.seed, EDITION.sizes)


@pytest.fixture(scope="module")
def captions(scenes: dict[str, tuple[Scene, ...]]) -> dict[str, tuple[tuple[Caption, ...], ...]]:
    return {split: write_captions(EDITION.seed, split, scenes[split]) for split in SPLITS}


Scenes = dict[str, tuple[Scene, ...]]
Captions = dict[str, tuple[tuple[Caption, ...], ...]]


@pytest.mark.parametrize("split", SPLITS)
def test_five_distinct_captions_that_hold_for_their_scene(scenes: Scenes, captions: Captions, split: str) -> None:
    for scene, five in zip(scenes[split], captions[split], strict=True):
        assert len(five) == 5
        assert all(caption.claims.holds(scene) for caption in five)
    texts = [caption.text.casefold() for five in captions[split] for caption in five]
    assert len(set(texts)) == len(texts) == 5 * len(scenes[split])


@pytest.mark.parametrize("split", SPLITS)
def test_read_by_themselves_they_hold_for_their_scene(scenes: Scenes, captions: Captions, split: str) -> None:
    for scene, five in zip(scenes[split], captions[split], strict=True):
        for caption in five:
            assert true_of(read(caption.text), scene), (caption.text, scene)


@pytest.mark.parametrize("split", SPLITS[1:])
def test_read_by_themselves_they_match_the_same_scenes(scenes: Scenes, captions: Captions, split: str) -> None:
    index = SceneIndex(scenes[split])
    for caption in (caption for five in captions[split] for caption in five):
        meaning = read(caption.text)
        expected = [scene.name for scene in scenes[split] if true_of(meaning, scene)]
        assert [scene.name for scene in index.matching(caption.claims)] == expected, (caption.text, meaning)


@pytest.mark.parametrize("split", SPLITS[1:])
def test_most_captions_single_out_their_scene(scenes: Scenes, captions: Captions, split: str) -> None:
    index = SceneIndex(scenes[split])
    matches = [len(index.matching(caption.claims)) for five in captions[split] for caption in five]
    assert median(matches) == 1
    assert 2 < mean(matches) < 4
    assert 0.5 < matches.count(1) / len(matches) < 0.7
    assert max(matches) <= 16


@pytest.mark.parametrize("split", SPLITS)
def test_they_look_like_captions(captions: Captions, split: str) -> None:
    texts = [caption.text for five in captions[split] for caption in five]
    lengths = [len(text.split()) for text in texts]
    assert min(lengths) >= 2
    assert 8 < mean(lengths) < 11
    assert max(lengths) <= 30
    assert len({word for text in texts for word in re.findall(r"[a-z']+", text.lower())}) > 200
    for text in texts:
        assert re.fullmatch(r"[A-Z][a-z',]*( [a-z',]+)*\.", text), text
        assert not re.search(r"\b(\w+) \1\b|\ba [aeiou]|\ban [^aeiou]", text), text


@pytest.mark.parametrize(
    "words", ["followed by", "while", "then", "before", "after", "twice", "three times", "several", "in the distance",
              "in the background", "at the end", "different animals", "in a large hall", "an animal", "a bird"]
)  # fmt: skip
def test_variety(captions: Captions, words: str) -> None:
    texts = [caption.text.lower() for five in captions["evaluation"] for caption in five]
    assert sum(words in text for text in texts) >= 1


def test_a_scene_of_a_split_that_has_used_up_the_vocabulary_shares_captions(scenes: Scenes) -> None:
    """A scene with one sound is there again and again, under other names, until nothing new can be said of it."""
    simple = next(scene for scene in scenes["development"] if len(scene.sounds) == 1)
    again = [replace(simple, name=f"{number}.wav") for number in range(40)]
    captions = write_captions("again", "development", [*scenes["development"][:200], *again])[200:]
    assert all(len({caption.text for caption in five}) == 5 for five in captions)
    assert all(caption.claims.holds(simple) for five in captions for caption in five)
    assert len({caption.text for five in captions for caption in five}) < 5 * len(again)
