"""The tables of what the stages add, over several seeds."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SPEC = spec_from_file_location("tabulate_stages", Path(__file__).parents[2] / "tools" / "tabulate_stages.py")
assert SPEC is not None
assert SPEC.loader is not None
tool = module_from_spec(SPEC)
SPEC.loader.exec_module(tool)
CLUSTERS = np.repeat(np.arange(40), 5)


def made(*systems: str) -> Any:
    """Two seeds, two measures: each system is 0.1 better than the one before, on every query."""
    base = np.random.default_rng(0).random((2, 2, len(CLUSTERS), 1))
    return tool.SeedMeans(systems, ("mAP@10", "R@1"), CLUSTERS, base + 0.1 * np.arange(len(systems)))


def test_means_over_seeds_and_queries() -> None:
    seeds = made("one", "two")
    found = seeds.mean("two")
    assert list(found) == ["mAP@10", "R@1"]
    assert found["R@1"].value == pytest.approx(seeds.values[:, 1, :, 1].mean())
    assert found["R@1"].low < found["R@1"].value < found["R@1"].high
    assert np.mean(seeds.by_seed("two", "R@1")) == pytest.approx(found["R@1"].value)


def test_a_gain_is_paired() -> None:
    gain = made("one", "two", "three").gain([("three", "two"), ("two", "one")], "mAP@10")
    assert gain.value == pytest.approx(0.1)
    # The same on every query, whatever clips are drawn: an unpaired interval would be as wide as those of the means.
    assert gain.low == pytest.approx(0.1)
    assert gain.high == pytest.approx(0.1)


def test_the_table_has_every_system_and_every_step() -> None:
    seeds = made("a", "a1", "b", "b1")
    lines = tool.stage_table(seeds, {"A": ["a", "a1"], "B": ["b", "b1"]}, ["first", "second"], "mAP@10").splitlines()
    assert lines[0] == "|  |  | mAP@10 | R@1 |"
    assert [line.split(" | ")[:2] for line in lines[2:6]] == [
        ["| A", "first"],
        ["| A", "second"],
        ["| B", "first"],
        ["| B", "second"],
    ]
    assert lines[7] == "| mAP@10 | second - first |"
    assert [line.split(" | ")[0] for line in lines[9:]] == ["| A", "| B", "| all"]
    assert all("+0.100 [+0.100, +0.100]" in line for line in lines[9:])


def test_a_star_is_for_what_chance_does_not_give_and_holm_counts_all() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (2, 1, len(CLUSTERS), 1))
    values = np.concatenate([noise, noise[:, :, ::-1], noise[:, :, ::-1] + 0.2], axis=3)
    seeds = tool.SeedMeans(("a", "b", "c"), ("mAP@10",), CLUSTERS, values)
    line = tool.stage_table(seeds, {"A": ["a", "b", "c"]}, ["one", "two", "three"], "mAP@10").splitlines()[-2]
    assert [cell.strip(" |").endswith("*") for cell in line.split(" | ")[1:]] == [False, True, True]
    alone, among = (seeds.p_values([("b", "a")] * count, "mAP@10")[0] for count in (1, 3))
    assert among == pytest.approx(min(3 * alone, 1))


def test_it_asks_for_every_stage_of_the_finding() -> None:
    from systems.training.graph import TABLES

    wanted = {system for row in tool.ROWS.values() for system in row}
    assert wanted <= set(TABLES["finding"]["everyday"])
    assert len(wanted) == 12
