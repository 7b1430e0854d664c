"""Fitting: it learns, stops and goes on as if it had not stopped, and several processes are as one."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from harness.datasets import load
from harness.errors import UserError
from harness.pcm_store import PcmStore
from systems.checkpoints import weights_digest
from systems.dual_encoder import DualEncoder
from systems.dual_encoder_card import DualEncoderCard
from systems.text.captions import CaptionTokenizer
from systems.training.config import TrainingConfig
from systems.training.correspondences import Teacher
from systems.training.data import Draw, TrainingSet
from systems.training.fit import Batch, Fitting, fit
from systems.training.schedule import Schedule

Card = Callable[..., DualEncoderCard]
SHORT = {"seconds": 2, "longest_seconds": 2}


@pytest.fixture(scope="module")
def data(small_clotho: Path, session_cache: Path) -> TrainingSet:
    dataset = load("clotho", "development", small_clotho)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_CACHE", str(session_cache))
        store = PcmStore.of("clotho", 32_000)
        assert store.ensure(dataset.clips) == []
    return TrainingSet((dataset,), (store,))


def fitting(card: DualEncoderCard, data: TrainingSet, reached: Any = None, **more: Any) -> Fitting:
    settings = {"data": ("clotho",), "validation": "clotho", "batch": 8, "epochs": 3, "captions": "all"} | more
    config = TrainingConfig(**settings)
    tokenizer = CaptionTokenizer.read(Path(card.files["tokenizer"].path), 600)
    told: list[Any] = []
    scores = iter(reached or range(100))
    made = Fitting(DualEncoder.seeded(card, 0), tokenizer, config, 0.05, data, (), lambda _: next(scores), told.append)
    made.told = told  # type: ignore[assignment]
    return made


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
def test_the_loss_falls(dual_card: Card, data: TrainingSet, tmp_path: Path, encoder: str) -> None:
    schedule = Schedule(highest=3e-3, warm_up=0, end=12)
    one = fitting(dual_card(encoder, windows=SHORT), data, epochs=12, schedule=schedule, batch=24)
    fit(one, tmp_path)
    losses = [epoch.loss for epoch in one.told]  # type: ignore[union-attr]
    assert losses[-1] < 0.9 * losses[0]
    assert "epoch 12 of 12: loss" in str(one.told[-1])  # type: ignore[index]
    assert "of it waiting for data" in str(one.told[-1])  # type: ignore[index]


class Kill(Callback):
    """Ends the process, as it were, in the middle of an epoch."""

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == 5:
            raise RuntimeError("killed")


@pytest.mark.parametrize("encoder", ["passt", "mobilenet"])
def test_stopped_and_gone_on_is_as_never_stopped(
    dual_card: Card, data: TrainingSet, tmp_path: Path, encoder: str
) -> None:
    card = dual_card(encoder, windows=SHORT)
    whole, stopped, gone_on = (fitting(card, data) for _ in range(3))
    fit(whole, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        fit(stopped, tmp_path / "stopped", callbacks=[Kill()])
    assert weights_digest(stopped.model) != weights_digest(whole.model)
    fit(gone_on, tmp_path / "stopped")
    assert len(gone_on.told) == 2  # type: ignore[arg-type]
    assert weights_digest(gone_on.model) == weights_digest(whole.model)


def test_the_best_epoch_is_kept(dual_card: Card, data: TrainingSet, tmp_path: Path) -> None:
    fitted = fit(fitting(dual_card(windows=SHORT), data, reached=[0.1, 0.3, 0.2]), tmp_path)
    assert fitted.reached == pytest.approx(0.3)
    assert torch.load(fitted.best, weights_only=True)["epoch"] == 1


def test_the_rate_follows_the_schedule(dual_card: Card, data: TrainingSet, tmp_path: Path) -> None:
    rates = []

    class Rates(Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    schedule = Schedule(end=2)
    fit(fitting(dual_card(windows=SHORT), data, epochs=3, schedule=schedule), tmp_path, callbacks=[Rates()])
    np.testing.assert_allclose(rates, [schedule.at(step / 3) for step in range(9)])
    assert rates[0] == 0


def test_a_loss_that_is_no_number_stops_and_keeps_what_was(dual_card: Card, data: TrainingSet, tmp_path: Path) -> None:
    class Poison(Callback):
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 1:
                module.model.audio_projection.bias.data[:] = float("nan")

    one = fitting(dual_card(windows=SHORT), data)
    with pytest.raises(UserError, match=r"the loss is nan in epoch 2, step 1 \(clips \d+\.wav, .* checkpoint of the"):
        fit(one, tmp_path, callbacks=[Poison()])
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 0


def test_a_full_disk_leaves_the_checkpoint_before(
    dual_card: Card, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = torch.save
    written = []

    def filling(content: Any, path: Path) -> None:
        written.append(path)
        if len(written) > 2:
            raise OSError(28, "No space left on device")
        save(content, path)

    monkeypatch.setattr(torch, "save", filling)
    with pytest.raises(UserError, match="cannot be written: No space left on device; make room"):
        fit(fitting(dual_card(windows=SHORT), data), tmp_path)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 0
    assert not list(tmp_path.glob("*unfinished"))


def test_estimates_are_the_targets(dual_card: Card, data: TrainingSet, tmp_path: Path) -> None:
    """A student whose teacher is itself has nothing to learn: the loss is the entropy of the estimates."""
    card = dual_card(windows=SHORT)
    student = fitting(card, data, supervised=0, teachers=("itself",))
    with torch.no_grad():
        student.model.eval()
        clips = student.model.embed_clips([data.read(clip) for clip in range(len(data.clips))], 8)
        captions = student.model.embed_captions(student._ids)
    units = [torch.nn.functional.normalize(vectors).numpy().astype(np.float16) for vectors in (clips, captions)]
    student._teachers = (Teacher("itself", "", *units),)
    which = Draw(np.arange(6), np.flatnonzero(data.owners < 6))
    batch = Batch(which, [data.read(clip) for clip in which.clips], [student._ids[i] for i in which.captions])
    loss = student.loss(batch)
    scaled = torch.from_numpy(units[0][which.clips].astype(np.float32) @ units[1][which.captions].T.astype("f4")) / 0.05
    entropy = sum(-(scaled.softmax(d) * scaled.log_softmax(d)).sum(d).mean() for d in (0, 1))
    assert float(loss.detach()) == pytest.approx(float(entropy), abs=1e-3)


TOGETHER = """
import sys
import numpy as np, torch
sys.path.insert(0, sys.argv[1])
from together import step, make

