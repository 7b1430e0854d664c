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

from harness.errors import UserError
from harness.machine import is_sound
from systems.checkpoints.files import read_checkpoint, weights_digest
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.schedule import Schedule
from systems.dual_encoder.training_section import TrainingConfig
from systems.text.captions import CaptionTokenizer
from systems.training.data.batches import Batch
from systems.training.data.training_set import Draw, TrainingSet
from systems.training.fitting.fit import fit
from systems.training.fitting.losses import distillation_loss, supervised_loss
from systems.training.fitting.module import Fitting, Hooks
from systems.training.teachers.correspondences import Teacher

Card = Callable[..., DualEncoderCard]
SHORT = {"seconds": 2, "longest_seconds": 2}


def fitting(card: DualEncoderCard, data: TrainingSet, reached: Any = None, **more: Any) -> Fitting:
    settings = {"data": ("clotho",), "validation": "clotho", "batch": 8, "epochs": 3, "captions": "all"} | more
    config = TrainingConfig(**settings)
    tokenizer = CaptionTokenizer.read(Path(card.files["tokenizer"].path), 600)
    reported: list[Any] = []
    scores = iter(reached or range(100))
    hooks = Hooks(lambda _: next(scores), reported.append)
    made = Fitting(DualEncoder.seeded(card, 0), tokenizer, config, 0.05, data, (), hooks)
    made.reported = reported  # type: ignore[assignment]
    return made


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
def test_the_loss_falls(dual_card: Card, data: TrainingSet, tmp_path: Path, encoder: str) -> None:
    schedule = Schedule(highest=3e-3, warm_up=0, end=12)
    one = fitting(dual_card(encoder, windows=SHORT), data, epochs=12, schedule=schedule, batch=24)
    fit(one, tmp_path)
    losses = [epoch.loss for epoch in one.reported]  # type: ignore[union-attr]
    assert losses[-1] < 0.9 * losses[0]
    assert "epoch 12 of 12: loss" in str(one.reported[-1])  # type: ignore[index]
    assert "of it waiting for data" in str(one.reported[-1])  # type: ignore[index]


def test_a_temperature_is_trained_where_the_card_says_so(dual_card: Card, data: TrainingSet, tmp_path: Path) -> None:
    """It is a weight like others: it moves, is kept with the best epoch, and goes on from there."""
    schedule = Schedule(highest=3e-3, warm_up=0, end=12)
    options: dict[str, Any] = {"schedule": schedule, "batch": 24, "temperature": "trained"}
    constant, trained = (
        fitting(dual_card("passt", windows=SHORT), data, epochs=2, **options | more)
        for more in ({"temperature": "constant"}, {})
    )
    assert "temperature" not in constant.state_dict()
    fit(constant, tmp_path / "constant")
    assert constant.temperature == 0.05
    kept = fit(trained, tmp_path / "trained")
    assert read_checkpoint(kept.weights).state["temperature"] == trained.temperature
    assert 0.001 < abs(trained.divisor.item() - 0.05) < 0.02
    whole = fitting(dual_card("passt", windows=SHORT), data, epochs=4, **options)
    fit(whole, tmp_path / "whole")
    gone_on = fitting(dual_card("passt", windows=SHORT), data, range(2, 9), epochs=4, **options)
    fit(gone_on, tmp_path / "trained")
    assert gone_on.divisor.item() == whole.divisor.item()


class Kill(Callback):
    """Ends the process, as it were, in the middle of an epoch."""

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == 7:
            raise RuntimeError("killed")


