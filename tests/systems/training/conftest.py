"""A training that takes seconds."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from systems.dual_encoder.card import DualEncoderCard


@pytest.fixture
def trainable(
    dual_card: Callable[..., DualEncoderCard], migrated_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A working directory with `mine.yaml`, which is trained in seconds."""
    monkeypatch.chdir(tmp_path)
    card = dual_card(
        name="mine",
        windows={"seconds": 2, "longest_seconds": 2},
        trainer="systems.training.two_stage:train_dual_encoder",
        training={"data": ["clotho"], "validation": "clotho", "batch": 8, "epochs": 1, "captions": "all"},
    )
    Path("mine.yaml").write_text(yaml.safe_dump(card.model_dump(mode="json", exclude_unset=True)))
