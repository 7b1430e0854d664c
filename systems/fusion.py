"""`fusion`: the weighted mean of the similarities of several systems, as many challenge entries use it."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from harness.audio import Array
from harness.errors import UserError, one_line
from harness.interface import (
    BuiltSystem,
    Card,
    Metadata,
    RetrievalSystem,
    System,
    SystemInfo,
    build_system,
    checked_embeddings,
    checked_info,
    embed_described,
    guarded_score,
    is_pair_scorer,
    located,
    needed_files,
    parse_card,
    takes_card,
    trained_without,
    unequal_widths,
    uses_of,
)
from harness.machine import system_code
from harness.measures import Scores, Vectors, score_tiles, unit_vectors

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class FusionCard(Card):
    """The members of a fusion and their weights.

    Attributes:
        members: the systems, at least two: registered names, `package.module:factory`, or paths of cards, relative to
            this card's folder.
        weights: one for each member, in their order; equal by default. A member of weight 0 is not built.
        dataset: the data set on whose validation split `lbar train` fits the weights.
    """

    members: Annotated[tuple[str, ...], Field(min_length=2)]
    weights: tuple[Weight, ...] = ()
    dataset: str | None = None

    @model_validator(mode="after")
    def _has_a_weight_each(self) -> Self:
        if self.weights and len(self.weights) != len(self.members):
            raise ValueError(f"{len(self.weights)} weights for {len(self.members)} members; give one each, or none")
        if self.weights and not any(self.weights):
            raise ValueError("all weights are 0; give at least one member a weight")
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights of all members, scaled so that they sum to 1."""
        weights = self.weights or (1.0,) * len(self.members)
        largest = max(weights)
        total = math.fsum(weight / largest for weight in weights)
        return tuple(weight / largest / total for weight in weights)


@dataclass(frozen=True, eq=False)
class Member:
    """A system with a weight above 0 in a fusion.

    Attributes:
        system: the system.
        share: its weight, where all weights sum to 1.
        audio_width: dimension of its embeddings of clips.
        text_width: dimension of its embeddings of captions.
    """

    system: RetrievalSystem
    share: float
    audio_width: int
    text_width: int

    @classmethod
    def of(cls, system: System, share: float) -> "Member":
        """Try a system on one clip and one caption, to learn its dimensions.

        Raises:
            UserError: it has no embeddings, or they cannot be compared.
        """
        name = checked_info(system).name
        if is_pair_scorer(system):
            raise UserError(
                f"{name} scores pairs of caption and clip and has no embeddings to fuse; take it out of `members:`"
            )
        if isinstance(widths := getattr(system, "widths", None), tuple):
            # A system that looks its vectors up knows those of its own clips and captions only.
            return cls(system, share, *widths)
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, system.info.sample_rate).astype(np.float32)
        try:
            clip = embed_described(system, [(noise, dict.fromkeys(uses_of(system), ()))])
            caption = system.embed_text(["A dog barks."])
        except (Exception, SystemExit) as error:
            raise UserError(f"{name} fails on the clip and the caption it is tried on: {one_line(error)}") from error
        audio = checked_embeddings(clip, 1, "clip", name, 0)
        text = checked_embeddings(caption, 1, "caption", name, 0)
        if guarded_score(system) is None and audio.shape[1] != text.shape[1]:
            raise UserError(unequal_widths(name, audio, text))
        return cls(system, share, audio.shape[1], text.shape[1])


