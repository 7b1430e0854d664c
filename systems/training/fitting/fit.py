"""Fit a dual encoder: lightning runs the epochs.

Everything drawn at random follows from the seed and the step, and the whole state is written after every epoch. So a
training that was killed goes on to the same weights as one that was not.
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
from systems.checkpoints import read_checkpoint
from systems.training.fitting.checkpoint_file import WholeFiles
from systems.training.fitting.module import Epoch, Fitting

_log = logging.getLogger(__name__)

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class Keeping(Checkpoint):
    """Keeps the whole state after every epoch in `last.ckpt`, and the weights of the best epoch in `best.ckpt`.

    Attributes:
        epochs: all finished epochs, including those before the training was resumed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epochs: list[Epoch] = []

    @property
    def best(self) -> Epoch:
        """The epoch that reached most; the first of several that reached the same."""
        return max(self.epochs, key=lambda epoch: epoch.reached)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write both files, the best one first, so that it exists when `last.ckpt` says which epoch was best."""
        assert isinstance(pl_module, Fitting)
        assert pl_module.epoch is not None
        self.epochs.append(pl_module.epoch)
        if self.best is pl_module.epoch:
            trainer.save_checkpoint(self.folder / "best.ckpt", weights_only=True)
        trainer.save_checkpoint(self.folder / "last.ckpt")

    def state_dict(self) -> dict[str, Any]:
        """The epochs, for the checkpoint."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the epochs from a checkpoint."""
        self.epochs = [Epoch(**epoch) for epoch in state_dict["epochs"]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of a training.

    Attributes:
        weights: the checkpoint of the best epoch.
        best: that epoch.
        epochs: all epochs.
    """

    weights: Path
    best: Epoch
    epochs: tuple[Epoch, ...]


def fit(
    fitting: Fitting, folder: Path, *, device: str = "cpu", precision: str = "fp32", callbacks: Sequence[Callback] = ()
) -> Fitted:
    """Train; where the folder holds a finished epoch, go on after the last one.

    Processes that torchrun has started train together, each on the device whose number is its local rank.

    Args:
        fitting: the training.
        folder: receives the checkpoints; see `Keeping`.
        device: the name PyTorch gives it.
        precision: `fp32`, `bf16` or `fp16`.
        callbacks: further callbacks of lightning.

    Raises:
        UserError: the loss is NaN or infinite, the device's memory does not hold a batch, a file cannot be written, or
            torchrun has started the processes again so that they cannot find each other.
        KeyboardInterrupt: the process was asked to stop; the training can be resumed.
    """
    refuse_old_addresses()
    keeping = Keeping(folder)
    if device.startswith("cpu"):
        keep_freed_memory()
    if precision == "fp32":
        torch.backends.cudnn.allow_tf32 = False
    with _quiet():
        trainer = _trainer(fitting, device, precision, [keeping, *callbacks])
        try:
            trainer.fit(fitting, ckpt_path=_resumed(folder), weights_only=True)
        except SystemExit as error:
            # Lightning answers a signal so; the command answers a KeyboardInterrupt.
            raise KeyboardInterrupt from error
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise UserError(
                f"{device} has no memory for a batch of {fitting.config.batch}, but for one of {_that_fits(fitting)}; "
                "lower `batch:` in the card, or compute it in parts by `part:`"
            ) from error
    return Fitted(folder / "best.ckpt", keeping.best, tuple(keeping.epochs))


def refuse_old_addresses() -> None:
    """Refuse to look for processes that are dead.

    A torchrun that shares its store with the processes keeps it when it starts them again, and torch (2.13) no longer
    tells the addresses that are in it from those before. So processes wait for dead ones, or fail with a broken pipe.

    Raises:
        UserError: torchrun has started this process again, and shares its store.
    """
    again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"
    if again and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise UserError(
            "torchrun has started this training again after a process died, but its processes would be given the "
            "addresses of those before; set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 and start it by `torchrun "
            "--standalone` or with --rdzv-backend c10d; what is done is kept"
        )


def _resumed(folder: Path) -> Path | None:
    """The checkpoint to go on from; `None` where there is none, or where it or that of the best epoch is damaged."""
    last = folder / "last.ckpt"
    if not last.exists():
        return None
    for path in (last, folder / "best.ckpt"):
        try:
            read_checkpoint(path)
        except UserError:
            _log.warning("%s is missing or damaged; the training begins again", path)
            return None
    return last


def _trainer(fitting: Fitting, device: str, precision: str, callbacks: list[Callback]) -> lightning.Trainer:
    """Lightning's trainer, for the processes that torchrun has started or for this one alone."""
    kind, _, index = device.partition(":")
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    return lightning.Trainer(
        accelerator={"cuda": "gpu"}.get(kind, kind),
        devices=[int(index)] if index else local,
        num_nodes=processes // local,
        strategy="ddp" if processes > 1 else "auto",
        sync_batchnorm=processes > 1 and kind == "cuda",
        precision=PRECISIONS[precision],  # type: ignore[arg-type]
        max_epochs=fitting.config.epochs,
        callbacks=callbacks,
        plugins=[WholeFiles()],
        logger=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
    )


def _that_fits(fitting: Fitting) -> int:
    """The largest of the batch sizes reached by halving whose step fits into the device's memory; 0 for none."""
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
    """Keep lightning's advice off the screen, and restore the signal handlers that it replaces."""
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    logger.setLevel(logging.ERROR)
    # Lightning installs handlers of its own and leaves them in place.
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
