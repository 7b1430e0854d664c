"""RoBERTa, the text encoder: from the token ids of a caption to one vector."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor

from harness.errors import UserError
from harness.machine import KnownFields
from systems.checkpoints import COPY_AGAIN, load_into, read_model_config, read_model_weights, unwrapped
from systems.text.captions import END, PAD, START, batches, pad

if TYPE_CHECKING:
    from transformers import RobertaModel


Pooling: TypeAlias = Literal["first", "mean"]


class TextConfig(KnownFields):
    """The text encoder, but for its weights. The defaults are those of RoBERTa-large.

    Attributes:
        vocabulary: number of tokens.
        width: dimension of the vectors.
        depth: number of layers.
        heads: number of attention heads.
        intermediate: width of the hidden layer in each feed-forward block.
        positions: rows of the position embedding; a caption has at most two tokens less.
        dropout: probability in training, for hidden values and for attention.
        longest: number of tokens that are kept of a caption, `<s>` and `</s>` included.
        normalised: whether captions are lower-cased and stripped of punctuation first.
        initial_spread: standard deviation of random weights. RoBERTa's 0.02 is made for a width of 1024; one of 64
            learns several times faster from 0.1.
        pooling: which outputs describe a caption: that at the `first` token, as in the published systems, or the `mean`
            of those at all its tokens.
    """

    vocabulary: PositiveInt = 50_265
    width: PositiveInt = 1024
    depth: PositiveInt = 24
    heads: PositiveInt = 16
    intermediate: PositiveInt = 4096
    positions: PositiveInt = 514
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    longest: Annotated[int, Field(ge=3)] = 32
    normalised: bool = True
    initial_spread: PositiveFloat = 0.02
    pooling: Pooling = "first"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        # The first token has the position after that of padding.
        if self.longest > self.positions - PAD - 1:
            raise ValueError(f"longest {self.longest} is too long: {self.positions} positions allow two tokens less")
        return self


def build(config: TextConfig) -> "RobertaModel":
    """RoBERTa without its pooler, with random float32 weights, in training mode, on torch's default device."""
    from transformers import RobertaConfig, RobertaModel

    settings = RobertaConfig(
        **_decisive(config),
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
        initializer_range=config.initial_spread,
        bos_token_id=START,
        eos_token_id=END,
    )
    model = RobertaModel(settings, add_pooling_layer=False)
    model.set_attn_implementation("sdpa")
    return model


def build_empty(config: TextConfig) -> "RobertaModel":
    """The same on the meta device, with shapes only; `load_state_dict(assign=True)` gives it weights."""
    with torch.device("meta"):
        model = build(config)
    # Two buffers are in no weights file: the numbers of the positions, and the one type of all tokens.
    positions = torch.arange(config.positions, device="cpu")[None]
    model.embeddings.register_buffer("position_ids", positions, persistent=False)
    model.embeddings.register_buffer("token_type_ids", torch.zeros_like(positions), persistent=False)
    return model


def read_pretrained(directory: Path, config: TextConfig) -> "RobertaModel":
    """RoBERTa with the weights in a model's folder, in any layout that transformers writes or wrote.

    The weights may be those of the bare encoder or of one with a head, whose weights are then ignored.

    Args:
        directory: the folder; nothing is ever downloaded.
        config: what the weights have to fit.

    Returns:
        The encoder in float32, in training mode, on the CPU; a file in float32 is mapped into memory, not copied.

    Raises:
        UserError: files are missing or damaged, or hold another model than `config` says.
    """
    _refuse_other_model(directory, config)
    *_, weights = unwrapped(read_model_weights(directory))
    found = {name.removeprefix("roberta."): weight for name, weight in weights.items()}
    model = build_empty(config)
    expected = model.state_dict().keys()
    _refuse_more_layers(directory, [name for name in found if name not in expected])
    load_into(model, {name: found[name] for name in expected if name in found}, directory)
    return model


def embed(model: "RobertaModel", ids: Sequence[Sequence[int]], most: int = 64, pooling: Pooling = "first") -> Tensor:
    """The output at the first token of each caption, or the mean over its tokens.

    The caller decides on gradients and on training mode.

    Args:
        model: from `build` or `read_pretrained`.
        ids: token ids of each caption, `<s>` first.
        most: how many captions, of similar length, are computed together.
        pooling: see `TextConfig`.

    Returns:
        `(captions, width)`, in the given order, on the model's device.
    """
    if not ids:
        return torch.zeros(0, model.config.hidden_size, device=model.device)
    together = batches(ids, most)
    vectors = []
    for batch in together:
        input_ids, mask = pad([ids[index] for index in batch])
        # Captions of one length need no mask, and attention is faster without.
        masked = None if mask.all() else mask.to(model.device)
        vectors.append(encode(model, input_ids.to(model.device), masked, pooling))
    order = torch.tensor([index for batch in together for index in batch])
    return torch.cat(vectors)[order.argsort().to(model.device)]


def encode(model: "RobertaModel", ids: Tensor, mask: Tensor | None, pooling: Pooling) -> Tensor:
    """The same of one batch, `(captions, tokens)` on the model's device; no mask where no token is padding."""
    outputs: Tensor = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return outputs[:, 0] if pooling == "first" else _mean(outputs, mask)


def _mean(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """The mean of the outputs `(captions, tokens, width)` at the tokens that are no padding."""
    if mask is None:
        return outputs.mean(dim=1)
    shares = mask / mask.sum(dim=1, keepdim=True)
    return (outputs * shares[..., None].to(outputs.dtype)).sum(dim=1)


def _decisive(config: TextConfig) -> dict[str, Any]:
    """The settings in config.json that change the vectors; the shapes of the weights do not show all of them."""
    return {
        "vocab_size": config.vocabulary,
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "max_position_embeddings": config.positions,
        "type_vocab_size": 1,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "pad_token_id": PAD,
    }


def _refuse_other_model(directory: Path, config: TextConfig) -> None:
    """Check that `config.json` describes the RoBERTa that a card configures."""
    from transformers import RobertaConfig

    # What config.json leaves out is as by default.
    found = RobertaConfig().to_dict() | read_model_config(directory, "roberta")
    differing = [
        f"{name} is {found[name]!r} where {expected!r} is expected"
        for name, expected in _decisive(config).items()
        if found[name] != expected
    ]
    if differing:
        raise UserError(
            f"{directory}: config.json describes another RoBERTa than the system's card: {', '.join(differing)}; "
            "copy the model there that the card means, or correct the card"
        )


def _refuse_more_layers(directory: Path, surplus: Sequence[str]) -> None:
    """Check that `config.json` mentions all layers in the weights: others would be ignored as silently as heads are."""
    buffers = ("embeddings.position_ids", "embeddings.token_type_ids")  # Older versions of transformers wrote them.
    more = [name for name in surplus if name.startswith(("embeddings.", "encoder.")) and name not in buffers]
    if more:
        raise UserError(
            f"{directory}: the weights have {len(more)} names that its config.json has no place for, the first "
            f"{more[0]}; {COPY_AGAIN}"
        )