rank = int(sys.argv[2])
torch.distributed.init_process_group("gloo", init_method=f"file://{sys.argv[3]}", rank=rank, world_size=2)
loss, gradients = step(rank, 2)
for gradient in gradients:
    torch.distributed.all_reduce(gradient)
    gradient /= 2
if rank == 0:
    torch.save({"loss": loss, "gradients": gradients}, sys.argv[4])
torch.distributed.destroy_process_group()
"""
STEP = """
import numpy as np, torch
from pathlib import Path
from systems.dual_encoder import DualEncoder
from systems.dual_encoder_card import DualEncoderCard
from systems.training.config import TrainingConfig
from systems.training.correspondences import Teacher
from systems.training.data import Draw, share_of
from systems.training.fit import Batch, Fitting

torch.set_num_threads(1)
CARD = {card!r}
OWNERS = np.repeat(np.arange(5), 3)

class Data:
    owners, captions = OWNERS, ("a",) * 15

def make():
    card = DualEncoderCard.model_validate(CARD)
    random = np.random.default_rng(0)
    def unit(count):
        vectors = random.standard_normal((count, 6))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    teachers = (Teacher("t", "", unit(5), unit(15)),)
    config = TrainingConfig(data=("x",), validation="x", supervised=0.3, teachers=("t",))
    ids = lambda captions: [[0, 5 + i, 60 + 7 * i, 2] for i in range(15)]
    # In double precision: what is left to differ is the method, not the order of summation.
    model = DualEncoder.seeded(card, 0).eval().double()
    model.front_end.register_forward_hook(lambda module, given, images: images.double())
    model.audio_projection.register_forward_pre_hook(lambda module, given: (given[0].double(),))
    return Fitting(model, ids, config, 0.05, Data(), teachers, None, None)

def step(rank, ranks):
    fitting = make()
    draw = share_of(Draw(np.arange(5), np.arange(15)), OWNERS, rank, ranks)
    waves = [np.random.default_rng(c).uniform(-1, 1, 40_000 + 9_000 * c).astype("f4") for c in draw.clips.tolist()]
    loss = fitting.loss(Batch(draw, waves, [fitting._ids[c] for c in draw.captions]))
    loss.backward()
    return float(loss.detach()), [p.grad for p in fitting.model.parameters() if p.requires_grad and p.grad is not None]
"""


@pytest.mark.parametrize("encoder", ["passt", "atst"])
def test_two_processes_are_as_one(dual_card: Card, tmp_path: Path, encoder: str) -> None:
    card = dual_card(encoder, windows=SHORT).model_dump(mode="json")
    (tmp_path / "together.py").write_text(STEP.replace("{card!r}", repr(card)))
    arguments = [str(tmp_path / "store"), str(tmp_path / "found.pt")]
    command = [sys.executable, "-c", TOGETHER, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(rank), *arguments], stderr=subprocess.PIPE) for rank in range(2)]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    found = torch.load(tmp_path / "found.pt", weights_only=True)
    scope: dict[str, Any] = {}
    exec((tmp_path / "together.py").read_text(), scope)
    loss, gradients = scope["step"](0, 1)
    assert found["loss"] == pytest.approx(loss, abs=1e-6)
    assert len(found["gradients"]) == len(gradients) > 20
    for one, expected in zip(found["gradients"], gradients, strict=True):
        assert torch.linalg.norm(one - expected) <= 1e-6 * torch.linalg.norm(expected) + 1e-15
