"""`clap`: any CLAP model in a folder as transformers writes it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from harness.audio import Array
from harness.errors import UserError, one_line
from harness.interface import Card, parse_card, required_file, takes_card
from systems.audio import Window, WindowConfig, average, passes, plan
from systems.checkpoints import COPY_AGAIN, load_into, read_model_config, read_model_weights, weights_digest
from systems.text import PAD, CaptionTokenizer, batches, pad

if TYPE_CHECKING:
    from transformers import ClapFeatureExtractor, ClapModel

_LONGEST = 77
"""Number of tokens that were kept of a caption in training."""
_WINDOWS_AT_ONCE = 8
_CAPTIONS_AT_ONCE = 64


class ClapSystem:
    """Embeds clips and captions by a `ClapModel`.

    Of a clip that is longer than the model's input, transformers uses a part drawn at random (several for a model with
    fusion). Here the whole clip is used: it is cut into windows of that length without overlap, and a model with fusion
    embeds each window as a clip that is not too long. The vector of a clip is the mean of its windows' unit vectors,
    weighted by their lengths; up to a factor that depends on the clip alone, its cosine with a caption is the mean of
    the windows' cosines. A short clip or a short last window is repeated until it fills the input, as in training; a
    last window of less than 0.1 s is left out.
    """

    def __init__(
        self,
        card: Card,
        model: "ClapModel",
        extractor: "ClapFeatureExtractor",
        tokenizer: CaptionTokenizer,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        self.card = card
        self.info = card.info(
            sample_rate=extractor.sampling_rate,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            digest=_digest(model, extractor, tokenizer),
        )
        module: torch.nn.Module = model
        module.eval().requires_grad_(False).to(device)
        self.model = model
        self._extractor = extractor
        self._tokenizer = tokenizer
        self._device = torch.device(device)
        self._precision = precision
        self._windows = WindowConfig(seconds=extractor.nb_max_samples / extractor.sampling_rate, longest_seconds=None)

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        """Embed clips of any length as `(n, d)`; an empty clip counts as silence."""
        if not clips:
            return np.zeros((0, self.model.config.projection_dim), np.float32)
        windows = plan([len(clip) for clip in clips], self._windows, self.info.sample_rate)
        vectors = [self._embed_windows(clips, some) for some in passes(windows, _WINDOWS_AT_ONCE)]
        return average(torch.cat(vectors)[:, None], windows, "true-length").numpy()

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions as `(m, d)`; of a long one the first 77 tokens are used."""
        ids = self._tokenizer(captions)
        vectors = np.empty((len(ids), self.model.config.projection_dim), np.float32)
        for batch in batches(ids, _CAPTIONS_AT_ONCE):
            input_ids, mask = (part.to(self._device) for part in pad([ids[index] for index in batch]))
            with torch.inference_mode(), self._autocast():
                outputs = self.model.get_text_features(input_ids=input_ids, attention_mask=mask)
            vectors[batch] = outputs.pooler_output.float().cpu().numpy()
        return vectors

    def _embed_windows(self, clips: Sequence[Array], windows: Sequence[Window]) -> Tensor:
        """Unit vectors of windows, float32 `(windows, d)`, on the CPU."""
        cuts = (clips[clip][start : start + real] for clip, start, real, _ in windows)
        # The extractor repeats what it gets: one sample of silence is enough.
        samples = [cut if len(cut) else np.zeros(1, np.float32) for cut in cuts]
        features = self._extractor(samples, sampling_rate=self.info.sample_rate)["input_features"]
        images = torch.from_numpy(np.stack(features)).float().to(self._device)
        # The extractor marks one of the windows, at random, as longer than the input; none is.
        longer = torch.zeros(len(images), 1, dtype=torch.bool, device=self._device)
        with torch.inference_mode(), self._autocast():
            outputs = self.model.get_audio_features(input_features=images, is_longer=longer)
        return torch.nn.functional.normalize(outputs.pooler_output.float().cpu(), dim=-1)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16")


@takes_card(Card)
def from_card(card: Mapping[str, object], folder: Path, *, device: str = "cpu", precision: str = "fp32") -> ClapSystem:
    """Build the system that a card describes; its `files` has `model`, a folder.

    Raises:
        UserError: something is wrong with the card, or the folder is missing or damaged, or holds another model.
    """
    parsed = parse_card(Card, card)
    directory = required_file(parsed.files, "model", folder, parsed.name)
    model = _read_model(directory)
    extractor = _read_extractor(directory, model.audio_model.config.enable_fusion)
    text = model.text_model.config
    longest = min(_LONGEST, text.max_position_embeddings - PAD - 1)
    tokenizer = CaptionTokenizer.read(directory, text.vocab_size, longest, normalised=False)
    return ClapSystem(parsed, model, extractor, tokenizer, device, precision)


def _read_model(directory: Path) -> "ClapModel":
    """The model that a folder holds."""
    from transformers import ClapConfig, ClapModel

    config = read_model_config(directory, "clap")
    weights = read_model_weights(directory)
    try:
        model = ClapModel(ClapConfig.from_dict(config))
    except Exception as error:  # Sizes that do not fit each other raise errors of many kinds.
        raise UserError(f"{directory}: config.json describes no model ({one_line(error)}); {COPY_AGAIN}") from None
    # Tables of indices are computed when the model is built; not all versions of transformers write them.
    computed = {name: tensor for name, tensor in model.state_dict().items() if not tensor.is_floating_point()}
    load_into(model, computed | weights, directory)
    return model


def _read_extractor(directory: Path, fuses: bool) -> "ClapFeatureExtractor":
    from transformers import ClapFeatureExtractor

    try:
        extractor: ClapFeatureExtractor = ClapFeatureExtractor.from_pretrained(directory, local_files_only=True)
    except Exception as error:  # A file that is missing or wrong raises errors of many kinds.
        raise UserError(f"{directory} holds no feature extractor ({one_line(error, 120)}); {COPY_AGAIN}") from None
    if (extractor.truncation == "fusion") != fuses:
        raise UserError(
            f"{directory}: the feature extractor truncates by {extractor.truncation!r} and the model has "
            f"enable_fusion {fuses}, which do not belong together; {COPY_AGAIN}"
        )
    return extractor


def _digest(model: "ClapModel", extractor: "ClapFeatureExtractor", tokenizer: CaptionTokenizer) -> str:
    """SHA-256 over what decides the vectors: both configurations, the weights in whatever file, the tokenizer."""
    settings = [model.config.to_dict() | {"transformers_version": None}, extractor.to_dict()]
    parts = [json.dumps(settings, sort_keys=True, default=str), tokenizer.digest, weights_digest(model)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
