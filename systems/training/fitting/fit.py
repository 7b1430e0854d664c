"""Fitting a dual encoder: lightning runs the epochs.

As all that is drawn follows from the seed and the step, and as the whole state is written after every epoch, a run that
is killed goes on to the very weights it would have had.
"""

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint

from harness.errors import UserError
from harness.machine import keep_freed_memory
from systems.training.fitting.checkpoint_file import WholeFiles
from systems.training.fitting.module import Epoch, Fitting

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class Keeping(Checkpoint):
    """Keeps the whole state after every epoch in `last.ckpt`, and the weights of the best epoch in `best.ckpt`.

    Attributes:
        epochs: what became of each epoch, also of those before the run went on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epochs: list[Epoch] = []

    @property
    def best(self) -> Epoch:
        """The epoch that reached most; of several the first."""
        return max(self.epochs, key=lambda epoch: epoch.reached)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write both files; the best one first, so that `last.ckpt` never speaks of what is not there."""
        assert isinstance(pl_module, Fitting)
        assert pl_module.epoch is not None
        self.epochs.append(pl_module.epoch)
        if self.best is pl_module.epoch:
            trainer.save_checkpoint(self.folder / "best.ckpt", weights_only=True)
        trainer.save_checkpoint(self.folder / "last.ckpt")

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has of it."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what a checkpoint has of it."""
        self.epochs = [Epoch(**epoch) for epoch in state_dict["epochs"]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of a training.

    Attributes:
        weights: the checkpoint of the best epoch.
        best: that epoch.
        epochs: all of them.
    """

    weights: Path
    best: Epoch
    epochs: tuple[Epoch, ...]


def fit(
    fitting: Fitting, folder: Path, *, device: str = "cpu", precision: str = "fp32", callbacks: Sequence[Callback] = ()
) -> Fitted:
    """Train, from the last finished epoch in the folder where there is one.

    Under torchrun its processes train together, each on the device of its number.

    Args:
        fitting: what is trained, and on what.
        folder: receives the checkpoints; see `Keeping`.
        device: in torch's words.
        precision: `fp32`, `bf16` or `fp16`.
        callbacks: called along, in lightning's words.

    Raises:
        UserError: the loss is no number, the device's memory does not hold a batch, or the disk refuses.
        KeyboardInterrupt: the run was told to stop; it can go on.
    """
    keeping = Keeping(folder)
    kind, _, index = device.partition(":")
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if kind == "cpu":
        keep_freed_memory()
    if precision == "fp32":
        torch.backends.cudnn.allow_tf32 = False
    with _quiet():
        trainer = lightning.Trainer(
            accelerator={"cuda": "gpu"}.get(kind, kind),
            devices=[int(index)] if index else processes,
            num_nodes=int(os.environ.get("WORLD_SIZE", "1")) // processes,
            strategy="ddp" if together else "auto",
            sync_batchnorm=together and kind == "cuda",
            precision=PRECISIONS[precision],  # type: ignore[arg-type]
            max_epochs=fitting.config.epochs,
            callbacks=[keeping, *callbacks],
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
        except SystemExit as error:
            # Lightning's answer to a signal; the command has its own.
            raise KeyboardInterrupt from error
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise UserError(
                f"{device} has no memory for a batch of {fitting.config.batch}, but for one of {_that_fits(fitting)}; "
                "lower `batch:` in the card"
            ) from error
    return Fitted(folder / "best.ckpt", keeping.best, tuple(keeping.epochs))


def _that_fits(fitting: Fitting) -> int:
    """The largest batch, of those that halving leads to, whose step the device's memory holds; 0 for none."""
    size = fitting.config.batch // 2
    while size:
        fitting.zero_grad()
        try:
            fitting.loss(fitting.batches(size)[0]).backward()  # type: ignore[no-untyped-call]
        except (torch.OutOfMemoryError, MemoryError):
            size //= 2
        else:
            return size
    return 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep lightning's advice off the screen, and its hands off the signals afterwards."""
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    logger.setLevel(logging.ERROR)
    # Lightning puts its own handlers in place and leaves them there.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        logger.setLevel(before)
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
