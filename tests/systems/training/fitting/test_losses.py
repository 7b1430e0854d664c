"""Both losses against the reference's numbers and against their definition in plain Python."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from systems.training.fitting.losses import distillation_loss, same_clip_loss, supervised_loss

HALF = 0.5  # The reference's own factor.


@pytest.fixture
def golden(shared: Path) -> dict[str, Tensor]:
    file = np.load(shared / "golden" / "losses.npz")
    return {name: torch.from_numpy(file[name]) for name in file.files}


def cosines(clips: Tensor, captions: Tensor) -> Tensor:
    return normalize(clips, dim=-1) @ normalize(captions, dim=-1).mT


def estimates(golden: dict[str, Tensor], teachers: int) -> Tensor:
    clips, captions = (golden[name].transpose(0, 1)[:teachers] for name in ("teacher_A", "teacher_S"))
    return cosines(clips, captions).mean(dim=0)


def matching(golden: dict[str, Tensor]) -> Tensor:
    return golden["audio_id"][:, None] == golden["audio_id"]


def gradients(golden: dict[str, Tensor], loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    clips, captions = (golden[name].clone().requires_grad_() for name in ("A", "S"))
    value = loss(cosines(clips, captions))
    value.backward()
    assert clips.grad is not None
    assert captions.grad is not None
    return value.detach(), clips.grad, captions.grad


@pytest.mark.shared
def test_golden_supervised_loss(golden: dict[str, Tensor]) -> None:
    tau = float(golden["tau"])
    value, of_clips, of_captions = gradients(golden, lambda c: HALF * supervised_loss(c, matching(golden), tau))
    assert float(value) == pytest.approx(float(golden["loss_sup"]), abs=1e-6)
    np.testing.assert_allclose(of_clips, golden["grad_A_sup"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(of_captions, golden["grad_S_sup"], rtol=0, atol=1e-6)


@pytest.mark.shared
def test_golden_distillation_loss(golden: dict[str, Tensor]) -> None:
    tau = float(golden["tau"])
    loss = gradients(golden, lambda c: HALF * distillation_loss(c, estimates(golden, 3), tau))
    assert float(loss[0]) == pytest.approx(float(golden["loss_dist_M3"]), abs=1e-6)
    np.testing.assert_allclose(loss[1], golden["grad_A_dist"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(loss[2], golden["grad_S_dist"], rtol=0, atol=1e-6)
    alone = HALF * distillation_loss(cosines(golden["A"], golden["S"]), estimates(golden, 1), tau)
    assert float(alone) == pytest.approx(float(golden["loss_dist_M1"]), abs=1e-6)


@pytest.mark.shared
def test_the_reference_applies_its_weight_twice(golden: dict[str, Tensor]) -> None:
    tau, own = float(golden["tau"]), cosines(golden["A"], golden["S"])
    supervised = HALF * supervised_loss(own, matching(golden), tau)
    distilled = HALF * distillation_loss(own, estimates(golden, 3), tau)
    assert float(0.5**2 * supervised + distilled) == pytest.approx(float(golden["loss_w0.5_d1"]), abs=1e-6)


def cross_entropy(target: list[float], scores: list[float]) -> float:
    total = math.fsum(math.exp(score) for score in scores)
    return -math.fsum(p * (score - math.log(total)) for p, score in zip(target, scores, strict=True))


def softmax(scores: list[float]) -> list[float]:
    total = math.fsum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.5]))
def test_the_definitions(clips: int, captions: int, seed: int, tau: float) -> None:
    random = np.random.default_rng(seed)
    own, estimated = random.uniform(-1, 1, (2, clips, captions))
    owner = random.integers(0, clips, captions)
    matches = np.arange(clips)[:, None] == owner
    rows = [list(row / tau) for row in own]
    columns = [list(column / tau) for column in own.T]
    by_clip = [cross_entropy([float(j == k) for j in range(captions)], rows[owner[k]]) for k in range(captions)]
    by_caption = [cross_entropy([float(i == owner[k]) for i in range(clips)], columns[k]) for k in range(captions)]
    expected = (math.fsum(by_clip) + math.fsum(by_caption)) / captions
    found = supervised_loss(torch.from_numpy(own), torch.from_numpy(matches), tau)
    assert float(found) == pytest.approx(expected, rel=1e-4, abs=1e-4)

    over_captions = [cross_entropy(softmax(list(estimated[i] / tau)), rows[i]) for i in range(clips)]
    over_clips = [cross_entropy(softmax(list(estimated[:, k] / tau)), columns[k]) for k in range(captions)]
    expected = math.fsum(over_captions) / clips + math.fsum(over_clips) / captions
    found = distillation_loss(torch.from_numpy(own), torch.from_numpy(estimated), tau)
    assert float(found) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_no_gradient_goes_into_the_teachers() -> None:
    own, estimated = (torch.rand(3, 4, requires_grad=True) for _ in range(2))
    distillation_loss(own, estimated, 0.05).backward()
    assert own.grad is not None
    assert estimated.grad is None


def test_half_precision_is_widened_first() -> None:
    similarities = torch.rand(4, 4).bfloat16()
    assert supervised_loss(similarities, torch.eye(4, dtype=torch.bool), 0.05).dtype == torch.float32
    assert distillation_loss(similarities, similarities, 0.05).dtype == torch.float32


def test_captions_of_a_clip_by_definition() -> None:
    torch.manual_seed(0)
    vectors, owners = normalize(torch.randn(6, 4), dim=-1), [0, 1, 0, 2, 1, 0]
    terms = []
    for one, other in ((one, other) for one in range(6) for other in range(6)):
        if one != other and owners[one] == owners[other]:
            others = [float(vectors[one] @ vectors[each]) / 0.1 for each in range(6) if each != one]
            terms.append(math.log(sum(map(math.exp, others))) - float(vectors[one] @ vectors[other]) / 0.1)
    found = same_clip_loss(vectors, torch.tensor(owners), 0.1)
    assert float(found) == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_captions_of_a_clip_have_finite_gradients() -> None:
    vectors = torch.eye(4).requires_grad_()
    same_clip_loss(vectors, torch.tensor([0, 0, 1, 1]), 0.05).backward()
    assert vectors.grad is not None
    assert torch.isfinite(vectors.grad).all()
    assert vectors.grad.abs().sum() > 0
