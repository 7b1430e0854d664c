import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from systems.audio.encoders.passt import PasstConfig
from systems.audio.transformer import Block


def normalised(tokens: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = tokens - tokens.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt() * weight + bias


def by_definition(block: Block, tokens: Tensor, heads: int) -> Tensor:
    """One sequence `(tokens, width)`, head by head."""
    weights = block.state_dict()
    width = tokens.shape[1] // heads
    projected = normalised(tokens, weights["norm1.weight"], weights["norm1.bias"]) @ weights["attn.qkv.weight"].T
    queries, keys, values = (projected + weights.get("attn.qkv.bias", 0)).chunk(3, dim=1)
    attended = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        scores = queries[:, part] @ keys[:, part].T / width**0.5
        attended.append(scores.softmax(dim=1) @ values[:, part])
    tokens = tokens + torch.cat(attended, dim=1) @ weights["attn.proj.weight"].T + weights["attn.proj.bias"]
    hidden = normalised(tokens, weights["norm2.weight"], weights["norm2.bias"])
    hidden = hidden @ weights["mlp.fc1.weight"].T + weights["mlp.fc1.bias"]
    hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
    return tokens + hidden @ weights["mlp.fc2.weight"].T + weights["mlp.fc2.bias"]


@pytest.mark.parametrize("qkv_bias", [True, False])
def test_the_definition(qkv_bias: bool) -> None:
    torch.manual_seed(0)
    block = Block(32, 4, qkv_bias=qkv_bias).double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(0, 0.3)
    # Small enough for the normalisation's epsilon to matter.
    sequences = torch.randn(3, 7, 32, dtype=torch.float64) * 1e-3
    expected = torch.stack([by_definition(block, tokens, 4) for tokens in sequences])
    torch.testing.assert_close(block(sequences), expected, rtol=1e-9, atol=1e-9)


def test_heads_divide_the_width() -> None:
    with pytest.raises(ValidationError, match="5 heads do not divide the width of 32"):
        PasstConfig(width=32, heads=5)
    with pytest.raises(ValidationError, match="colour"):
        PasstConfig.model_validate({"colour": "red"})
