"""Fitting a dual encoder: lightning runs the epochs, everything that is drawn follows from the seed and the step.

Because of that, and because a checkpoint is written after every epoch, a run that is killed goes on to the very weights
it would have had.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils.data import DataLoader, Dataset

from harness.errors import UserError
from harness.progress import Advance, Progress, silent
from harness.system import Array
from systems.audio.mel import SAMPLE_RATE
from systems.dual_encoder import DualEncoder
from systems.text.captions import CaptionTokenizer
from systems.training.checkpoint_file import WholeFiles
from systems.training.config import TrainingConfig
from systems.training.contrastive import supervised_loss
from systems.training.correspondences import Teacher, estimate
from systems.training.data import Draw, TrainingSet, crop_start, draws, share_of
from systems.training.distillation import distillation_loss

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
CRITERION = "validation"
"""Name under which lightning knows the measure that chooses the checkpoint."""

_UNUSED = ("audio.head", "audio.head_dist", "audio.classifier")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What a step computes on.

    Attributes:
        draw: which clips and captions, of the whole step or of this process's part.
        waveforms: of the clips.
        ids: tokens of the captions.
    """

    draw: Draw
    waveforms: list[Array]
    ids: list[list[int]]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What became of an epoch.

    Attributes:
        number: counted from 1.
        of: how many there are to be.
        loss: mean over its steps.
        reached: the measure on the validation split after it.
        rate: the learning rate of its last step.
        seconds: it took, without the validation.
        waiting: share of them in which the encoder waited for data.
    """

    number: int
    of: int
    loss: float
    reached: float
    rate: float
    seconds: float
    waiting: float

    def __str__(self) -> str:
        return (
            f"epoch {self.number} of {self.of}: loss {self.loss:.4f}, validation {self.reached:.4f}, "
            f"{self.seconds:.0f} s, {self.waiting:.0%} of it waiting for data"
        )


class Batches(Dataset[Batch]):
    """The batches of an epoch, for a process of several."""

    def __init__(
        self,
        data: TrainingSet,
        ids: Sequence[list[int]],
        config: TrainingConfig,
        longest: int | None,
        epoch: int,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """See `TrainingConfig`; `ids` are the tokens of every caption, `longest` the samples that a step hears."""
        self._data, self._ids, self._longest = data, ids, longest
        self._seed = (config.seed, epoch)
        steps = draws(data.owners, config.batch, config.captions, config.seed, epoch)
        self._draws = [share_of(draw, data.owners, rank, ranks) for draw in steps]

    def __len__(self) -> int:
        return len(self._draws)

    def __getitem__(self, step: int) -> Batch:
        draw = self._draws[step]
        waveforms = [self._heard(int(clip), (*self._seed, step, place)) for place, clip in enumerate(draw.clips)]
        return Batch(draw, waveforms, [self._ids[caption] for caption in draw.captions])

    def _heard(self, clip: int, seed: tuple[int, ...]) -> Array:
        start = crop_start(self._data.length(clip), self._longest, seed)
        return self._data.read(clip, start, self._longest)


class Fitting(lightning.LightningModule):
    """The training of one dual encoder, as lightning calls it."""

    def __init__(
        self,
        model: DualEncoder,
        tokenizer: CaptionTokenizer,
        config: TrainingConfig,
        temperature: float,
        data: TrainingSet,
        teachers: Sequence[Teacher],
        validate: Callable[[DualEncoder], float],
        tell: Callable[[Epoch], None],
        progress: Progress = silent,
    ) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.temperature = temperature
        self._data = data
        self._teachers = tuple(teachers)
        self._validate = validate
        self._tell = tell
        self._progress = progress
        self._advance: Advance = lambda _: None
        self._ids = tokenizer(data.captions)
        self._owners = torch.from_numpy(data.owners)
        longest = model.windows.longest_seconds
        self._longest = None if longest is None else round(longest * SAMPLE_RATE)
        self._losses: list[Tensor] = []
        self._waited = self._began = self._ended = 0.0
        for name, parameter in model.named_parameters():
            # What no output depends on would be waited for between processes.
            if name.startswith(_UNUSED):
                parameter.requires_grad_(False)

    def train_dataloader(self) -> DataLoader[Batch]:
        """The batches of the epoch, of this process."""
        batches = Batches(
            self._data,
            self._ids,
            self.config,
            self._longest,
            self.current_epoch,
            self.trainer.global_rank,
            self.trainer.world_size,
        )
        # On a processor the cores are the encoder's; an accelerator would wait for the waveforms.
        workers = 0 if self.device.type == "cpu" else 4
        return DataLoader(batches, batch_size=None, shuffle=False, num_workers=workers)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Waveforms are moved a pass at a time, by the model."""
        return batch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam as PyTorch has it; the rate is set before each step."""
        return torch.optim.Adam(
            (parameter for parameter in self.model.parameters() if parameter.requires_grad),
            lr=self.config.schedule.highest,
        )

    def on_train_epoch_start(self) -> None:
        """Start the clock, and the bar."""
        steps = len(self.trainer.train_dataloader)  # type: ignore[arg-type]
        self._advance = self._progress(f"epoch {self.current_epoch + 1} of {self.config.epochs}", steps)
        self._losses.clear()
        self._waited, self._began = 0.0, time.perf_counter()
        self._ended = self._began

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Set the rate; what passed since the last step was waiting for data."""
        self._waited += time.perf_counter() - self._ended
        steps = len(self.trainer.train_dataloader)  # type: ignore[arg-type]
        rate = self.config.schedule.at(self.current_epoch + batch_idx / steps)
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a step, whose seed decides all that is drawn in it."""
        seed = int(np.random.SeedSequence((self.config.seed, self.current_epoch, batch_idx)).generate_state(1)[0])
        torch.manual_seed(seed)
        loss = self.loss(batch, torch.Generator().manual_seed(seed))
        if not torch.isfinite(loss):
            clips = ", ".join(self._data.clips[clip][1].name for clip in batch.draw.clips[:3])
            where = f"epoch {self.current_epoch + 1}, step {batch_idx + 1} (clips {clips}, …)"
            raise UserError(
                f"the loss is {float(loss.detach())} in {where}; "
                "training stops, the checkpoint of the epoch before is kept: lower the learning rate, or use fp32"
            )
        self._losses.append(loss.detach())
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Note when the step ended."""
        self._advance(1)
        self._ended = time.perf_counter()

    def on_train_epoch_end(self) -> None:
        """Validate, and tell of the epoch in a line."""
        seconds = time.perf_counter() - self._began
        loss = float(torch.stack(self._losses).mean())
        reached = self._validate(self.model)
        self.model.train()
        self.log(CRITERION, reached, sync_dist=True)
        self.log("loss", loss, sync_dist=True)
        rate = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        number, of = self.current_epoch + 1, self.config.epochs
        self._tell(Epoch(number, of, loss, reached, rate, seconds, self._waited / seconds))

    def loss(self, batch: Batch, generator: torch.Generator | None = None) -> Tensor:
        """The loss of a step; of several processes each computes it of all their parts together."""
        clips = self._gathered(normalize(self.model.embed_clips(batch.waveforms, generator=generator).float(), dim=-1))
        captions = self._gathered(normalize(self.model.embed_captions(batch.ids).float(), dim=-1))
        which = Draw(self._all_of(batch.draw.clips), self._all_of(batch.draw.captions))
        with torch.autocast(clips.device.type, enabled=False):
            similarities = clips @ captions.T
        supervised = self.config.supervised
        loss = torch.zeros((), device=similarities.device)
        if supervised:
            matching = torch.from_numpy(which.clips)[:, None] == self._owners[torch.from_numpy(which.captions)]
            loss = loss + supervised * supervised_loss(similarities, matching.to(similarities.device), self.temperature)
        if supervised < 1:
            estimates = estimate(self._teachers, which.clips, which.captions, similarities.device)
            loss = loss + (1 - supervised) * distillation_loss(similarities, estimates, self.temperature)
        return self.config.loss_scale * loss

    def _gathered(self, vectors: Tensor) -> Tensor:
        """All processes' rows in the order of the processes, with gradients; parts may differ in size."""
        if not _together():
            return vectors
        from torch.distributed.nn.functional import all_gather

        sizes = self._sizes(len(vectors))
        padded = torch.nn.functional.pad(vectors, (0, 0, 0, max(sizes) - len(vectors)))
        parts: Sequence[Tensor] = all_gather(padded)  # type: ignore[no-untyped-call]
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def _all_of(self, indices: np.ndarray) -> np.ndarray:
        if not _together():
            return indices
        parts: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(parts, indices)
        return np.concatenate(parts)

    def _sizes(self, size: int) -> list[int]:
        parts: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(parts, size)
        return parts


