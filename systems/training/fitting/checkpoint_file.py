"""Checkpoints that are written whole or not at all: under another name first, then renamed."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from harness.errors import UserError, one_line


class WholeFiles(TorchCheckpointIO):
    """Writes as lightning does, but keeps the previous file where the disk is full or the process is killed."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: Any,
        storage_options: Any | None = None,  # noqa: ARG002
    ) -> None:
        """Write a checkpoint to a local path."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.unfinished")
        try:
            with unfinished.open("wb") as file:
                torch.save(checkpoint, file)
            unfinished.replace(target)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"{target} cannot be written ({one_line(error, 120)}); make room and run the same command again: it "
                "goes on after the last finished epoch"
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
