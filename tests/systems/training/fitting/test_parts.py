"""A batch in parts: the value and the gradient of the whole, in the memory of a part."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.training_section import TrainingConfig
from systems.text.captions import CaptionTokenizer
from systems.training.data.batches import Batch
from systems.training.data.training_set import Draw, TrainingSet
from systems.training.fitting.fit import fit
from systems.training.fitting.module import Fitting, Hooks
from systems.training.fitting.parts import in_parts
from systems.training.teachers.correspondences import Teacher

Card = Callable[..., DualEncoderCard]
SHORT = {"seconds": 2, "longest_seconds": 2}


def made(card: DualEncoderCard, data: TrainingSet, **more: Any) -> Fitting:
    random = np.random.default_rng(0)

    def unit(count: int) -> np.ndarray:
        vectors = random.standard_normal((count, 6))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)

    teachers = (Teacher("t", "", unit(len(data.clips)), unit(len(data.captions))),)
    settings = {"data": ("clotho",), "validation": "clotho", "batch": 8, "epochs": 1, "captions": "all"} | more
    config = TrainingConfig(**settings, supervised=0.3, teachers=("t",))
    tokenizer = CaptionTokenizer.read(Path(card.files["tokenizer"].path), 600)
    return Fitting(
        DualEncoder.seeded(card, 0), tokenizer, config, 0.05, data, teachers, Hooks(lambda _: 0.0, lambda _: None)
    )


def step(fitting: Fitting, data: TrainingSet) -> tuple[float, list[Tensor]]:
    """The loss and the gradients of five clips with all their captions."""
    clips = np.arange(5)
    captions = np.flatnonzero(np.isin(data.owners, clips))
    waves = [torch.from_numpy(data.read(clip)) for clip in clips.tolist()]
    batch = Batch(Draw(clips, captions), waves, [fitting._ids[caption] for caption in captions])
    loss = fitting.loss(batch, torch.Generator().manual_seed(3))
    loss.backward()
    return float(loss.detach()), [one.grad for one in fitting.model.parameters() if one.grad is not None]


@pytest.mark.parametrize(("encoder", "part"), [("passt", 1), ("atst", 3), ("mobilenet", 3)])
def test_parts_are_as_the_whole(dual_card: Card, data: TrainingSet, encoder: str, part: int) -> None:
    card = dual_card(encoder, windows=SHORT)
    loss, gradients = step(_exact(made(card, data)), data)
    found, of_parts = step(_exact(made(card, data, part=part)), data)
    assert found == pytest.approx(loss, rel=1e-6)
    assert len(of_parts) == len(gradients) > 20
    for one, whole in zip(of_parts, gradients, strict=True):
        assert torch.linalg.norm(one - whole) <= 1e-6 * torch.linalg.norm(whole) + 1e-12


def _exact(fitting: Fitting) -> Fitting:
    """Without dropout, and in double precision, so that only the method can make a difference."""
    model = fitting.model.eval().double()
    model.front_end.register_forward_hook(lambda _, __, images: images.double())
    model.audio_projection.register_forward_pre_hook(lambda _, given: (given[0].double(),))
    return fitting


def test_what_is_drawn_is_drawn_again(dual_card: Card, data: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second pass computes the rows of the first, jitter of the images included."""
    fitting = made(dual_card("passt", windows=SHORT), data, part=2)
    fitting.train()
    passes: dict[tuple[int, ...], list[Tensor]] = {}
    embedded = fitting.embedded

    def watched(batch: Batch, generator: torch.Generator | None) -> Tensor:
        rows = embedded(batch, generator)
        passes.setdefault(tuple(batch.draw.clips.tolist()), []).append(rows.detach())
        return rows

    monkeypatch.setattr(fitting, "embedded", watched)
    step(fitting, data)
    assert len(passes) == 4
    for first, second in passes.values():
        assert torch.equal(first, second)


def test_running_statistics_follow_the_first_pass_only() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    items = torch.randn(8, 3)
    in_parts(lambda some: model(items[some]), 8, 2, model).sum().backward()
    found = model[1].running_mean.clone()
    expected = nn.BatchNorm1d(3)
    with torch.no_grad():
        for some in (slice(0, 4), slice(4, 8)):
            expected(model[0](items[some]))
    torch.testing.assert_close(found, expected.running_mean)
    assert model[1].momentum == 0.1


def test_intermediate_values_are_those_of_a_part() -> None:
    """What is kept between the passes does not grow with the batch, but for the rows."""
    model = nn.Sequential(*(nn.Linear(64, 64) for _ in range(6)), nn.Linear(64, 2))
    items = torch.randn(64, 64)

    def kept(parts: int) -> int:
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda one: sizes.append(one.numel()) or one, lambda one: one):
            in_parts(lambda some: model(items[some]), 64, parts, model)
        return sum(sizes)

    assert kept(4) < kept(1) / 10


def test_a_training_in_parts_learns(dual_card: Card, data: TrainingSet, tmp_path: Path) -> None:
    fitting = made(dual_card("mobilenet", windows=SHORT), data, part=3)
    assert fitting.config.parts(1) == 3
    assert fitting.config.parts(2) == 2
    before = next(fitting.model.audio_projection.parameters()).detach().clone()
    fit(fitting, tmp_path)
    after = next(fitting.model.audio_projection.parameters()).detach()
    assert not torch.equal(before, after)
