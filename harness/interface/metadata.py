"""What is known of a clip beside its sound, and how a system that uses it gets it."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.audio import Array, Clip
from harness.machine import embedding_key

Metadata = Mapping[str, tuple[str, ...]]
"""What is known of one clip, by kind: `{"keywords": ("rain", "field-recording")}`; empty where nothing is known."""

NAME = "name"
"""The kind that is a clip's own name: what a system needs that looks up what was computed elsewhere."""
KINDS = ("keywords", NAME)
"""The kinds of metadata that a system may use."""


def uses_of(system: Any) -> tuple[str, ...]:
    """The kinds of metadata that a system uses; none where its `info` does not say."""
    return tuple(getattr(system.info, "uses", ()))


def metadata_of(clip: Clip, uses: Sequence[str]) -> Metadata:
    """What is known of a clip, of these kinds only.

    >>> from pathlib import Path
    >>> metadata_of(Clip("a.wav", Path("a.wav"), ("rain", "roof")), ["keywords"])
    {'keywords': ('rain', 'roof')}
    """
    return {kind: (clip.name,) if kind == NAME else getattr(clip, kind) or () for kind in uses}


def beside_the_sound(uses: Sequence[str]) -> tuple[str, ...]:
    """Those of these kinds that say something of a clip's content, which a name that is only looked up does not.

    >>> beside_the_sound(["name", "keywords"])
    ('keywords',)
    """
    return tuple(kind for kind in uses if kind != NAME)


def metadata_digest(clips: Sequence[Clip], uses: Sequence[str]) -> str:
    """A digest of what is known of clips, of these kinds."""
    return embedding_key([[metadata_of(clip, [kind])[kind] for clip in clips] for kind in uses])


def embed_described(system: Any, clips: Sequence[tuple[Array, Metadata]]) -> object:
    """What a system returns for clips; it gets their metadata only where it says that it uses any."""
    samples = [audio for audio, _ in clips]
    if not uses_of(system):
        return system.embed_audio(samples)
    return system.embed_audio(samples, [metadata for _, metadata in clips])
