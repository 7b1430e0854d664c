"""A dual encoder as a retrieval system, built from a card and its files."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from harness.audio import Array, Pcm
from harness.errors import UserError, listing
from harness.interface import Metadata, parse_card, required_files, takes_card
from harness.machine import stage, system_code
from systems.audio import SAMPLE_RATE
from systems.checkpoints import (
    Checkpoint,
    load_into,
    published_layout,
    read_checkpoint,
    system_state,
    weights_digest,
)
from systems.dual_encoder.caption_graphs import CaptionGraphs
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.inference import prepare
from systems.dual_encoder.metadata import keyword_ids
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.settings import contradictions
from systems.text import CaptionTokenizer

_DECISIVE = {"audio", "windows", "text", "shared"}
"""The fields of a card that decide the vectors, beside the weights."""

_ON_CPU = 80
"""Seconds of sound that a CPU encodes at once; more is no faster, and takes gigabytes of memory."""

_ON_GPU = 320
"""Seconds of sound that a GPU encodes at once: enough to keep it busy while the next are cut and copied."""


class DualEncoderSystem:
    """Embeds clips at 32 kHz and captions by a `DualEncoder`."""

    accepts_int16 = True

    def __init__(
        self,
        card: DualEncoderCard,
        model: DualEncoder,
        tokenizer: CaptionTokenizer,
        device: str = "cpu",
        precision: str = "fp32",
        compiled: bool = False,
    ) -> None:
        """Prepare a model for inference, in place; it cannot be trained any more."""
        self.card = card
        self.info = card.info(
            sample_rate=SAMPLE_RATE,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            digest=_digest(card, model, tokenizer),
            uses=card.uses,
        )
        # Another audio encoder's code is no part of what lbar can look up without importing it.
        self.decided_by_files = card.random_weights is None and type(card.audio).__module__.startswith("systems.")
        prepare(model, device, precision, compiled)
        self.model = model
        self._tokenizer = tokenizer
        self._device = torch.device(device)
        self._precision = precision
        self._compiled = compiled
        # A window that is a whole clip is assumed to have 10 s.
        self._at_once = max(round((_ON_CPU if device == "cpu" else _ON_GPU) / (card.windows.seconds or 10)), 1)
        self._alone = CaptionGraphs(model) if compiled and self._device.type == "cuda" else None

    def embed_audio(self, clips: Sequence[Array] | Sequence[Pcm], metadata: Sequence[Metadata] = ()) -> Array:
        """Embed clips of any length, with what is known of each, as `(n, shared)`; an empty clip counts as silence."""
        keywords = keyword_ids(self._tokenizer, metadata) if self.info.uses else None
        with self._computing():
            return _to_numpy(self.model.embed_clips(clips, self._at_once, keywords=keywords))

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions as `(m, shared)`; of a long one the first `text.longest` tokens of the card are used."""
        ids = self._tokenizer(captions)
        with self._computing():
            if self._alone is not None and len(ids) == 1:
                return _to_numpy(self._alone(ids[0]))
            return _to_numpy(self.model.embed_captions(ids))

    @contextmanager
    def _computing(self) -> Iterator[None]:
        half = self._precision == "bf16"
        # Of weights without gradients autocast keeps nothing; recording a CUDA graph wants that said.
        autocast = torch.autocast(self._device.type, torch.bfloat16, enabled=half, cache_enabled=False)
        with torch.inference_mode(), autocast:
            try:
                yield
            except RuntimeError as error:
                if self._compiled and isinstance(error, torch._dynamo.exc.TorchDynamoException):
                    cause = str(error).strip().splitlines()[0]
                    raise UserError(
                        f"torch cannot compile {self.info.name} here; leave --compile out: {cause}"
                    ) from error
                raise


@takes_card(DualEncoderCard)
def from_card(
    card: Mapping[str, object],
    folder: Path,
    *,
    device: str = "cpu",
    precision: str = "fp32",
    compiled: bool = False,
) -> DualEncoderSystem:
    """Build the system that a card describes.

    Raises:
        UserError: something is wrong with the card, or a file is missing or does not belong to it.
    """
    parsed = parse_card(DualEncoderCard, card)
    seed = parsed.random_weights
    wanted = ("tokenizer",) if seed is not None else ("tokenizer", "weights")
    directory, *weights = required_files(parsed.files, wanted, folder, parsed.name)
    text = parsed.text
    tokenizer = CaptionTokenizer.read(directory, text.vocabulary, text.longest, text.normalised)
    if seed is not None:
        return DualEncoderSystem(parsed, DualEncoder.seeded(parsed, seed), tokenizer, device, precision, compiled)
    checkpoint = read_checkpoint(weights[0])
    parsed = _averaged_as_trained(parsed, checkpoint)
    return DualEncoderSystem(parsed, _model(parsed, checkpoint), tokenizer, device, precision, compiled)


def read_model(card: DualEncoderCard, weights: Path) -> DualEncoder:
    """A dual encoder with the weights of a file, in our layout or a published one.

    Raises:
        UserError: the file cannot be read, or was made for another system than the card's.
    """
    return _model(card, read_checkpoint(weights))


def _model(card: DualEncoderCard, checkpoint: Checkpoint) -> DualEncoder:
    weights = checkpoint.path
    if problems := contradictions(checkpoint.settings, card):
        raise listing(f"{weights} was trained with other settings than card {card.name!r}; correct the card", problems)
    model = DualEncoder.empty(card)
    load_into(model, system_state(checkpoint, card.audio.authors_prefixes), weights)
    return model


def _averaged_as_trained(card: DualEncoderCard, checkpoint: Checkpoint) -> DualEncoderCard:
    """The card, whose windows are averaged as they were when the checkpoint was trained: its layout tells.

    Raises:
        UserError: the card itself says otherwise.
    """
    layout = published_layout(checkpoint)
    if layout is None or card.windows.averaging == "published":
        return card
    if "averaging" in card.windows.model_fields_set:
        raise UserError(
            f"card {card.name!r} says `averaging: {card.windows.averaging}`, but {checkpoint.path} is {layout.name}, "
            "trained with another; write `windows: {averaging: published}` in the card"
        )
    return card.model_copy(update={"windows": card.windows.model_copy(update={"averaging": "published"})})


def _digest(card: DualEncoderCard, model: DualEncoder, tokenizer: CaptionTokenizer) -> str | None:
    """SHA-256 over what decides the vectors: sizes and windows, the weights in whatever file, the tokenizer.

    The harness itself takes our code into account. The code of an audio encoder that does not come with lbar counts
    here; where it cannot be told, there is no digest.
    """
    decisive = _DECISIVE | ({"metadata"} if card.metadata is not None else set())
    parts = [card.model_dump_json(include=decisive, exclude=card.unsaid()), tokenizer.digest]
    if not type(card.audio).__module__.startswith("systems."):
        code = system_code(card.audio)
        if code is None:
            return None
        parts.append(code)
    return hashlib.sha256("\n".join((*parts, weights_digest(model))).encode()).hexdigest()


def _to_numpy(vectors: Tensor) -> Array:
    with stage("transfer"):
        embeddings: Array = vectors.float().cpu().numpy()
    return embeddings
