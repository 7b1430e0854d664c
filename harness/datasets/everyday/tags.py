"""Tags as somebody who uploads a scene might write them: noisy, incomplete, some of them wrong.

They are drawn for each scene by itself, from its name and its true content, which lies beside the captions; so they are
the same on every machine, and no file of the data set has them.
"""

import json
from collections.abc import Sequence

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.everyday.draws import Draws
from harness.datasets.everyday.vocabulary import LABELS, WORDINGS
from harness.datasets.keywords import Keywords

_EVENT_NAMED = 65
_BACKGROUND_NAMED = 40
_MISTAKEN = 12
_INVENTED = 8
_NOTHING_WRITTEN = 6
_HALL_NAMED = 35
"""Per cent: of events and backgrounds that get a tag at all, of these tags that name a similar sound instead, of scenes
with a tag of a sound that is not there, of scenes without any tag, and of halls that get a tag."""

_OF_A_HALL = ("reverb", "hall", "echo", "large-room")
_OF_NO_SOUND = (
    "field-recording", "ambience", "sound-effect", "sfx", "foley", "soundscape", "stereo", "mono", "24-bit", "96khz",
    "zoom-h4n", "rode-nt5", "wav", "loop", "sample", "noise", "nature", "city", "outdoor", "indoor", "home", "studio",
    "garden", "village", "vienna", "puerto-rico", "summer", "morning", "2014", "test", "free", "atmo",
)  # fmt: skip


def read_tags(dataset: RetrievalDataset) -> Keywords:
    """The tags of all scenes of a split."""
    path = dataset.root / f"scenes_{dataset.split}.json"
    scenes = json.loads(path.read_bytes())
    return Keywords(
        path,
        {
            scene["name"]: draw_tags(
                f"{dataset.name} tags 1 {scene['name']}",
                [(sound["label"], sound["background"]) for sound in scene["sounds"]],
                hall=scene["room"] == "hall",
            )
            for scene in scenes
        },
    )


def draw_tags(seed: str, sounds: Sequence[tuple[str, bool]], *, hall: bool) -> tuple[str, ...]:
    """Draw the tags of a scene.

    Args:
        seed: a text.
        sounds: the label of each, and whether it is the background.
        hall: whether they sound in a hall.

    >>> draw_tags("an example", [("rain", True), ("cat", False)], hall=False)
    ('cat', 'rode-nt5')
    """
    draws = Draws(seed)
    if draws.chance(_NOTHING_WRITTEN):
        return ()
    tags: list[str] = []
    for label, background in sounds:
        if draws.chance(_BACKGROUND_NAMED if background else _EVENT_NAMED):
            tags += _names(draws, _mistaken(draws, label) if draws.chance(_MISTAKEN) else label)
    if draws.chance(_INVENTED):
        tags += _names(draws, draws.choose(list(LABELS)))
    if hall and draws.chance(_HALL_NAMED):
        tags.append(draws.choose(_OF_A_HALL))
    tags += draws.some(_OF_NO_SOUND, draws.weighted(((20, 0), (30, 1), (25, 2), (15, 3), (10, 5))))
    return tuple(dict.fromkeys(draws.some(tags, len(tags))))


def _names(draws: Draws, label: str) -> list[str]:
    """What somebody calls a sound: by a name of it, narrow or wide, and perhaps by what it does."""
    terms = LABELS[label].terms
    term = terms[0] if draws.chance(75) else draws.choose(terms)
    names = [f"{term}s" if draws.chance(10) else term]
    if draws.chance(20):
        names.append(draws.choose(WORDINGS[terms[0]]).gerund.split()[-1])
    return [draws.choose((name.replace(" ", "-"), name.title(), name, name)) for name in names]


def _mistaken(draws: Draws, label: str) -> str:
    """Another sound, of the same family where there is one."""
    family = set(LABELS[label].terms[1:])
    similar = [other for other, about in LABELS.items() if other != label and family.intersection(about.terms)]
    return draws.choose(similar or [other for other in LABELS if other != label])
