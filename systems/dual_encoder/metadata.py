"""What is known of a clip beside its sound, fused with what is heard: the hybrid system, late or mid-level.

Reconstructed. P. Primus and G. Widmer, "Fusing Audio and Metadata Embeddings Improves Language-based Audio Retrieval"
(EUSIPCO 2024, arXiv 2406.15897), describe such systems; their code of the fusion is not public, and what is here was
put together from the abstract and from options that the authors' later code still has. Nobody has compared it with
theirs.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import BaseModel, Field, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from harness.interface import Metadata
from systems.text import CaptionTokenizer, batches, pad

if TYPE_CHECKING:
    from transformers import RobertaModel

_NO_WORDS = 2
"""Tokens of a text without words: only its start and its end."""


class MetadataConfig(BaseModel, frozen=True, extra="forbid"):
    """How the keywords of a clip are fused with its sound. Reconstructed, see `systems.dual_encoder.metadata`.

    The keywords go through the text encoder of the captions.

    Attributes:
        fusion: `late` adds the projected vector of the keywords to that of the sound. `mid` lets the tokens of the
            keywords and the steps of the sound attend to each other, and projects the first of them.
        normalised: whether both vectors have length one before they are added; of `late`.
        layers: number of transformer layers; of `mid`, as are the next two.
        heads: attention heads of each layer, a divisor of the text encoder's width.
        intermediate: width of the hidden layer in each feed-forward block.
        dropout: probability that a clip loses its keywords in a step of training, so that it can do without.
        ablated: what the system does without, to see what it adds: `audio` leaves the keywords alone, `metadata` the
            sound.
    """

    fusion: Literal["late", "mid"] = "late"
    normalised: bool = True
    layers: PositiveInt = 1
    heads: PositiveInt = 12
    intermediate: PositiveInt = 2048
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    ablated: Literal["audio", "metadata"] | None = None

    @property
    def uses(self) -> tuple[str, ...]:
        """The kinds of metadata that a system of this kind uses."""
        return () if self.ablated == "metadata" else ("keywords",)


def keyword_ids(tokenizer: CaptionTokenizer, metadata: Sequence[Metadata]) -> list[list[int]]:
    """The tokens of each clip's keywords, as of one caption; empty for a clip without."""
    ids = tokenizer([keyword_text(one.get("keywords", ())) for one in metadata])
    return [tokens if len(tokens) > _NO_WORDS else [] for tokens in ids]


def keyword_text(keywords: Sequence[str]) -> str:
    """Keywords as a text, in which words stay apart when the tokenizer deletes punctuation.

    >>> keyword_text(["field-recording", "rain"])
    'field recording, rain'
    """
    return ", ".join(" ".join(re.sub("[-_;,/]", " ", keyword).split()) for keyword in keywords)


def dropped(ids: Sequence[list[int]], probability: float, generator: torch.Generator | None) -> list[list[int]]:
    """The tokens, of which each clip has lost its own with some probability."""
    lost = torch.rand(len(ids), generator=generator) < probability
    return [[] if gone else tokens for tokens, gone in zip(ids, lost.tolist(), strict=True)]


def embed_tokens(model: "RobertaModel", ids: Sequence[Sequence[int]], most: int = 64) -> list[Tensor]:
    """The outputs at all tokens of each text, `(tokens, width)`; see `systems.text.embed`."""
    vectors: dict[int, Tensor] = {}
    for batch in batches(ids, most):
        input_ids, mask = pad([ids[index] for index in batch])
        outputs = model(input_ids=input_ids.to(model.device), attention_mask=mask.to(model.device)).last_hidden_state
        vectors |= {index: row[: len(ids[index])] for index, row in zip(batch, outputs, strict=True)}
    return [vectors[index] for index in range(len(ids))]


