"""Checkpoints that are whole or not there: written under another name, then renamed."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO


class WholeFiles(TorchCheckpointIO):
    """Writes as lightning does, but a full disk or a kill leaves the file that was there before."""

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
            torch.save(checkpoint, unfinished)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