@pytest.mark.parametrize("encoder", ["passt", "mobilenet"])
def test_stopped_and_gone_on_is_as_never_stopped(
    dual_card: Card, data: TrainingSet, tmp_path: Path, encoder: str
) -> None:
    card = dual_card(encoder, windows=SHORT)
    reached = [0.3, 0.2, 0.1]  # Nothing gets better, and still every epoch counts.
    whole, stopped, gone_on = (fitting(card, data, reached[start:], epochs=3) for start in (0, 0, 2))
    expected = fit(whole, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        fit(stopped, tmp_path / "stopped", callbacks=[Kill()])
    assert weights_digest(stopped.model) != weights_digest(whole.model)
    (tmp_path / "stopped").rename(tmp_path / "moved")
    found = fit(gone_on, tmp_path / "moved")
    assert len(gone_on.reported) == 1  # type: ignore[arg-type]
    assert weights_digest(gone_on.model) == weights_digest(whole.model)
    assert (found.best.number, found.best.reached) == (expected.best.number, expected.best.reached) == (1, 0.3)
    assert [epoch.loss for epoch in found.epochs] == [epoch.loss for epoch in expected.epochs]
    best, as_whole = (torch.load(one.weights, weights_only=True)["state_dict"] for one in (found, expected))
    assert all(torch.equal(tensor, as_whole[name]) for name, tensor in best.items())
    again = fit(fitting(card, data), tmp_path / "moved")
    assert again.best == found.best


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_with_a_damaged_checkpoint_it_begins_again(
    dual_card: Card, data: TrainingSet, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    whole = fit(fitting(dual_card(), data, epochs=1), tmp_path)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    again = fit(fitting(dual_card(), data, epochs=1), tmp_path)
    assert [epoch.loss for epoch in again.epochs] == [epoch.loss for epoch in whole.epochs]
    assert caplog.messages == [f"{path} is missing or damaged; the training begins again"]
    assert is_sound(path, must_be_archive=True)


def test_the_best_epoch_is_kept(dual_card: Card, data: TrainingSet, tmp_path: Path) -> None:
    fitted = fit(fitting(dual_card(windows=SHORT), data, reached=[0.1, 0.3, 0.2]), tmp_path)
    assert (fitted.best.number, fitted.best.reached) == (2, 0.3)
    assert torch.load(fitted.weights, weights_only=True)["epoch"] == 1
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 2


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
    with pytest.raises(
        UserError, match=r"the loss is nan in epoch 2, step 1 \(clips \d+\.wav, .* what earlier epochs reached"
    ):
        fit(one, tmp_path, callbacks=[Poison()])
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 0


FILL = """
import resource, signal, sys
import torch
from systems.training.fitting.checkpoint_file import WholeFiles

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
small, large = ({"a": torch.zeros(size)} for size in (10, 1_000_000))
WholeFiles().save_checkpoint(small, sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    WholeFiles().save_checkpoint(large, sys.argv[1])
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    done = subprocess.run([sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"UserError {path} cannot be written")
    assert "it goes on after the last finished epoch" in done.stdout
    assert len(torch.load(path, weights_only=True)["a"]) == 10
    assert list(tmp_path.iterdir()) == [path]


def test_a_batch_that_does_not_fit(
    dual_card: Card, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Fitting.loss

    def short_of_memory(self: Fitting, batch: Batch, *more: Any) -> torch.Tensor:
        if len(batch.draw.clips) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return whole(self, batch, *more)

    monkeypatch.setattr(Fitting, "loss", short_of_memory)
    with pytest.raises(UserError, match="cpu has no memory for a batch of 8, but for one of 2; lower `batch:`"):
        fit(fitting(dual_card(windows=SHORT), data), tmp_path)


SIGNALLED = """
import os, signal, sys
from systems.training.fitting import fit
import lightning

class Trainer(lightning.Trainer):
    def fit(self, *_, **__):
        raise SystemExit(1)

lightning.Trainer = Trainer
from types import SimpleNamespace
from pathlib import Path
before = signal.getsignal(signal.SIGINT)
try:
    fit.fit(SimpleNamespace(config=SimpleNamespace(epochs=1)), Path(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted", signal.getsignal(signal.SIGINT) is before)
"""


def test_a_signal_is_an_interruption(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SIGNALLED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["interrupted", "True"]


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
    waveforms = [torch.from_numpy(data.read(clip)) for clip in which.clips]
    batch = Batch(which, waveforms, [student._ids[i] for i in which.captions])
    loss = student.loss(batch)
    scaled = torch.from_numpy(units[0][which.clips].astype(np.float32) @ units[1][which.captions].T.astype("f4")) / 0.05
    entropy = sum(-(scaled.softmax(d) * scaled.log_softmax(d)).sum(d).mean() for d in (0, 1))
    assert float(loss.detach()) == pytest.approx(float(entropy), abs=1e-3)


@pytest.mark.parametrize(("supervised", "scale"), [(1.0, 1.0), (0.0, 1.0), (0.25, 1.0), (0.25, 0.5)])
def test_both_losses_are_mixed_as_the_card_says(
    dual_card: Card, data: TrainingSet, supervised: float, scale: float
) -> None:
    teachers = ("t",) if supervised < 1 else ()
    student = fitting(dual_card(windows=SHORT), data, supervised=supervised, loss_scale=scale, teachers=teachers)
    student.model.eval()
    random = np.random.default_rng(0)
    units = [
        random.standard_normal((count, 6)).astype(np.float16) / 4 for count in (len(data.clips), len(data.captions))
    ]
    student._teachers = (Teacher("t", "", *units),)
    # Two clips are there twice, so that a caption matches more than one.
    which = Draw(np.array([3, 1, 3, 2]), np.array([15, 5, 16, 10]))
    waveforms = [torch.from_numpy(data.read(clip)) for clip in which.clips]
    with torch.no_grad():
        found = student.loss(Batch(which, waveforms, [student._ids[i] for i in which.captions]))
        clips = student.model.embed_clips([waveform.numpy() for waveform in waveforms])
        captions = student.model.embed_captions([student._ids[i] for i in which.captions])
    cosines = torch.nn.functional.normalize(clips) @ torch.nn.functional.normalize(captions).T
    matching = torch.tensor([[c == data.owners[k] for k in which.captions] for c in which.clips])
    assert matching.sum() == 6
    estimated = torch.from_numpy(units[0][which.clips].astype("f4") @ units[1][which.captions].astype("f4").T)
    expected = supervised * supervised_loss(cosines, matching, 0.05)
    expected += (1 - supervised) * distillation_loss(cosines, estimated, 0.05)
    assert float(found) == pytest.approx(scale * float(expected), rel=1e-4)


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
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.training_section import TrainingConfig
from systems.training.teachers.correspondences import Teacher
from systems.training.data.training_set import Draw, share_of
from systems.training.data.batches import Batch
from systems.training.fitting.module import Fitting, Hooks

torch.set_num_threads(1)
CARD = {card!r}
OWNERS = np.repeat(np.arange(5), 3)

class Data:
    owners, captions, extra = OWNERS, ("a",) * 15, ()

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
    return Fitting(model, ids, config, 0.05, Data(), teachers, None)

def step(rank, ranks):
    fitting = make()
    draw = share_of(Draw(np.arange(5), np.arange(15)), OWNERS, rank, ranks)
    random = [np.random.default_rng(clip) for clip in draw.clips.tolist()]
    lengths = [40_000 + 9_000 * clip for clip in draw.clips.tolist()]
    waves = [torch.from_numpy(one.uniform(-1, 1, length).astype("f4")) for one, length in zip(random, lengths)]
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
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said.decode()
    found = torch.load(tmp_path / "found.pt", weights_only=True)
    scope: dict[str, Any] = {}
    exec((tmp_path / "together.py").read_text(), scope)
    loss, gradients = scope["step"](0, 1)
    assert found["loss"] == pytest.approx(loss, abs=1e-6)
    assert len(found["gradients"]) == len(gradients) > 20
    for one, expected in zip(found["gradients"], gradients, strict=True):
        assert torch.linalg.norm(one - expected) <= 1e-6 * torch.linalg.norm(expected) + 1e-15
