from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from systems.training import graph, trainer


@pytest.mark.parametrize(("rank", "said"), [(None, "card.yaml: reached\n"), ("0", "card.yaml: reached\n"), ("1", "")])
def test_of_processes_that_train_together_the_first_one_speaks(
    rank: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Path] = []

    def train(out: Path, data_root: Path, progress: object) -> str:
        trained.append(out)
        return "card.yaml: reached"

    monkeypatch.chdir(tmp_path)
    Path("card.yaml").write_text("factory: m:f\nname: card\n")
    monkeypatch.setattr(graph, "cards_of", lambda cards, *_: cards)
    monkeypatch.setattr(trainer, "trainer_of", lambda *_, **__: train)
    monkeypatch.setenv("LBAR_WEIGHTS", str(tmp_path))
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    done = CliRunner().invoke(build(), ["train", "card.yaml", "--out", str(tmp_path)], catch_exceptions=False)
    assert done.stdout == said
    assert trained == [tmp_path]
