import json
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import UserError
from harness.measures.ranking import top_k
from leaderboard.gates.speed_gate import SPEED_BASELINE, Speeds, check_speed, read_speeds, write_speeds

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BASE = {"ranking": 1.0, "search": 20.0, "mel": 0.5}


def write(path: Path, ratios: dict[str, float] = BASE, hardware: str = "EPYC, 2 threads", **more: Any) -> Path:
    fields = json.loads(Speeds(hardware=hardware, ratios=ratios).to_json()) | more
    path.write_text(json.dumps(fields))
    return path


def failed(base: Path, *repeats: Path) -> list[str]:
    return [f"{result.subject} {result.message}" for result in check_speed(base, repeats) if not result.passed]


def test_no_slower_passes(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    quicker = write(tmp_path / "1.json", {name: 0.9 * ratio for name, ratio in BASE.items()})
    a_little_slower = write(tmp_path / "2.json", {name: 1.14 * ratio for name, ratio in BASE.items()})
    assert failed(base, quicker, a_little_slower) == []
    assert failed(base, a_little_slower, a_little_slower) == []
    assert [result.message for result in check_speed(base, [quicker, quicker])] == ["-10% beside the baseline"] * 3


def test_one_slow_moment_is_no_loss(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    slow = write(tmp_path / "1.json", BASE | {"search": 40.0})
    assert failed(base, slow, base) == []


def test_two_that_agree_name_the_stage(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    first = write(tmp_path / "1.json", BASE | {"search": 30.0, "mel": 0.6})
    second = write(tmp_path / "2.json", BASE | {"search": 25.0, "mel": 0.9})
    assert failed(base, first, second) == [
        "search takes 25% longer than the baseline, in every repeat",
        "mel takes 20% longer than the baseline, in every repeat",
    ]


def test_a_stage_that_is_gone_is_told(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    less = write(tmp_path / "1.json", {"ranking": 1.0, "search": 20.0, "new": 3.0})
    (result,) = failed(base, less, base)
    assert result.startswith("mel is in the baseline and was not measured")


def test_what_does_not_compare_is_refused(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    other = write(tmp_path / "other.json", hardware="M4, 10 threads")
    with pytest.raises(UserError, match="was measured on M4, 10 threads, the baseline .* on EPYC, 2 threads"):
        check_speed(base, [base, other])
    with pytest.raises(UserError, match="1 measurement cannot tell a loss from a slow moment; give 2"):
        check_speed(base, [base])
    with pytest.raises(UserError, match="has schema version 7, this lbar reads 1; write it again"):
        check_speed(write(tmp_path / "7.json", schema_version=7), [base, base])
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        read_speeds(tmp_path / "broken.json")
    with pytest.raises(UserError, match="cannot read .*absent.json"):
        read_speeds(tmp_path / "absent.json")
    with pytest.raises(UserError, match="is damaged: ratios.mel"):
        read_speeds(_with_negative(tmp_path))


def _with_negative(tmp_path: Path) -> Path:
    path = write(tmp_path / "negative.json")
    path.write_text(path.read_text().replace("0.5", "-0.5"))
    return path


def test_a_function_that_really_is_slower_is_found(tmp_path: Path) -> None:
    """Timed as the benchmarks time, at a loss far beyond what a busy machine brings about."""
    reference_seconds = runpy.run_path(str(BENCHMARKS / "conftest.py"))["reference_seconds"]
    scores = np.random.default_rng(0).standard_normal((100, 1000), dtype=np.float32)

    def timed(pause: float) -> dict[str, float]:
        def work() -> None:
            top_k(scores, 10)
            time.sleep(pause)

        fastest = float("inf")
        for _ in range(5):
            begun = time.perf_counter()
            work()
            fastest = min(fastest, time.perf_counter() - begun)
        return {"rank": fastest / reference_seconds(3)}

    base = write(tmp_path / "base.json", timed(0))
    slowed = [write(tmp_path / f"{number}.json", timed(0.2)) for number in range(2)]
    (result,) = check_speed(base, slowed)
    assert result.subject == "rank"
    assert not result.passed
    assert "longer than the baseline, in every repeat" in result.message


def test_a_baseline_is_the_median_of_what_was_measured(tmp_path: Path) -> None:
    some = [
        write(tmp_path / f"{number}.json", {"mel": ratio, f"only in {number}": 1.0})
        for number, ratio in enumerate((3.0, 1.0, 2.0))
    ]
    path = tmp_path / "stored.json"
    assert write_speeds(some, path).ratios == {"mel": 2.0}
    assert read_speeds(path).hardware == "EPYC, 2 threads"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["0.json", "1.json", "2.json", "stored.json"]
    with pytest.raises(UserError, match="nothing to store: give measurements by --speeds"):
        write_speeds([], path)
    with pytest.raises(UserError, match="was measured on M4"):
        write_speeds([*some, write(tmp_path / "other.json", hardware="M4, 10 threads")], path)
    with pytest.raises(UserError, match="cannot write"):
        write_speeds(some, Path("/proc/nowhere/stored.json"))


def test_the_stored_baseline_has_every_stage_that_is_measured() -> None:
    assert set(read_speeds(SPEED_BASELINE).ratios) == set(runpy.run_path(str(BENCHMARKS / "test_stages.py"))["STAGES"])


def test_the_command(tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    base = write(tmp_path / "base.json")
    slow = write(tmp_path / "slow.json", BASE | {"mel": 1.0})
    speeds = ("--only", "speed", "--baseline", base, "--speeds", slow, "--speeds", slow)
    code, shown = run(*speeds)
    assert code == 1
    assert shown.splitlines() == [
        "speed mel: takes 100% longer than the baseline, in every repeat",
        "speed ranking: +0% beside the baseline",
        "speed search: +0% beside the baseline",
    ]
    assert run(*speeds, "--update") == (
        0,
        "".join(f"speed {name}: stored in {base} ({ratio:.3g})\n" for name, ratio in read_speeds(slow).ratios.items()),
    )
    assert run(*speeds)[0] == 0
    with pytest.raises(
        UserError, match="0 measurements cannot tell .* give 2 by --speeds, from two runs of `LBAR_SPEEDS"
    ):
        run("--only", "speed")
    with pytest.raises(UserError, match="can be of one gate; say by --only of which of quality, speed"):
        run(*speeds[2:])
