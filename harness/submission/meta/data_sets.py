"""What a meta file says of the data sets a system learned from."""

from collections.abc import Iterable
from typing import Any

from harness.datasets import dataset_names, known_dataset

# What encoders were pretrained on, which is no retrieval data set of ours.
_PRETRAINING: dict[str, dict[str, Any]] = {
    "audioset": {"name": "AudioSet", "url": "https://research.google.com/audioset", "has_audio": True},
    "imagenet": {"name": "ImageNet", "url": "https://www.image-net.org", "has_images": True},
}
_FIELDS = ("name", "url", "has_audio", "has_images", "has_video", "has_captions", "nb_captions_per_audio")


def described(names: Iterable[str], used_for: str) -> list[dict[str, Any]]:
    """Entries of `train_datasets` or `validation_datasets`; of a data set that nobody described, its name.

    A name stands for the training split of a data set, or for its validation split where it ends in `-validation`, or
    for another split that stands after a slash.

    >>> described(["clotho"], "training")[0]["nb_captions_per_audio"]
    5
    >>> [entry["name"] for entry in described(["audiocaps", "audiocaps/test"], "training")]
    ['AudioCaps-train', 'AudioCaps-test']
    """
    return [_entry(name, used_for) for name in names]


def _entry(name: str, used_for: str) -> dict[str, Any]:
    known = _PRETRAINING.get(name.casefold()) or _of_split(name.casefold())
    if known is None:
        return {"name": name, "url": None, "used_for": used_for}
    defaults: dict[str, Any] = dict.fromkeys(_FIELDS, False) | {"nb_captions_per_audio": None}
    return defaults | known | {"total_audio_length": None, "used_for": used_for}


def _of_split(name: str) -> dict[str, Any] | None:
    """The fields that the entry of a data set knows; `None` where it is not published."""
    dataset, _, said = name.removesuffix("-validation").partition("/")
    if dataset not in dataset_names():
        return None
    entry = known_dataset(dataset)
    split = said or (entry.training if dataset == name else entry.validation)
    if entry.title is None or split is None or split not in entry.splits:
        return None
    title = entry.title if len(entry.splits) == 1 else f"{entry.title}-{split}"
    captions = entry.splits[split].captions_per_clip
    counted = {"has_captions": captions is not None, "nb_captions_per_audio": captions}
    return {"name": title, "url": entry.url, "has_audio": True, **counted}