def _together() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of a training.

    Attributes:
        best: the checkpoint of the best epoch.
        reached: what it reached on the validation split.
        epochs: what each epoch reached, first to last.
    """

    best: Path
    reached: float


def fit(
    fitting: Fitting, folder: Path, *, device: str = "cpu", precision: str = "fp32", callbacks: Sequence[Callback] = ()
) -> Fitted:
    """Train, from the last finished epoch in the folder where there is one.

    Args:
        fitting: what is trained, and on what.
        folder: receives the checkpoints: `last.ckpt`, and the best epoch's.
        device: in torch's words.
        precision: `fp32`, `bf16` or `fp16`.
        callbacks: called along, in lightning's words.

    Raises:
        UserError: the loss is no number, the device's memory does not hold a batch, or the disk refuses.
    """
    best = ModelCheckpoint(
        dirpath=folder,
        filename="best",
        monitor=CRITERION,
        mode="max",
        save_last=True,
        save_top_k=1,
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    kind, _, index = device.partition(":")
    with _quiet():
        trainer = lightning.Trainer(
            accelerator={"cuda": "gpu"}.get(kind, kind),
            devices=[int(index)] if index else ("auto" if kind == "cuda" else 1),
            precision=PRECISIONS[precision],  # type: ignore[arg-type]
            max_epochs=fitting.config.epochs,
            callbacks=[best, *callbacks],
            plugins=[WholeFiles()],
            logger=False,
            enable_model_summary=False,
            reload_dataloaders_every_n_epochs=1,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
        )
        last = folder / "last.ckpt"
        try:
            trainer.fit(fitting, ckpt_path=last if last.exists() else None, weights_only=True)
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"{device} has no memory for a batch of {fitting.config.batch}; lower `batch:` in the card"
            ) from error
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written: {error.strerror or error}; make room and run the same command again: "
                "it goes on after the last finished epoch"
            ) from error
    return Fitted(Path(best.best_model_path), float(best.best_model_score or 0))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep lightning's advice off the screen."""
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        logger.setLevel(before)
