"""Scenes: which sounds, when, how loud, how far away, in which room."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from harness.datasets.everyday.draws import Draws
from harness.datasets.everyday.sources import sources
from harness.datasets.everyday.vocabulary import LABELS

Room = Literal["none", "room", "hall"]

SHORTEST_MS = 4_000
LONGEST_MS = 12_000
SHORTEST_PASSAGE_MS = 2_000
LONGEST_REPETITION_MS = 5_000
SHORTEST_GAP_MS = 100

# Labels never drawn together: a reader could not tell which of them a caption means.
APART = (
    frozenset({"drum", "snare drum", "timpani"}),
    frozenset({"frog", "frogs"}),
    frozenset({"train", "train whistle"}),
)

LEVELS = (800, 900, 1000, 1100, 1250)
BACKGROUND_LEVELS = (125, 150, 180, 220)
SCENE_LEVELS = (500, 630, 800, 1000)
REPETITIONS = ((30, 1), (30, 2), (22, 3), (18, 4))
ROOMS: tuple[tuple[int, Room], ...] = ((40, "none"), (30, "room"), (30, "hall"))


@dataclass(frozen=True, slots=True)
class Sound:
    """One source, played one or several times, or all the time as the background.

    Times are in milliseconds from the start of the scene; the source is played from `offset_ms` for `length_ms` of
    its own time, `speed` / 1000 times as fast. `level` is in thousandths of the usual level.
    """

    label: str
    file_name: str
    start_ms: int
    end_ms: int
    times: int = 1
    period_ms: int = 0
    offset_ms: int = 0
    length_ms: int = 0
    speed: int = 1000
    level: int = 1000
    far: bool = False
    background: bool = False

    @property
    def milliseconds(self) -> int:
        """How long one of the repetitions sounds."""
        return self.length_ms * 1000 // self.speed

    def before(self, other: "Sound") -> bool:
        """This one is over when the other begins."""
        return self.end_ms <= other.start_ms

    def overlap_ms(self, other: "Sound") -> int:
        """For how long both sound; negative for a gap."""
        return min(self.end_ms, other.end_ms) - max(self.start_ms, other.start_ms)

    def during(self, other: "Sound") -> bool:
        """Both sound together for at least half of the shorter one."""
        shorter = min(self.end_ms - self.start_ms, other.end_ms - other.start_ms)
        return 2 * self.overlap_ms(other) >= shorter


@dataclass(frozen=True, slots=True)
class Scene:
    """One composed clip: its sounds in order of their onset, the background, where there is one, first."""

    name: str
    duration_ms: int
    sounds: tuple[Sound, ...]
    room: Room
    level: int

    @property
    def events(self) -> tuple[Sound, ...]:
        """The sounds that are not the background."""
        return tuple(sound for sound in self.sounds if not sound.background)

    @property
    def background(self) -> Sound | None:
        """The sound that fills the scene from start to end."""
        return self.sounds[0] if self.sounds[0].background else None

    @property
    def content(self) -> tuple[object, ...]:
        """Its sounds, in order, without their times: no two scenes of the data set have the same."""
        return tuple((sound.label, sound.times, sound.far, sound.background) for sound in self.sounds)


def draw_scenes(seed: str, sizes: Mapping[str, int], others: Iterable[Scene] = ()) -> dict[str, tuple[Scene, ...]]:
    """Draw the scenes of all splits, no two with the same content, and none with that of one of the `others`."""
    draws = Draws(f"{seed} scenes")
    seen = {scene.content for scene in others}
    splits = {}
    for split, size in sizes.items():
        scenes: list[Scene] = []
        while len(scenes) < size:
            scene = _draw_scene(draws, f"{split}_{len(scenes) + 1:04d}.wav")
            if scene is not None and scene.content not in seen:
                seen.add(scene.content)
                scenes.append(scene)
        splits[split] = tuple(scenes)
    return splits


def _draw_scene(draws: Draws, name: str) -> Scene | None:
    """One scene, or `None` where the draw gives none that can be described clearly."""
    count = draws.weighted(((12, 1), (42, 2), (33, 3), (13, 4)))
    labels = draws.some([label for label, about in LABELS.items() if not about.background], count)
    background = _draw_background(draws, labels)
    if any(len(group.intersection((*labels, background))) > 1 for group in APART):
        return None
    events = _lay_out(draws, [_draw_event(draws, label, short=count > 2) for label in labels])
    last = max(event.end_ms for event in events)
    room: Room = draws.weighted(((60, "none"), (40, "room")) if background else ROOMS)
    duration = max(last + draws.between(300, 900) + (600 if room == "hall" else 0), SHORTEST_MS)
    bare = background is None and (last < SHORTEST_MS // 2 or (count == 1 and not 1 < events[0].times < 4))
    if bare or duration > LONGEST_MS or not _clear(events):
        return None
    lasting = () if background is None else (_draw_lasting(draws, background, duration),)
    return Scene(name, duration, lasting + events, room, draws.choose(SCENE_LEVELS))


def _draw_background(draws: Draws, labels: list[str]) -> str | None:
    # The recording of thunder has rain in it, so that a scene with thunder needs rain for its captions to be true.
    if "thunder" in labels:
        return "rain"
    if not draws.chance(45):
        return None
    return draws.choose([label for label, about in LABELS.items() if about.background])


def _draw_lasting(draws: Draws, label: str, duration: int) -> Sound:
    source = draws.choose(sources()[label])
    return Sound(
        label,
        source.file_name,
        0,
        duration,
        length_ms=source.milliseconds,
        level=draws.choose(BACKGROUND_LEVELS),
        background=True,
    )


def _draw_event(draws: Draws, label: str, short: bool) -> Sound:
    """An event that starts at 0."""
    about = LABELS[label]
    source = draws.choose(sources()[label])
    length, offset = source.milliseconds, 0
    if length > SHORTEST_PASSAGE_MS and not about.countable:
        length = draws.between(SHORTEST_PASSAGE_MS, min(length, 2_800 if short else 4_500))
        offset = draws.between(0, source.milliseconds - length)
    speed = 10 * draws.between(92, 108)
    once = length * 1000 // speed
    times = about.repetitions or (draws.weighted(REPETITIONS) if about.countable else 1)
    period = once + (0 if about.repetitions else draws.between(150, 500))
    while times > 1 and (times - 1) * period + once > LONGEST_REPETITION_MS:
        times -= 1
    end = (times - 1) * period + once
    return Sound(
        label,
        source.file_name,
        0,
        end,
        times,
        period,
        offset,
        length,
        speed,
        draws.choose(LEVELS),
        far=draws.chance(15) and label != "heartbeat",
    )


def _lay_out(draws: Draws, events: list[Sound]) -> tuple[Sound, ...]:
    """Place each event after all before it, or beginning during the one before it; in order of their onset."""
    placed = [_moved(events[0], draws.between(150, 900))]
    for event in events[1:]:
        if draws.chance(50):
            start = max(other.end_ms for other in placed) + draws.between(120, 700)
        else:
            start = draws.between(placed[-1].start_ms + 50, placed[-1].end_ms)
        placed.append(_moved(event, start))
    return tuple(sorted(placed, key=lambda event: event.start_ms))


def _moved(event: Sound, start: int) -> Sound:
    return replace(event, start_ms=start, end_ms=start + event.end_ms)


def _clear(events: tuple[Sound, ...]) -> bool:
    """Whether of every two events one clearly follows the other, or both clearly sound together."""
    return all(
        first.overlap_ms(second) <= -SHORTEST_GAP_MS or first.during(second)
        for first, second in combinations(events, 2)
    )
