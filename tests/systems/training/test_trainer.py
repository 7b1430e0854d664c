from pathlib import Path

import pytest

from harness.errors import UserError
from systems.training.trainer import trainer_of


def test_what_cannot_be_trained_is_one_line() -> None:
    with pytest.raises(UserError, match="random cannot be trained: its card has no line `trainer:"):
        trainer_of("random")
    with pytest.raises(UserError, match="unknown system 'lineal'; did you mean 'linear'"):
        trainer_of("lineal")


def mend_nothing(card: object, folder: Path, out: Path, data_root: Path, progress: object) -> str:
    return "trained"


def test_options_go_to_trainers_that_know_them(tmp_path: Path) -> None:
    assert trainer_of("linear", skip_broken=True).keywords == {"skip_broken": True}  # type: ignore[attr-defined]
    path = tmp_path / "card.yaml"
    path.write_text("{factory: systems.random:from_card, trainer: test_trainer:mend_nothing, name: mine}")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        patch.setenv("LBAR_TRUST", "1")
        assert trainer_of(str(path)).keywords == {}  # type: ignore[attr-defined]
        with pytest.raises(UserError, match="card.yaml has a trainer that does not leave out broken clips; mend them"):
            trainer_of(str(path), skip_broken=True)
        with pytest.raises(UserError, match="is trained in one precision only; leave --precision bf16 out"):
            trainer_of(str(path), precision="bf16")


def test_a_seed_decides_where_something_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="linear has no section `training:`, so that a seed decides nothing"):
        trainer_of("linear", seed=1)
    trainer = trainer_of("tiny-atst", seed=3)
    assert trainer.args[0]["training"]["seed"] == 3  # type: ignore[attr-defined]
