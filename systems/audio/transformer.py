"""The transformer block that PaSST and ATST-Frame are stacks of."""

from typing import Self

from pydantic import PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from systems.audio.encoder import AudioConfig

LAYER_NORM_EPS = 1e-6


class TransformerConfig(AudioConfig):
    """The size of a stack of blocks.

    Attributes:
        width: dimension of a token.
        depth: number of blocks.
        heads: attention heads per block, a divisor of the width.
    """

    width: PositiveInt = 768
    depth: PositiveInt = 12
    heads: PositiveInt = 12

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide the width of {self.width}; expected a divisor")
        return self


class Block(nn.Module):
    """Self-attention, then a perceptron; each takes normalised tokens, and its output is added to its input.

    Args:
        width: dimension of a token.
        heads: number of attention heads, a divisor of the width.
        qkv_bias: whether queries, keys and values have a bias.

    >>> import torch
    >>> Block(32, heads=4)(torch.zeros(2, 10, 32)).shape
    torch.Size([2, 10, 32])
    """

    def __init__(self, width: int, heads: int, *, qkv_bias: bool = True) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.attn = _Attention(width, heads, qkv_bias)
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = _Perceptron(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Let the tokens attend to each other; `(sequences, tokens, width)` in and out."""
        tokens = tokens + self.attn(self.norm1(tokens))
        changed: Tensor = tokens + self.mlp(self.norm2(tokens))
        return changed


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, qkv_bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        # (sequences, tokens, 3 * width) to three of (sequences, heads, tokens, width per head)
        queries, keys, values = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(queries, keys, values)
        projected: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return projected


class _Perceptron(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        changed: Tensor = self.fc2(self.gelu(self.fc1(tokens)))
        return changed
