"""What a meta file says of the data sets a system learned from."""

from collections.abc import Iterable
from typing import Any

from harness.datasets import dataset_names, known_dataset

_WITHOUT_CAPTIONS = {
    "audioset": {"name": "AudioSet", "url": "https://research.google.com/audioset", "has_audio": True},
    "imagenet": {"name": "ImageNet", "url": "https://www.image-net.org", "has_images": True},
}
"""What encoders were pretrained on, which is no retrieval data set of ours."""


def described(names: Iterable[str], used_for: str) -> list[dict[str, Any]]:
    """Entries of `train_datasets` or `validation_datasets`.

    Args:
        names: of data sets, each of which stands for its training split, or for its validation split where it ends in
            `-validation`.
        used_for: what the meta file says they are used for.

    Returns:
        One entry per name; of a data set that nobody has described, its name alone.

    >>> described(["clotho"], "training")[0]["nb_captions_per_audio"]
    5
    """
    return [_entry(name, used_for) for name in names]


def _entry(name: str, used_for: str) -> dict[str, Any]:
    known = _WITHOUT_CAPTIONS.get(name.casefold()) or _of_dataset(name.casefold())
    if known is None:
        return {"name": name, "url": None, "used_for": used_for}
    return {
        "name": known["name"],
        "url": known["url"],
        "has_audio": known.get("has_audio", False),
        "has_images": known.get("has_images", False),
        "has_video": False,
        "has_captions": known.get("captions") is not None,
        "nb_captions_per_audio": known.get("captions"),
        "total_audio_length": None,
        "used_for": used_for,
    }


def _of_dataset(name: str) -> dict[str, Any] | None:
    """What the entry of a data set says of its training or validation split; `None` where it is not published."""
    bare = name.removesuffix("-validation")
    if bare not in dataset_names():
        return None
    entry = known_dataset(bare)
    split = entry.training if bare == name else entry.validation
    if entry.title is None or split is None:
        return None
    title = entry.title if len(entry.splits) == 1 else f"{entry.title}-{split}"
    return {
        "name": title,
        "url": entry.url,
        "has_audio": True,
        "captions": entry.splits[split].captions_per_clip,
    }
