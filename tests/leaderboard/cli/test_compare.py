import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from harness.errors import UserError
from leaderboard.cli.compare import compare

MakeRun = Callable[..., Path]


def run(*arguments: object) -> str:
    app = typer.Typer()
    app.command()(compare)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_two_systems_by_name(tmp_path: Path, make_run: MakeRun) -> None:
    for name, quality in (("weak", -1.0), ("strong", 1.0)):
        make_run(tmp_path, name, quality=quality, clips=100)
    shown = run("weak", "strong", "--out", tmp_path)
    assert "strong − weak" in shown  # noqa: RUF001
    assert "<0.001 *" in shown
    assert max(map(len, shown.splitlines())) <= 100
    document = json.loads(run("weak", "strong", "--out", tmp_path, "--json"))
    first = document["differences"][0]
    assert (first["first"], first["second"], first["measure"]) == ("strong", "weak", "mAP@10")
    assert first["told_apart"] is True
    assert first["won"] + first["lost"] + first["tied"] == 500


def test_one_run_stands_beside_everything_published(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, "mine", protocol="clotho-dcase2024")
    document = json.loads(run("mine", "--out", tmp_path, "--json"))
    assert document["differences"] == []
    assert len(document["published"]) > 100
    assert {one["source"] for one in document["published"]} > {"arXiv 2408.11641 Table 1"}
    shown = run("mine", "--out", tmp_path)
    systems = list(dict.fromkeys(one["published"] for one in document["published"]))
    verdicts = [one["verdict"] for one in document["published"]]
    flat = " ".join(shown.split())
    assert f"Shown are the first 5 of {len(systems)} published systems; of {len(verdicts)} figures" in flat
    for verdict in ("above", "within", "below"):
        assert f"{verdicts.count(verdict)} {verdict}" in flat
    assert [name.split()[0] in shown for name in systems[:5]] == [True] * 5
    assert sum(name in flat for name in systems) <= 5
    assert len(shown.splitlines()) < 60
    shown = run("mine", "--out", tmp_path, "--published", "DCASE 2024 baseline")
    assert "Shown are" not in shown
    assert shown.count("DCASE 2024 baseline (2024)") == 1
    assert "interval" in shown
    make_run(tmp_path, "other")
    with pytest.raises(UserError, match="for protocol everyday; .*; name a second system or run to compare"):
        run("other", "--out", tmp_path)


def test_a_system_whose_name_is_endless_or_markup_is_shown_plain(tmp_path: Path, make_run: MakeRun) -> None:
    first, second = make_run(tmp_path, "x" * 10_000, quality=1.0), make_run(tmp_path, "[red]me[/red]<b>")
    shown = run(first, second, "--out", tmp_path)
    assert "[red]me[/red]<b>" in shown.replace("\n", "")
    assert len(shown) < 20_000
