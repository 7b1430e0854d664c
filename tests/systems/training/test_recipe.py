import json
import shutil
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from harness.errors import UserError
from harness.interface.cards import read_card
from harness.interface.systems import load_system
from systems.linear import LinearCard
from systems.training.cli import train
from systems.training.linear import train_linear
from systems.training.trainer import trainer_of


@pytest.fixture
def card_file(tmp_path: Path, small_card: LinearCard, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small_card.model_dump(mode="json")))
    return path


def test_train_writes_a_system_that_loads(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(train)
    result = CliRunner().invoke(app, [str(card_file), "--out", str(tmp_path / "out"), "--data-root", str(small_clotho)])
    assert result.exit_code == 0, result.output
    folder = tmp_path / "out" / "small"
    assert sorted(path.name for path in folder.iterdir()) == ["card.yaml", "small.safetensors", "training.json"]
    trained = json.loads((folder / "training.json").read_text())
    assert result.stdout.splitlines() == [
        f"{folder / 'card.yaml'}: mAP@10 {trained['validation']['mAP@10']:.4f} on the validation split"
    ]
    system = load_system(str(folder / "card.yaml"))
    assert system.info.digest == trained["system_digest"]
    assert system.info.trained_on == ("clotho",)


def test_training_again_replaces_it(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    card, folder = read_card(str(card_file))[0], tmp_path / "out" / "small"
    first = train_linear(card, tmp_path, tmp_path / "out", small_clotho)
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert train_linear(card, tmp_path, tmp_path / "out", small_clotho) == first
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == content


def test_broken_clips_are_all_named(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(small_clotho, root)
    (root / "development" / "3.wav").unlink()
    (root / "development" / "5.wav").write_bytes(b"no audio")
    with pytest.raises(UserError, match="2 of 24 clips") as caught:
        train_linear(*read_card(str(card_file)), tmp_path / "out", root)
    assert [name in problem for name, problem in zip(("3.wav", "5.wav"), caught.value.problems, strict=True)]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="--out"):
        train_linear(*read_card(str(card_file)), tmp_path / "out", small_clotho)


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
