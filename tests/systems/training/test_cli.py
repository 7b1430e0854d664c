from pathlib import Path

import pytest
import yaml
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
    monkeypatch.setattr(trainer, "trainer_for", lambda *_, **__: train)
    monkeypatch.setenv("LBAR_WEIGHTS", str(tmp_path))
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    done = CliRunner().invoke(build(), ["train", "card.yaml", "--out", str(tmp_path)], catch_exceptions=False)
    assert done.stdout == said
    assert trained == [tmp_path]


TRAINER = """
import os
import time
from pathlib import Path


def train(card, folder, out, data_root, progress, *, device):
    begun = time.time()
    (out / card["name"]).mkdir(parents=True)
    other = {"one": "other", "other": "one"}.get(card["name"])
    while other and "LBAR_TOGETHER" in os.environ and not (out / other).exists():
        assert time.time() < begun + 60
        time.sleep(0.01)
    Path(out, card["name"], "when").write_text(f"{begun} {time.time()} {device}")
    return f"{card['name']}: trained"
"""


@pytest.mark.parametrize("options", [[], ["--on", "local:2"], ["--device", "a,b"]])
def test_trainings_run_on_workers_after_those_that_they_need(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers_end: None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LBAR_TRUST", "1")
    if options:
        # One waits for the other to begin.
        monkeypatch.setenv("LBAR_TOGETHER", "1")
    Path("own_trainer.py").write_text(TRAINER)
    for name, section in (("one", {}), ("other", {}), ("last", {"start": "one.yaml", "teachers": ["other.yaml"]})):
        card = {"name": name, "factory": "m:f", "trainer": "own_trainer:train", "training": section}
        Path(f"{name}.yaml").write_text(yaml.safe_dump(card))
    done = CliRunner().invoke(
        build(), ["train", "last.yaml", "one.yaml", "other.yaml", "--out", "weights", *options], catch_exceptions=False
    )
    assert sorted(done.stdout.splitlines()) == ["last: trained", "one: trained", "other: trained"]
    assert done.stdout.splitlines()[-1] == "last: trained"
    when = {name: Path("weights", name, "when").read_text().split() for name in ("one", "other", "last")}
    assert float(when["last"][0]) > max(float(when["one"][1]), float(when["other"][1]))
    if "a,b" in options:
        assert {when["one"][2], when["other"][2]} == {"a", "b"}