class CosineFusion:
    """A fusion of systems that all compare by the cosine; the cosine of its vectors is the weighted mean of theirs.

    Let aₖ and tₖ be member k's unit vectors of a clip and a caption, and wₖ its share. The fused vectors hold √wₖ aₖ
    and √wₖ tₖ of all members side by side. Their inner product is Σ wₖ aₖ·tₖ, which is their cosine, since both have
    length √(Σ wₖ) = 1. If members return a vector of zeros, the fused vector would be shorter, and the similarities of
    the other members would count for more. One more dimension for clips and another one for captions, which add to no
    inner product, therefore hold what is missing: √(Σ wₖ) over such members.
    """

    def __init__(self, card: FusionCard, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        self.info = _info(card, self.members, "cosine")

    def embed_audio(self, clips: Sequence[Array], metadata: Sequence[Metadata] = ()) -> Array:
        """Embed clips at the highest of the members' sampling rates, `(n, sum of widths + 2)`, as unit vectors."""
        return self._joined(_audio_embeddings(self.members, clips, metadata, self.info.sample_rate), spare_column=0)

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions, `(m, sum of widths + 2)`, as unit vectors."""
        return self._joined(_text_embeddings(self.members, captions), spare_column=1)

    def _joined(self, of_each: Iterable[Array], spare_column: int) -> Array:
        shares = np.array([member.share for member in self.members])
        units = [unit_vectors(vectors) for vectors in of_each]
        spare = np.zeros((len(units[0]), 2), np.float32)
        spare[:, spare_column] = np.sqrt(shares @ [~rows.any(axis=1) for rows in units])
        weighted = (np.float32(root) * rows for root, rows in zip(np.sqrt(shares), units, strict=True))
        return np.concatenate([*weighted, spare], axis=1)


class ScoreFusion:
    """A fusion of systems of which some have a score of their own: its vectors hold those of all members."""

    def __init__(self, card: FusionCard, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        self.info = _info(card, self.members, "score")
        self._audio_ends = np.cumsum([member.audio_width for member in self.members])
        self._text_ends = np.cumsum([member.text_width for member in self.members])

    def embed_audio(self, clips: Sequence[Array], metadata: Sequence[Metadata] = ()) -> Array:
        """Embed clips at the highest of the members' sampling rates: all vectors side by side, `(n, sum of widths)`."""
        return np.concatenate(list(_audio_embeddings(self.members, clips, metadata, self.info.sample_rate)), axis=1)

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions: all vectors side by side, `(m, sum of widths)`."""
        return np.concatenate(list(_text_embeddings(self.members, captions)), axis=1)

    def score(self, text: Array, audio: Array) -> Array:
        """The weighted mean of the members' scores, `(m, n)`."""
        mean = np.zeros((len(text), len(audio)), np.float32)
        texts = np.split(text, self._text_ends[:-1], axis=1)
        audios = np.split(audio, self._audio_ends[:-1], axis=1)
        for member, of_text, of_audio in zip(self.members, texts, audios, strict=True):
            add_similarity(mean, member.share, member.system, of_text, of_audio)
        return mean


Fusion = CosineFusion | ScoreFusion


@takes_card(FusionCard)
def from_card(card: Mapping[str, object], folder: Path, *, device: str = "cpu", precision: str = "fp32") -> Fusion:
    """Build the fusion that a card describes, with its members.

    Raises:
        UserError: something is wrong with the card, or members cannot be built (all of them are listed) or fused.
    """
    parsed = parse_card(FusionCard, card)
    return fuse(parsed, [built.system for built in build_members(parsed, folder, device=device, precision=precision)])


def build_members(card: FusionCard, folder: Path, *, device: str, precision: str) -> list[BuiltSystem]:
    """Build the members of a card whose weight is not 0.

    Args:
        card: the card of the fusion.
        folder: the card's folder, to which paths of members are relative.
        device: see `build_system`.
        precision: see `build_system`.

    Raises:
        UserError: members cannot be built (all of them are listed), or fusions are members of each other in a circle.
    """
    mine = f"fusion {card.name!r}"
    counting = [member for member, share in zip(card.members, card.shares, strict=True) if share]
    built: list[BuiltSystem] = []
    failed: dict[str, str] = {}
    for member in counting:
        try:
            # This refuses members in a circle, which building would follow without end.
            needed_files(located(member, folder))
            built.append(
                build_system(
                    located(member, folder), device=device, precision=precision, named_by=f"fusion {card.name!r}"
                )
            )
        except UserError as error:
            failed[member] = "; ".join(error.problems) or str(error)
    if failed:
        problems = [f"{member}: {problem}" for member, problem in failed.items()]
        if len(problems) == 1:
            raise UserError(f"{mine} lacks a member: {problems[0]}")
        raise UserError(f"{mine} lacks members: {', '.join(failed)}", problems)
    return built


def fuse(card: FusionCard, systems: Sequence[System]) -> Fusion:
    """Fuse systems.

    Args:
        card: the card with their weights.
        systems: those whose weight is not 0, in the card's order.

    Raises:
        UserError: one of them cannot be fused.
    """
    shares = [share for share in card.shares if share]
    members = [Member.of(system, share) for system, share in zip(systems, shares, strict=True)]
    if all(guarded_score(member.system) is None for member in members):
        return CosineFusion(card, members)
    return ScoreFusion(card, members)


def add_similarity(total: Scores, share: float, system: RetrievalSystem, text: Vectors, audio: Vectors) -> None:
    """Add `share` times the similarities of a system (its own score, or else the cosine) to `total`, in place.

    Args:
        total: float32, shape `(captions, clips)`.
        share: weight of the system.
        system: the system.
        text: its embeddings of the captions, shape `(captions, d)`.
        audio: its embeddings of the clips, shape `(clips, d)`.

    Raises:
        UserError: the system's own score fails.
    """
    for rows, scores in score_tiles(text, audio, guarded_score(system)):
        total[rows] += np.float32(share) * scores


def _audio_embeddings(
    members: Sequence[Member], clips: Sequence[Array], metadata: Sequence[Metadata], rate: int
) -> Iterator[Array]:
    """Each member's embeddings of clips, which are resampled once to each sampling rate; see `embed_described`."""
    known: Sequence[Metadata] = metadata or [{}] * len(clips)
    at_rate = {rate: clips}
    for member in members:
        own = member.system.info.sample_rate
        if own not in at_rate:
            at_rate[own] = [_resampled(clip, rate, own) for clip in clips]
        yield np.asarray(embed_described(member.system, list(zip(at_rate[own], known, strict=True))), np.float32)


def _text_embeddings(members: Sequence[Member], captions: Sequence[str]) -> Iterator[Array]:
    """Each member's embeddings of captions."""
    for member in members:
        yield np.asarray(member.system.embed_text(captions), np.float32)


def _resampled(clip: Array, rate: int, wanted: int) -> Array:
    """A clip as the harness would have decoded it at another rate, but for the rounding to 16 bits."""
    import soxr

    samples = soxr.resample(clip, rate, wanted, quality="HQ")
    # Of one or two samples none may be left, and systems need not take a clip without samples.
    return np.clip(samples if len(samples) else clip[:1], -1, 1)


def _info(card: FusionCard, members: Sequence[Member], way: str) -> SystemInfo:
    infos = [member.system.info for member in members]
    without = (f"{one.name} {line}" for one in infos for line in trained_without(one.card))
    info = card.model_copy(update={"trained_without": (*card.trained_without, *without)}).info(
        sample_rate=max(one.sample_rate for one in infos),
        parameters=sum(one.parameters for one in infos),
        digest=_digest(members, way),
        uses=tuple(dict.fromkeys(kind for one in infos for kind in one.uses)),
    )
    datasets = (*info.trained_on, *(name for one in infos for name in one.trained_on))
    return replace(info, trained_on=tuple(dict.fromkeys(datasets)))


def _digest(members: Sequence[Member], way: str) -> str | None:
    """SHA-256 over the members and their shares; `None` if a member has no digest.

    The harness takes into account the code of a system's class, which for a fusion is ours. The code of members that
    others wrote therefore counts here.
    """
    parts = []
    for member in members:
        ours = type(member.system).__module__.partition(".")[0] == __name__.partition(".")[0]
        code = "" if ours else system_code(member.system)
        if member.system.info.digest is None or code is None:
            return None
        parts.append((member.system.info.digest, code, member.share))
    return hashlib.sha256(json.dumps([way, *parts]).encode()).hexdigest()
