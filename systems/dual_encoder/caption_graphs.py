"""A single caption on a GPU, as one launch instead of hundreds."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from systems.dual_encoder.model import DualEncoder


class CaptionGraphs:
    """Embeds captions one at a time, by a CUDA graph for each number of tokens.

    To launch the hundreds of small kernels that embed one caption takes longer than they do; a graph launches all of
    them at once. It is recorded at the first caption of its length, which it needs no padding for.
    """

    def __init__(self, model: DualEncoder) -> None:
        """Record nothing yet; the model is on a GPU, and stays as it is."""
        self._model = model
        # Of all graphs only one computes at a time.
        self._memory = torch.cuda.graph_pool_handle()
        self._graphs: dict[int, Any] = {}

    def __call__(self, ids: Sequence[int]) -> Tensor:
        """Project a caption, given as its token ids, into the shared space; `(1, shared)`, until the next call."""
        tokens = torch.tensor([ids]).to(self._model.device)
        if len(ids) not in self._graphs:
            with torch.cuda.device(self._model.device):
                self._graphs[len(ids)] = torch.cuda.make_graphed_callables(
                    self._model.embed_equally_long, (tokens,), pool=self._memory
                )
        embedded: Tensor = self._graphs[len(ids)](tokens)
        return embedded
