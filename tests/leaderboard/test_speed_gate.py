import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import UserError
from harness.ranking import top_k
from harness.throughput.reference import reference_seconds
from leaderboard.speed_gate import Speeds, read_speeds, speed_findings

BASE = {"ranking": 1.0, "search": 20.0, "mel": 0.5}


def write(path: Path, ratios: dict[str, float] = BASE, hardware: str = "EPYC, 2 threads", **more: Any) -> Path:
    fields = json.loads(Speeds(hardware=hardware, ratios=ratios).to_json()) | more
    path.write_text(json.dumps(fields))
    return path


def test_no_slower_is_no_finding(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    quicker = write(tmp_path / "1.json", {name: 0.9 * ratio for name, ratio in BASE.items()})
    a_little_slower = write(tmp_path / "2.json", {name: 1.14 * ratio for name, ratio in BASE.items()})
    assert speed_findings(base, [quicker, a_little_slower]) == []
    assert speed_findings(base, [a_little_slower, a_little_slower]) == []


def test_one_slow_moment_is_no_loss(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    slow = write(tmp_path / "1.json", BASE | {"search": 40.0})
    assert speed_findings(base, [slow, base]) == []


def test_two_that_agree_name_the_stage(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    first = write(tmp_path / "1.json", BASE | {"search": 30.0, "mel": 0.6})
    second = write(tmp_path / "2.json", BASE | {"search": 25.0, "mel": 0.9})
    found = speed_findings(base, [first, second])
    assert [finding.message for finding in found] == [
        "search takes 25% longer than the baseline, in every repeat",
        "mel takes 20% longer than the baseline, in every repeat",
    ]


def test_a_stage_that_is_gone_is_told(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    less = write(tmp_path / "1.json", {"ranking": 1.0, "search": 20.0, "new": 3.0})
    assert [finding.stage for finding in speed_findings(base, [less, base])] == ["mel"]


def test_what_does_not_compare_is_refused(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json")
    other = write(tmp_path / "other.json", hardware="M4, 10 threads")
    with pytest.raises(UserError, match="was measured on M4, 10 threads, the baseline .* on EPYC, 2 threads"):
        speed_findings(base, [base, other])
    with pytest.raises(UserError, match="1 measurement cannot tell a loss from a slow moment; give 2"):
        speed_findings(base, [base])
    with pytest.raises(UserError, match="has schema version 7, this lbar reads 1; write it again"):
        speed_findings(write(tmp_path / "7.json", schema_version=7), [base, base])
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
    [finding] = speed_findings(base, slowed)
    assert finding.stage == "rank"
    assert finding.loss is not None
    assert finding.loss > 1
