"""How many runs a difference takes, and whether the order holds under other rules."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.measures import SEED
from harness.protocols.named import PROTOCOLS
from harness.runs.run_folder import read_record
from leaderboard.comparison.beyond import OtherRules, lines_on_seeds, order_under_other_rules, seeds_of
from leaderboard.comparison.comparing import compare_rows
from leaderboard.runs.collecting import Board, Row

MakeRun = Callable[..., Path]


def row(folder: Path) -> Row:
    return Row(folder, read_record(folder))


def under(one: Row, name: str, value: float) -> Row:
    """The same system under other rules, where its primary measure has this value."""
    rules = PROTOCOLS[name]
    protocol = one.record.protocol.model_copy(update={"name": name, "digest": rules.digest, "primary": rules.primary})
    measure = one.record.measures[0].model_copy(update={"name": rules.primary, "value": value})
    return Row(one.folder, one.record.model_copy(update={"protocol": protocol, "measures": (measure,)}))


def test_runs_of_one_name_are_seeds(tmp_path: Path, make_run: MakeRun) -> None:
    rows = [row(make_run(tmp_path, "ours", seed=seed, quality=1.0 + seed / 10)) for seed in (1, 2, 3)]
    rows.append(row(make_run(tmp_path, "theirs", quality=-1.0)))
    result = compare_rows(rows)
    (ours,) = seeds_of(result.records)
    values = [one.record.primary.value for one in rows[:3]]
    assert (ours.system, ours.runs) == ("ours", 3)
    assert ours.deviation == pytest.approx(np.std(values, ddof=1))
    (line,) = lines_on_seeds([ours], 0.02)
    assert f"ours: 3 runs, mAP@10 {np.mean(values):.3f} with a standard deviation of {ours.deviation:.4f}" in line
    assert f"to tell 0.020 apart, the least that the clips show, takes {ours.needed(0.02)} of each" in line
    assert result.differences[0].detectable > 0


def test_the_order_under_rules_with_several_relevant_clips(tmp_path: Path, make_run: MakeRun) -> None:
    rows = [row(make_run(tmp_path, name, quality=quality)) for name, quality in (("a", 1.0), ("b", 0.0), ("c", -1.0))]
    assert rows[0].record.protocol.name == "everyday"
    result = compare_rows(rows)

    def found(*others: Row) -> tuple[OtherRules, ...]:
        return order_under_other_rules(result.records, result.systems, Board((*rows, *others), ()))

    several = [under(one, "everyday-multi", value) for one, value in zip(rows, (0.5, 0.6, 0.1), strict=True)]
    (turned,) = found(*several)
    assert (turned.reversed, turned.pairs) == ((("a", "b"),), 3)
    assert str(turned) == (
        "1 of 3 pairs stand the other way round under everyday-multi, by which several clips may be relevant (mAP@10): "
        "a and b."
    )
    (same,) = found(under(rows[0], "everyday-multi", 0.9), *several[1:])
    assert str(same).startswith("The order holds under everyday-multi")
    (unknown,) = found(several[0])
    assert unknown.missing == ("b", "c")
    assert "`lbar eval b c --protocol everyday-multi` tells whether the order holds" in str(unknown)
    multi = [under(one, "everyday-multi", 0.5) for one in rows]
    assert order_under_other_rules([one.record for one in multi], result.systems, Board(tuple(multi), ())) == ()


def test_the_command_says_it(tmp_path: Path, make_run: MakeRun) -> None:
    for seed in (SEED + 1, SEED + 2):
        make_run(tmp_path, "ours", seed=seed, quality=1.0)
    folders = [folder.name for folder in sorted(tmp_path.iterdir())]
    done = CliRunner().invoke(build(), ["compare", *folders, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    assert "ours: 2 runs, mAP@10 " in text
    assert "Not known under everyday-multi" in text
    assert "detectable" in text
    document = json.loads(CliRunner().invoke(build(), ["compare", *folders, "--out", str(tmp_path), "--json"]).stdout)
    assert document["runs_of_one_system"][0]["runs"] == 2
    assert document["other_rules"][0]["missing"] == ["ours"]
    assert document["differences"]
    assert all(one["detectable"] > 0 for one in document["differences"])