class LateFusion(nn.Module):
    """The vector of a clip's sound plus that of its keywords, both in the shared space. Reconstructed."""

    def __init__(self, config: MetadataConfig, text_width: int, shared: int) -> None:
        super().__init__()
        self.projection = nn.Linear(text_width, shared)
        self.normalised = config.normalised

    def forward(self, heard: Tensor | None, known: Tensor, clips: Sequence[int], count: int) -> Tensor:
        """Fuse.

        Args:
            heard: projected sound, `(count, shared)`; `None` leaves it out.
            known: vectors of keywords, `(clips, text width)`.
            clips: which clips these are of.
            count: number of clips.

        Returns:
            `(count, shared)`; the row of a clip without keywords is that of its sound, or zero.
        """
        projected: Tensor = self.projection(known)
        if heard is None:
            return projected.new_zeros(count, projected.shape[1]).index_copy(0, _rows(clips, projected), projected)
        if not len(clips):
            return heard
        rows = _rows(clips, heard)
        both = (heard[rows], projected.to(heard.dtype))
        if self.normalised:
            both = (normalize(both[0], dim=-1), normalize(both[1], dim=-1))
        return heard.index_copy(0, rows, (both[0] + both[1]).to(heard.dtype))


class MidFusion(nn.Module):
    """Tokens of the keywords and steps of the sound, which attend to each other. Reconstructed.

    The sequence of a clip is `[keywords, summary, steps]`. The summary is a learned token plus the mean step. Only
    steps have positions: fixed sinusoids times a learned weight. The features are the output at the first place, which
    is the summary for a clip without keywords.
    """

    def __init__(self, config: MetadataConfig, audio_width: int, text_width: int) -> None:
        super().__init__()
        self.entry = nn.Linear(audio_width, text_width) if audio_width != text_width else nn.Identity()
        self.summary = nn.Parameter(torch.randn(text_width) * 0.04)
        self.position_weight = nn.Parameter(torch.ones(()))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                text_width,
                config.heads,
                config.intermediate,
                dropout=0.1,
                activation=_gelu,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.layers)
        )

    def forward(self, steps: Sequence[Tensor], known: Sequence[Tensor]) -> Tensor:
        """Fuse.

        Args:
            steps: of each clip, `(steps, audio width)`; without steps where the sound is left out.
            known: of each clip, `(tokens of keywords, text width)`; without tokens where it has none.

        Returns:
            `(clips, text width)`; zero for a clip of which neither is there.
        """
        sequences = [self._sequence(heard, words) for heard, words in zip(steps, known, strict=True)]
        tokens = nn.utils.rnn.pad_sequence(sequences, batch_first=True)
        lengths = torch.tensor([len(sequence) for sequence in sequences], device=tokens.device)
        padding = torch.arange(tokens.shape[1], device=tokens.device) >= lengths.clamp(min=1)[:, None]
        for layer in self.layers:
            tokens = layer(tokens, src_key_padding_mask=padding if padding.any() else None)
        features: Tensor = tokens[:, 0] * (lengths > 0)[:, None]
        return features

    def _sequence(self, heard: Tensor, words: Tensor) -> Tensor:
        if not len(heard):
            # Even with nothing there is a place, whose output is not used.
            return words if len(words) else self.summary[None]
        steps = self.entry(heard)
        positions = self.position_weight * _sinusoids(len(steps), steps.shape[1], steps.device)
        return torch.cat([words.to(steps.dtype), (self.summary + steps.mean(dim=0))[None], steps + positions])


def build_fusion(config: MetadataConfig, audio_width: int, text_width: int, shared: int) -> LateFusion | MidFusion:
    """The fusion that a card describes, with random weights on torch's default device."""
    if config.fusion == "late":
        return LateFusion(config, text_width, shared)
    return MidFusion(config, audio_width, text_width)


def _sinusoids(count: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of the position, `(count, width)`, as in "Attention is all you need"."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-torch.log(torch.tensor(10_000.0)) / width))
    angles = torch.arange(count, device=device)[:, None] * rates
    values: Tensor = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]
    return values


def _rows(clips: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor(clips, dtype=torch.int64, device=like.device)


def _gelu(values: Tensor) -> Tensor:
    # By its own name torch would take a short cut that reads weights which inference packs.
    return gelu(values)
