"""Single captions by CUDA graphs: what is recorded, and that it can be; recording itself is replaced."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from systems.dual_encoder.caption_graphs import CaptionGraphs
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder

Card = Callable[..., DualEncoderCard]
IDS = [[0, 50, 60, 70, 2], [0, 2], [0, 80, 90, 100, 2], [0, 2]]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of the captions for which a graph was recorded, in the memory of one pool."""
    shapes: list[tuple[int, ...]] = []

    def recording(call: Callable[[Tensor], Tensor], sample: tuple[Tensor], *, pool: str) -> Callable[[Tensor], Tensor]:
        assert pool == "pool"
        shapes.append(tuple(sample[0].shape))
        return call

    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", recording)
    return shapes


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_one_graph_for_each_length_and_the_same_vectors(
    dual_card: Card, recorded: list[tuple[int, ...]], pooling: str
) -> None:
    card = dual_card()
    model = DualEncoder.seeded(card.model_copy(update={"text": card.text.model_copy(update={"pooling": pooling})}), 0)
    graphs = CaptionGraphs(model.eval())
    for ids in IDS:
        torch.testing.assert_close(graphs(ids), model.embed_captions([ids]))
    assert recorded == [(1, 5), (1, 2)]


class OnTheDevice(TorchDispatchMode):
    """Refuses operations on other memory than a device's: a graph cannot record them."""

    def __torch_dispatch__(
        self, call: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        devices = {one.device.type for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        assert devices <= {"meta"}, call
        return call(*args, **kwargs or {})


def test_nothing_in_it_needs_a_value_or_the_processor(dual_card: Card) -> None:
    """On torch's `meta` device nothing has a value: what would wait for one fails."""
    model = DualEncoder.seeded(dual_card(), 0).eval().to("meta")
    tokens = torch.tensor(IDS[:1]).to("meta")
    with torch.inference_mode(), OnTheDevice():
        assert model.embed_equally_long(tokens).shape == (1, 8)
    with pytest.raises(AssertionError), OnTheDevice():
        model.embed_captions(IDS[:1])
