"""What a caption says of a scene, and whether it is true."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from harness.datasets.everyday.scenes import Room, Scene, Sound
from harness.datasets.everyday.vocabulary import LABELS


@dataclass(frozen=True, slots=True)
class Mention:
    """What a caption claims of one sound.

    Attributes:
        term: what it calls the sound.
        times: how often it sounds, at least and at most; `None` where the caption does not say, or sets no upper limit.
        far: whether the caption says that it is far away.
        place: whether it says that it is the first or the last of several events.
    """

    term: str
    times: tuple[int, int | None] | None = None
    far: bool = False
    place: Literal["first", "last"] | None = None

    def fits(self, sound: Sound, scene: Scene) -> bool:
        """Whether all of this is true of a sound."""
        label = LABELS[sound.label]
        if self.term not in label.terms or (self.far and not sound.far):
            return False
        if self.times is not None:
            low, high = self.times
            # A drum roll is "several" strokes, and no exact number.
            if not (low <= sound.times <= (high or sound.times) if label.countable else high is None):
                return False
        return self.place is None or _stands_at(self.place, sound, scene)


@dataclass(frozen=True, slots=True)
class Relation:
    """The sound of the mention at `first` ends before that at `second` begins, or both sound together."""

    first: int
    second: int
    kind: Literal["before", "during"]

    def holds(self, sounds: tuple[Sound, ...]) -> bool:
        """Whether it is true of the sounds that the mentions stand for."""
        first, second = sounds[self.first], sounds[self.second]
        return first.before(second) if self.kind == "before" else first.during(second)


@dataclass(frozen=True, slots=True)
class Claims:
    """All that a caption claims.

    It is true of a scene if each mention can be assigned a sound of its own in the scene, so that all relations are
    true of these sounds. Sounds that a caption does not mention may be there or not.

    >>> meow, bark = Sound("cat", "cat.flac", 500, 900), Sound("dog", "dog.flac", 1500, 2200)
    >>> scene = Scene("a.wav", 4000, (meow, bark), "none", 1000)
    >>> mentions = Mention("cat", times=(1, 1)), Mention("animal")
    >>> Claims(mentions, (Relation(0, 1, "before"),)).holds(scene)
    True
    >>> Claims(mentions, (Relation(1, 0, "before"),)).holds(scene)
    False
    """

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...] = ()
    room: Room | None = None

    def holds(self, scene: Scene) -> bool:
        """Whether all of it is true of a scene."""
        if self.room is not None and self.room != scene.room:
            return False
        candidates = [[sound for sound in scene.sounds if mention.fits(sound, scene)] for mention in self.mentions]
        if not all(candidates):
            return False
        return any(
            all(sound in fitting for sound, fitting in zip(sounds, candidates, strict=True))
            and all(relation.holds(sounds) for relation in self.relations)
            for sounds in permutations(scene.sounds, len(self.mentions))
        )


class SceneIndex:
    """Scenes, by the terms that may name their sounds, so that those that claims are true of are found quickly."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._scenes = scenes
        self._with_term: dict[str, set[int]] = {}
        for number, scene in enumerate(scenes):
            for sound in scene.sounds:
                for term in LABELS[sound.label].terms:
                    self._with_term.setdefault(term, set()).add(number)

    def matching(self, claims: Claims) -> list[Scene]:
        """The scenes that all claims are true of, in order."""
        possible = set.intersection(*(self._with_term.get(mention.term, set()) for mention in claims.mentions))
        return [self._scenes[number] for number in sorted(possible) if claims.holds(self._scenes[number])]


def _stands_at(place: str, sound: Sound, scene: Scene) -> bool:
    others = [event for event in scene.events if event is not sound]
    if sound.background or not others:
        return False
    return all(sound.before(other) if place == "first" else other.before(sound) for other in others)
