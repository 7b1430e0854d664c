"""What a meta file says of the data sets a system learned from."""

from collections.abc import Iterable
from typing import Any

_CLOTHO = "https://doi.org/10.5281/zenodo.4783391"
_KNOWN: dict[str, tuple[str, str, bool, bool, int | None]] = {
    "clotho": ("Clotho-development", _CLOTHO, True, False, 5),
    "clotho-validation": ("Clotho-validation", _CLOTHO, True, False, 5),
    "audiocaps": ("AudioCaps-train", "https://github.com/cdjkim/audiocaps", True, False, 1),
    "audiocaps-validation": ("AudioCaps-val", "https://github.com/cdjkim/audiocaps", True, False, 5),
    "wavcaps": ("WavCaps", "https://github.com/XinhaoMei/WavCaps", True, False, 1),
    "audioset": ("AudioSet", "https://research.google.com/audioset", True, False, None),
    "imagenet": ("ImageNet", "https://www.image-net.org", False, True, None),
}
"""By name: name, address, whether it has audio and images, captions per recording (`None` where it has none)."""


def described(names: Iterable[str], used_for: str) -> list[dict[str, Any]]:
    """Entries of `train_datasets` or `validation_datasets`; of a data set nobody described, its name.

    >>> described(["clotho"], "training")[0]["nb_captions_per_audio"]
    5
    """
    return [_entry(name, used_for) for name in names]


def _entry(name: str, used_for: str) -> dict[str, Any]:
    known = _KNOWN.get(name.casefold())
    if known is None:
        return {"name": name, "url": None, "used_for": used_for}
    title, url, has_audio, has_images, captions = known
    return {
        "name": title,
        "url": url,
        "has_audio": has_audio,
        "has_images": has_images,
        "has_video": False,
        "has_captions": captions is not None,
        "nb_captions_per_audio": captions,
        "total_audio_length": None,
        "used_for": used_for,
    }
