"""A dual encoder as a retrieval system: from a card and its files to vectors."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.audio import Array, Pcm
from harness.errors import listing
from harness.interface import parse_card, required_files
from harness.machine import keep_freed_memory, stage
from systems.audio import SAMPLE_RATE, fold_normalisation
from systems.checkpoints import load_into, read_checkpoint, system_state, weights_digest
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.packing import pack_linear_layers
from systems.dual_encoder.settings import contradictions
from systems.text import CaptionTokenizer

_SECONDS_ON_CPU = 80
"""Of windows in one pass: more are no faster on a processor, and take memory by the gigabyte."""


class DualEncoderSystem:
    """Embeds clips at 32 kHz and captions by a `DualEncoder`."""

    takes_pcm = True

    def __init__(
        self,
        card: DualEncoderCard,
        model: DualEncoder,
        tokenizer: CaptionTokenizer,
        device: str = "cpu",
        precision: str = "fp32",
        compiled: bool = False,
    ) -> None:
        """Make a model ready to answer, in place: it can be trained no more."""
        self.card = card
        self.info = card.info(
            sample_rate=SAMPLE_RATE,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            digest=_digest(card, model, tokenizer),
        )
        if device == "cpu":
            keep_freed_memory()
        self.model = model.eval().requires_grad_(False).to(device)
        fold_normalisation(self.model.audio)
        if precision == "bf16":
            _round_weights(self.model)
        if device == "cpu" and not compiled:
            pack_linear_layers(self.model)
        if precision == "fp32":
            # Otherwise a GPU rounds what goes into convolutions to ten bits.
            torch.backends.cudnn.allow_tf32 = False
        if compiled:
            # Lengths of windows and captions change from batch to batch; names of weights do not change.
            self.model.audio.compile(dynamic=True)
            self.model.text.compile(dynamic=True)
        self._tokenizer = tokenizer
        self._device = torch.device(device)
        self._precision = precision
        # Where windows are whole clips they are taken for such of 10 s.
        windows = max(round(_SECONDS_ON_CPU / (card.windows.seconds or 10)), 1)
        self._at_once = windows if device == "cpu" else None

    def embed_audio(self, clips: Sequence[Array] | Sequence[Pcm]) -> Array:
        """Embed clips of any length, `(n, shared)`; an empty one counts as silence."""
        with self._computing():
            return _to_numpy(self.model.embed_clips(clips, self._at_once))

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions, `(m, shared)`; what exceeds the card's number of tokens is not read."""
        with self._computing():
            return _to_numpy(self.model.embed_captions(self._tokenizer(captions)))

    @contextmanager
    def _computing(self) -> Iterator[None]:
        half = self._precision == "bf16"
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=half):
            yield


def from_card(
    card: Mapping[str, object],
    folder: Path,
    *,
    device: str = "cpu",
    precision: str = "fp32",
    compiled: bool = False,
) -> DualEncoderSystem:
    """Build the system a card describes.

    Raises:
        UserError: something is wrong with the card, or a file is missing or does not belong to it.
    """
    parsed = parse_card(DualEncoderCard, card)
    drawn = parsed.random_weights
    wanted = ("tokenizer",) if drawn is not None else ("tokenizer", "weights")
    directory, *weights = required_files(parsed.files, wanted, folder, parsed.name)
    text = parsed.text
    tokenizer = CaptionTokenizer.read(directory, text.vocabulary, text.longest, text.normalised)
    model = DualEncoder.seeded(parsed, drawn) if drawn is not None else read_model(parsed, weights[0])
    return DualEncoderSystem(parsed, model, tokenizer, device, precision, compiled)


def read_model(card: DualEncoderCard, weights: Path) -> DualEncoder:
    """A dual encoder with the weights of a file, in any layout of `SYSTEM_LAYOUTS` or ours.

    Raises:
        UserError: the file cannot be read, or was made for another system than the card's.
    """
    checkpoint = read_checkpoint(weights)
    if problems := contradictions(checkpoint.settings, card):
        raise listing(f"{weights} was trained otherwise than card {card.name!r} says; correct the card", problems)
    model = DualEncoder.empty(card)
    load_into(model, system_state(checkpoint), weights)
    return model


def _round_weights(model: nn.Module) -> None:
    """Keep in bfloat16 what autocast would round to it in each pass: the same numbers, from half the memory."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(torch.bfloat16)


def _digest(card: DualEncoderCard, model: DualEncoder, tokenizer: CaptionTokenizer) -> str:
    """SHA-256 over what decides the vectors: sizes and windows, the weights in whatever file, the tokenizer."""
    said = card.model_dump_json(include={"audio", "windows", "text", "shared"})
    return hashlib.sha256("\n".join((said, tokenizer.digest, weights_digest(model))).encode()).hexdigest()


def _to_numpy(vectors: Tensor) -> Array:
    with stage("transfer"):
        embeddings: Array = vectors.float().cpu().numpy()
    return embeddings
