"""The tags of clips: what sounds in them, without order or number, as encoders are usually pre-trained on."""

from harness.datasets import RetrievalDataset
from harness.errors import UserError
from harness.machine import read_json


def tags_of(dataset: RetrievalDataset) -> list[frozenset[str]]:
    """The tags of each clip: its sounds, and the room if it sounds like one.

    They are known of composed scenes, from the file `scenes_<split>.json` beside their captions.

    Raises:
        UserError: the data set has no such file, or another number of clips is in it.
    """
    path = dataset.root / f"scenes_{dataset.split}.json"
    if not path.is_file():
        raise UserError(
            f"{dataset.name} has no tags to pre-train on (no file {path}); name everyday-pretraining or everyday"
        )
    tags = {
        scene["name"]: frozenset((*(sound["label"] for sound in scene["sounds"]), f"in: {scene['room']}"))
        for scene in read_json(path, most=1 << 30)
    }
    if missing := [clip.name for clip in dataset.clips if clip.name not in tags]:
        raise UserError(f"{path} says nothing of {len(missing)} clips, the first {missing[0]}; delete its folder")
    return [tags[clip.name] for clip in dataset.clips]
