from pathlib import Path

import pytest

from harness.errors import UserError
from systems.training.trainer import trainer_of


def test_what_cannot_be_trained_is_one_line() -> None:
    with pytest.raises(UserError, match="random cannot be trained: its card has no line `trainer:"):
        trainer_of("random")
    with pytest.raises(UserError, match="unknown system 'lineal'; did you mean 'linear'"):
        trainer_of("lineal")


def test_a_seed_decides_where_something_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="linear has no section `training:`, so that a seed decides nothing"):
        trainer_of("linear", seed=1)
    trainer = trainer_of("tiny-atst", seed=3)
    assert trainer.args[0]["training"]["seed"] == 3  # type: ignore[attr-defined]
