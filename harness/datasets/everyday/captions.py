"""Captions: five ways in which people might describe a scene, each with a record of exactly what it claims."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.datasets.everyday.claims import Claims, Mention, Relation, SceneIndex
from harness.datasets.everyday.draws import Draws
from harness.datasets.everyday.scenes import Scene, Sound
from harness.datasets.everyday.sentences import Part, Sentence, listed, named, related, with_background
from harness.datasets.everyday.vocabulary import LABELS, SEVERAL, WORDINGS

CAPTIONS_PER_SCENE = 5

# A caption says too little when it is true of more scenes than this, of the first 200 of its split.
BROADEST = 16
TRIED_ON = 200

# Draws after which a scene of a large split may share captions with others: three times as many as any scene of the
# benchmark needs, all of whose captions are different.
TRIES_FOR_UNSEEN = 500

# Far more draws than any scene needs: the limit only turns an endless search into an error.
TRIES = 2_500

_DISTANT = (" in the distance", " far away", " from far away", " at a distance")
_HALL = (" in a large hall", " in a big echoing room", " in an echoing hall")
_PLACES: tuple[tuple[Literal["first", "last"], tuple[str, ...]], ...] = (
    ("first", (" at the beginning", " at the start")),
    ("last", (" at the end",)),
)

_Count = tuple[str, str, tuple[int, int | None]]
"""An adverb, the determiner that says the same before a noun, and how often at least and at most."""

_MANY: tuple[_Count, ...] = (
    (" several times", "several", (3, None)),
    (" repeatedly", "repeated", (3, None)),
    (" a few times", "a few", (3, 4)),
)
_COUNTS: tuple[tuple[_Count, ...], ...] = (
    ((" once", "a single", (1, 1)), (" just once", "one", (1, 1))),
    ((" twice", "two", (2, 2)), (" two times", "a pair of", (2, 2))),
    ((" three times", "three", (3, 3)), *_MANY),
    ((" four times", "four", (4, 4)), *_MANY),
)


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence and what it claims."""

    text: str
    claims: Claims


def write_captions(seed: str, split: str, scenes: Sequence[Scene]) -> tuple[tuple[Caption, ...], ...]:
    """Write five captions for each scene of a split, no two of a scene the same.

    No two of the split are the same either, as long as the vocabulary suffices. In splits of thousands of scenes a
    scene of which nothing new can be said shares captions with others, of which they are true as well.

    Raises:
        ValueError: a scene of which the vocabulary cannot say five things.
    """
    draws = Draws(f"{seed} captions {split}")
    tried_on = SceneIndex(scenes[:TRIED_ON])
    seen: set[str] = set()
    written = []
    for scene in scenes:
        captions: list[Caption] = []
        for tries in range(TRIES):
            caption = _write(draws, scene)
            taken = seen if tries < TRIES_FOR_UNSEEN else {own.text for own in captions}
            if caption is None or caption.text in taken or len(tried_on.matching(caption.claims)) > BROADEST:
                continue
            seen.add(caption.text)
            captions.append(caption)
            if len(captions) == CAPTIONS_PER_SCENE:
                break
        else:
            raise ValueError(f"{scene.name}: only {len(captions)} captions found")
        written.append(tuple(captions))
    return tuple(written)


def _write(draws: Draws, scene: Scene) -> Caption | None:
    """One attempt; `None` where the draw does not suit the scene."""
    count = draws.weighted(((30, 1), (48, 2), (22, 3)))
    if count > len(scene.events):
        return None
    chosen = sorted(draws.some(scene.events, count), key=lambda event: event.start_ms)
    sentence = _several(draws, chosen) if draws.chance(15) else _sentence(draws, scene, chosen)
    if sentence is None:
        return None
    room = None
    if scene.background is not None and draws.chance(55):
        sentence = with_background(draws, sentence, scene.background)
    elif scene.room == "hall" and draws.chance(30) and not any(part.far or part.place for part in sentence.mentions):
        room = scene.room
        sentence = replace(sentence, text=sentence.text + draws.choose(_HALL))
    text = f"{sentence.text[0].upper()}{sentence.text[1:]}."
    return Caption(text, Claims(sentence.mentions, sentence.relations, room))


def _sentence(draws: Draws, scene: Scene, chosen: Sequence[Sound]) -> Sentence | None:
    parts = [_part(draws, scene, sound, alone=len(chosen) == 1) for sound in chosen]
    if len({part.mention.term for part in parts}) < len(parts):
        return None
    join = draws.weighted(((70, related), (18, listed), (12, named)))
    return join(draws, parts)


def _several(draws: Draws, chosen: Sequence[Sound]) -> Sentence | None:
    """`Different birds call one after the other`: two sounds of one family."""
    if len(chosen) != 2:
        return None
    first, second = chosen
    families = [term for term in SEVERAL if all(term in LABELS[sound.label].terms for sound in chosen)]
    if not families:
        return None
    family = draws.choose(families)
    form: Literal["finite", "gerund"] = "finite" if draws.chance(50) else "gerund"
    clause = SEVERAL[family][form == "gerund"]
    mentions = (Mention(family), Mention(family))
    if first.before(second):
        return Sentence(f"{clause} one after the other", form, mentions, (Relation(0, 1, "before"),))
    return Sentence(f"{clause} at the same time", form, mentions, (Relation(0, 1, "during"),))


def _part(draws: Draws, scene: Scene, sound: Sound, alone: bool) -> Part:
    """Choose what to say of one sound: its name, how often, how far, and at which end of the scene."""
    about = LABELS[sound.label]
    mention = Mention(about.terms[0] if draws.chance(78) else draws.choose(about.terms))
    wording = draws.choose(WORDINGS[mention.term])
    often, gerund = "", f"{wording.subject} {wording.gerund}"
    if about.countable and mention.term == about.terms[0] and draws.chance(60 if sound.times > 1 else 30):
        often, determiner, times = draws.choose(_COUNTS[sound.times - 1])
        mention = replace(mention, times=times)
        if wording.unit is not None and draws.chance(50):
            gerund = f"{determiner} {wording.unit[sound.times > 1]}"
        else:
            gerund += often
    where = ""
    if sound.far and draws.chance(60):
        where = draws.choose(_DISTANT)
        mention = replace(mention, far=True)
    elif alone and len(scene.events) > 1:
        for place, phrases in _PLACES:
            placed = replace(mention, place=place)
            if placed.fits(sound, scene) and draws.chance(30):
                where, mention = draws.choose(phrases), placed
    return Part(sound, mention, f"{wording.subject} {wording.finite}{often}{where}", gerund + where, wording.noun)
