"""A grid search: every combination once, the best kept, and grids that are none."""

import json
import subprocess
from collections import Counter
from pathlib import Path

import psutil
import pytest
import yaml
from typer.testing import CliRunner

from harness.cli.app import build, own_command
from harness.errors import UserError
from harness.interface.cards.card import parse_card, read_card
from harness.interface.systems import load_system
from harness.runs.tracking.client import open_client
from systems.dual_encoder.card import DualEncoderCard
from systems.training.grid import combinations, read_grid, variant


def test_a_variant_differs_in_what_was_chosen_and_in_its_name() -> None:
    card = {"name": "mine", "training": {"batch": 8, "schedule": {"highest": 1, "lowest": 0}}}
    found = variant(card, {"supervised": 0.5, "schedule.highest": 3})
    assert found["training"] == {"batch": 8, "supervised": 0.5, "schedule": {"highest": 3, "lowest": 0}}
    assert card["training"]["schedule"] == {"highest": 1, "lowest": 0}  # type: ignore[index]
    names = {variant(card, chosen)["name"] for chosen in combinations({"a": [1, 2], "b": [3, 4]})}
    assert len(names) == 4
    assert all(name.startswith("mine-") for name in names)


@pytest.mark.parametrize("text", ["", "[1]", "supervised: 0", "supervised: []", "a: ["])
def test_what_is_no_grid(tmp_path: Path, text: str) -> None:
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(UserError, match=r"grid .*grid\.yaml"):
        read_grid(tmp_path / "grid.yaml")
    with pytest.raises(UserError, match="cannot be read"):
        read_grid(tmp_path / "gone.yaml")


def test_the_grid_that_comes_with_lbar_fits_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    grid = read_grid(Path("table2"))
    card, _ = read_card("passt-distilled-all")
    found = [parse_card(DualEncoderCard, variant(card, chosen)).training for chosen in combinations(grid)]
    assert len(found) == 4 * 3 * 7
    assert len({(one.supervised, one.schedule.highest, one.teachers) for one in found if one}) == 84
    # Every non-empty choice of the three, and the card's own values among the rest.
    assert len({frozenset(teachers) for teachers in grid["teachers"]}) == 7
    own = parse_card(DualEncoderCard, card).training
    assert own in found
    # A file of that name comes first.
    Path("table2").write_text("seed: [0]\n")
    assert read_grid(Path("table2")) == {"seed": [0]}


@pytest.mark.slow
@pytest.mark.usefixtures("trainable")
def test_several_at_a_time_reach_what_one_after_the_other_does(
    small_clotho: Path, migrated_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("grid.yaml").write_text("seed: [0, 1]\n")

    def run(out: str, device: str) -> list[dict[str, object]]:
        command = own_command("train", "mine.yaml", "--grid", "grid.yaml", "--out", out)
        subprocess.run([*command, "--data-root", str(small_clotho), "--device", device], check=True)
        return json.loads(Path(out, "mine", "grid.json").read_text())

    assert run("apart", "cpu,cpu") == run("alone", "cpu")


@pytest.mark.slow
@pytest.mark.usefixtures("trainable")
def test_a_killed_worker_costs_an_epoch_at_most(
    small_clotho: Path, migrated_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grid of eight comes to the same table, and what the killed training had finished is not done again."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    card = yaml.safe_load(Path("mine.yaml").read_text())
    card["training"]["epochs"] = 4
    Path("mine.yaml").write_text(yaml.safe_dump(card))
    Path("grid.yaml").write_text("seed: [0, 1, 2, 3, 4, 5, 6, 7]\n")
    options = ["--grid", "grid.yaml", "--data-root", str(small_clotho), "--device", "cpu"]
    subprocess.run(own_command("train", "mine.yaml", *options, "--out", "alone"), check=True)
    apart = subprocess.Popen(
        own_command("train", "mine.yaml", *options, "--out", "apart", "--on", "local:2"),
        stderr=subprocess.PIPE,
        text=True,
    )
    said, killed = [], False
    for line in apart.stderr:
        said.append(line)
        if not killed and "epoch 2 of 4" in line:
            name = line.partition(":")[0]
            workers = [
                one for one in psutil.Process(apart.pid).children(recursive=True) if "spawn_main" in str(one.cmdline())
            ]
            held = [one for one in workers if any(name in file.path for file in one.open_files())]
            held[0].kill()
            killed = True
    assert apart.wait() == 0, "".join(said)
    assert killed
    assert json.loads(Path("apart/mine/grid.json").read_text()) == json.loads(Path("alone/mine/grid.json").read_text())
    epochs = Counter(line.partition(",")[0].partition(": loss")[0] for line in said if ": epoch " in line)
    assert len(epochs) == 8 * 4
    assert sum(epochs.values()) <= 8 * 4 + 1


@pytest.mark.usefixtures("trainable")
def test_the_best_is_kept_and_nothing_trained_twice(
    small_clotho: Path, migrated_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LBAR_WEIGHTS", "weights")
    Path("grid.yaml").write_text("schedule.highest: [0.01, 0.00001]\nseed: [0, 1]\n")

    def run(*arguments: str) -> tuple[int, str]:
        options = ["--data-root", str(small_clotho), "--device", "cpu"]
        done = CliRunner().invoke(build(), ["train", *arguments, *options])
        return done.exit_code, f"{done.output}{done.exception or ''}"

    code, said = run("mine.yaml", "--grid", "grid.yaml")
    assert code == 0, said
    table = json.loads(Path("weights/mine/grid.json").read_text())
    assert len(table) == 4
    assert [row["reached"] for row in table] == sorted((row["reached"] for row in table), reverse=True)
    assert f"weights/mine/card.yaml: the best of 4, mAP@10 {table[0]['reached']:.4f}" in said
    kept, best = (load_system(f"weights/{name}/card.yaml", device="cpu") for name in ("mine", table[0]["name"]))
    assert kept.info.name == "mine"
    assert kept.info.digest == best.info.digest
    # What a killed process left behind is no obstacle, and is cleared away.
    for leftover in ("weights/.mine.unfinished", "weights/.mine.before"):
        Path(leftover).mkdir()
    code, said = run("mine.yaml", "--grid", "grid.yaml")
    assert code == 0
    assert {path.name for path in Path("weights").iterdir()} == {"mine", ".grid", *(row["name"] for row in table)}
    assert json.loads(Path("weights/mine/grid.json").read_text()) == table
    assert said.count("trained before") == 4
    with open_client(migrated_runs) as client:
        runs = client.search_runs([client.get_experiment_by_name("training").experiment_id])
    (outer,) = [logged for logged in runs if logged.info.run_name == "mine grid"]
    inner = [logged for logged in runs if logged.data.tags.get("mlflow.parentRunId") == outer.info.run_id]
    assert {logged.info.run_name for logged in inner} == {row["name"] for row in table}
    code, said = run("mine.yaml", "linear", "--grid", "grid.yaml")
    assert code == 2
    assert "a grid is searched for one card, found 2" in said
