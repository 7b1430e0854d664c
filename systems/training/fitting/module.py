"""The training of one dual encoder, step by step and epoch by epoch.

Everything that is drawn at random in a step follows from the seed, the epoch and the number of the step.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils.data import DataLoader

from harness.errors import UserError
from harness.machine import Advance, Progress, silent
from systems.audio import SAMPLE_RATE
from systems.dual_encoder import DualEncoder, TrainingConfig, keyword_ids
from systems.text import CaptionTokenizer
from systems.training.data.batches import Batch, Batches
from systems.training.data.images import Images
from systems.training.data.training_set import Draw, TrainingSet
from systems.training.fitting.losses import distillation_loss, supervised_loss
from systems.training.fitting.parts import in_parts
from systems.training.teachers.correspondences import Teacher, estimate


@dataclass(frozen=True, slots=True)
class Epoch:
    """The result of an epoch.

    Attributes:
        number: counted from 1.
        of: number of epochs of the training.
        loss: mean over its steps.
        reached: the primary measure on the validation split after it.
        rate: the learning rate of its last step.
        seconds: its duration, without the validation.
        waiting: share of `seconds` in which the encoder waited for data.
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


@dataclass(frozen=True, slots=True)
class Hooks:
    """The functions that a training calls as it goes.

    Attributes:
        validate: returns a model's primary measure on the validation split.
        report: receives each epoch when it is over.
        progress: opened for each epoch.
    """

    validate: Callable[[DualEncoder], float]
    report: Callable[[Epoch], None]
    progress: Progress = silent


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
        hooks: Hooks,
    ) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.temperature: Tensor | float = temperature
        if config.temperature == "trained":
            self.temperature = torch.nn.Parameter(torch.tensor(temperature))
        self._data = data
        self._teachers = tuple(teachers)
        self._hooks = hooks
        self._advance: Advance = lambda _: None
        self._ids = tokenizer(data.captions)
        self._extra = [tokenizer(texts) for texts in data.extra]
        uses = () if model.metadata is None else model.metadata.uses
        self._keywords = keyword_ids(tokenizer, data.metadata(uses)) if uses else None
        self._owners = torch.from_numpy(data.owners)
        longest = model.windows.longest_seconds
        self._longest = None if longest is None else round(longest * SAMPLE_RATE)
        self._images = Images(model, lambda clip: data.read(clip, 0, self._longest)) if config.keep_images else None
        self.epoch: Epoch | None = None
        self._losses: list[Tensor] = []
        self._waited = self._began = self._ended = 0.0
        for name, parameter in model.audio.named_parameters():
            # Processes that train together would wait for gradients of weights that no output depends on.
            if name.startswith(model.audio.unused):
                parameter.requires_grad_(False)

    def train_dataloader(self) -> DataLoader[Batch]:
        """The batches of the epoch, or this process's parts of them."""
        # On a CPU the encoder needs all cores; a GPU would wait for the waveforms if no others read them.
        workers = 0 if self.device.type == "cpu" or self.config.keep_images else 4
        return DataLoader(self.batches(self.config.batch), batch_size=None, shuffle=False, num_workers=workers)

    def batches(self, size: int) -> Batches:
        """The batches of the epoch, made of so many pairs or clips."""
        config = self.config.model_copy(update={"batch": size})
        part = (self.trainer.global_rank, self.trainer.world_size)
        rest = (self._images, self._extra)
        return Batches(self._data, self._ids, config, self._longest, self.current_epoch, *part, *rest)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Leave the batch where it is: the model moves the waveforms, one pass at a time."""
        return batch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with PyTorch's defaults; the learning rate is set before each step."""
        return torch.optim.Adam(
            (parameter for parameter in self.parameters() if parameter.requires_grad),
            lr=self.config.schedule.highest,
        )

    def on_train_epoch_start(self) -> None:
        """Start the clock and the progress of the epoch."""
        steps = len(self.trainer.train_dataloader)  # type: ignore[arg-type]
        self._advance = self._hooks.progress(f"epoch {self.current_epoch + 1} of {self.config.epochs}", steps)
        self._losses.clear()
        self._waited, self._began = 0.0, time.perf_counter()
        self._ended = self._began

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Set the learning rate; the time since the last step was spent waiting for data."""
        self._waited += time.perf_counter() - self._ended
        steps = len(self.trainer.train_dataloader)  # type: ignore[arg-type]
        rate = self.config.schedule.at(self.current_epoch + batch_idx / steps)
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a step, in which a seed of its own decides everything that is drawn."""
        seed = int(np.random.SeedSequence((self.config.seed, self.current_epoch, batch_idx)).generate_state(1)[0])
        torch.manual_seed(seed)
        loss = self.loss(batch, torch.Generator().manual_seed(seed))
        if not torch.isfinite(loss):
            clips = ", ".join(self._data.clips[clip][1].name for clip in batch.draw.clips[:3])
            where = f"epoch {self.current_epoch + 1}, step {batch_idx + 1} (clips {clips}, …)"
            raise UserError(
                f"the loss is {float(loss.detach())} in {where}; training stops, what earlier epochs reached is kept "
                "(to begin again with a lower learning rate, or in fp32, delete the folder `epochs`)"
            )
        self._losses.append(loss.detach())
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Record when the step ended."""
        self._advance(1)
        self._ended = time.perf_counter()

    def on_train_epoch_end(self) -> None:
        """Validate, and report the epoch."""
        seconds = time.perf_counter() - self._began
        loss = float(torch.stack(self._losses).mean())
        # One process validates for all.
        reached = self.validated() if self.trainer.is_global_zero else 0.0
        reached = self.trainer.strategy.broadcast(reached)
        self.model.train()
        rate = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        number, of = self.current_epoch + 1, self.config.epochs
        self.epoch = Epoch(number, of, loss, reached, rate, seconds, self._waited / seconds)
        if self.trainer.is_global_zero:
            self._hooks.report(self.epoch)

    def validated(self) -> float:
        """What the model reaches on the validation split; it is left in evaluation mode."""
        return self._hooks.validate(self.model)

    @property
    def divisor(self) -> Tensor | float:
        """What divides the cosines: the temperature, without the sign that training might give it."""
        return self.temperature.abs() if isinstance(self.temperature, Tensor) else self.temperature

    def described(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
        """The features of the batch's clips, `(clips, width)`."""
        if batch.images:
            return self.model.describe_images(batch.images, batch.lengths, generator)
        return self.model.describe_clips([waveform.numpy() for waveform in batch.waveforms], generator=generator)

    def embedded(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
        """The batch's clips in the shared space, with their keywords where the system uses any."""
        if self._keywords is None:
            projected: Tensor = self.model.audio_projection(self.described(batch, generator))
            return projected
        waveforms = [waveform.numpy() for waveform in batch.waveforms]
        keywords = [self._keywords[clip] for clip in batch.draw.clips]
        return self.model.embed_clips(waveforms, generator=generator, keywords=keywords)

    def loss(self, batch: Batch, generator: torch.Generator | None = None) -> Tensor:
        """The loss of a step; each of several processes computes it over the embeddings of all of them."""
        parts = self.config.parts(self.trainer.world_size if self._trainer else 1)

        def of_clips(some: slice) -> Tensor:
            return normalize(self.embedded(batch.some(some), generator).float(), dim=-1)

        def of_captions(some: slice) -> Tensor:
            return normalize(self.model.embed_captions(batch.ids[some]).float(), dim=-1)

        clips = self._gathered(in_parts(of_clips, len(batch.draw.clips), parts, self.model, generator))
        captions = self._gathered(in_parts(of_captions, len(batch.ids), parts, self.model))
        which = Draw(np.concatenate(_of_all(batch.draw.clips)), np.concatenate(_of_all(batch.draw.captions)))
        with torch.autocast(clips.device.type, enabled=False):
            similarities = clips @ captions.T
        supervised = self.config.supervised
        loss = torch.zeros((), device=similarities.device)
        if supervised:
            matching = torch.from_numpy(which.clips)[:, None] == self._owners[torch.from_numpy(which.captions)]
            matching = matching.to(similarities.device)
            loss = loss + supervised * supervised_loss(similarities, matching, self.divisor)
        if supervised < 1:
            estimates = estimate(self._teachers, which.clips, which.captions, similarities.device)
            loss = loss + (1 - supervised) * distillation_loss(similarities, estimates, self.divisor)
        return self.config.loss_scale * loss

    def _gathered(self, vectors: Tensor) -> Tensor:
        """The rows of all processes in their order, with gradients; processes may have different numbers of rows."""
        if not _together():
            return vectors
        from torch.distributed.nn.functional import all_gather

        sizes = _of_all(len(vectors))
        padded = torch.nn.functional.pad(vectors, (0, 0, 0, max(sizes) - len(vectors)))
        parts: Sequence[Tensor] = all_gather(padded)  # type: ignore[no-untyped-call]
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def _of_all(value: Any) -> list[Any]:
    """The values of all processes that train together, in their order."""
    if not _together():
        return [value]
    values: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values


def _together() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
