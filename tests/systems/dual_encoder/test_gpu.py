"""The small dual encoders on an accelerator: the same vectors as on the processor, and gradients."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np
import pytest
import torch

from systems.dual_encoder.caption_graphs import CaptionGraphs
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder

Card = Callable[..., DualEncoderCard]
Seeded = Callable[[DualEncoderCard], DualEncoder]
RATE = 32_000
CLIPS = [
    np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)
    for seed, seconds in enumerate((3, 12, 0.5, 10))
]
IDS = [[0, 50, 60, 70, 2], [0, 2], [0, 80, 2], [0, *range(100, 120), 2]]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use"),
]


@pytest.fixture(autouse=True)
def unrounded() -> Iterator[None]:
    """Convolutions in float32; by default cuDNN rounds their factors to ten bits (TF32)."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def embed(model: DualEncoder, half: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=half):
        return model.embed_clips(CLIPS).float().cpu(), model.embed_captions(IDS).float().cpu()


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
def test_the_same_vectors(dual_card: Card, seeded_model: Seeded, encoder: str) -> None:
    model = seeded_model(dual_card(encoder))
    for found, expected in zip(embed(deepcopy(model).to("cuda")), embed(model), strict=True):
        assert torch.linalg.norm(found - expected) <= 1e-4 * torch.linalg.norm(expected)


def test_stored_samples_become_the_same_numbers_there(dual_card: Card, seeded_model: Seeded) -> None:
    model = seeded_model(dual_card("passt")).to("cuda")
    stored = [np.rint(clip * 32767).astype(np.int16) for clip in CLIPS]
    with torch.inference_mode():
        found = model.embed_clips(stored)
        expected = model.embed_clips([(samples / 32768).astype(np.float32) for samples in stored])
    assert torch.equal(found, expected)


def test_many_passes_are_those_of_one(dual_card: Card, seeded_model: Seeded) -> None:
    """Each is copied while the one before is computed; the small ones begin before the large copy is there."""
    model = seeded_model(dual_card("passt")).to("cuda")
    clips = [np.random.default_rng(seed).uniform(-0.5, 0.5, 30 * RATE).astype(np.float32) for seed in range(64)]
    with torch.inference_mode():
        expected = torch.cat([model.embed_clips([clip]) for clip in clips])
        for _ in range(3):
            torch.testing.assert_close(model.embed_clips(clips, at_once=16), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("half", [False, True])
def test_single_captions_by_graphs_are_the_same(dual_card: Card, seeded_model: Seeded, half: bool) -> None:
    model = seeded_model(dual_card("passt")).requires_grad_(False).to("cuda")
    graphs = CaptionGraphs(model)
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=half, cache_enabled=False):
        for ids in 2 * IDS:
            assert torch.equal(graphs(ids).clone(), model.embed_captions([ids]))


@pytest.mark.parametrize("encoder", ["passt", "atst"])
def test_half_precision_says_the_same(dual_card: Card, seeded_model: Seeded, encoder: str) -> None:
    model = seeded_model(dual_card(encoder)).to("cuda")
    for found, expected in zip(embed(model, half=True), embed(model), strict=True):
        assert torch.nn.functional.cosine_similarity(found, expected).min() >= 0.999


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
def test_training_draws_on_the_processor(dual_card: Card, encoder: str) -> None:
    model = DualEncoder.seeded(dual_card(encoder), 0).train().to("cuda")
    # As where a training loop has made the GPU the device in force.
    with torch.device("cuda"):
        clips = model.embed_clips(CLIPS, generator=torch.Generator("cpu").manual_seed(1))
        (clips @ model.embed_captions(IDS).T).diagonal().sum().backward()
    gradient = model.audio_projection.weight.grad
    assert gradient is not None
    assert gradient.device.type == "cuda"
    assert gradient.isfinite().all()
    assert gradient.any()
