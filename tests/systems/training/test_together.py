"""Processes that torchrun has started: one is killed, all begin anew, and the weights are those of no interruption."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from systems.dual_encoder.card import DualEncoderCard

pytestmark = pytest.mark.slow


def torchrun(*arguments: str) -> list[str]:
    options = ["--nproc-per-node", "2", "--max-restarts", "1", "--master-port", "0", "--rdzv-backend", "c10d"]
    return [sys.executable, "-m", "torch.distributed.run", *options, "-m", "harness", *arguments]


def test_a_rank_that_is_killed_changes_nothing(
    dual_card: Callable[..., DualEncoderCard],
    small_clotho: Path,
    migrated_runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    card = dual_card(
        name="mine",
        windows={"seconds": 2, "longest_seconds": 2},
        trainer="systems.training.two_stage:train_dual_encoder",
        training={"data": ["clotho"], "validation": "clotho", "batch": 8, "epochs": 3, "captions": "all"},
    )
    Path("mine.yaml").write_text(yaml.safe_dump(card.model_dump(mode="json", exclude_unset=True)))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[3])}

    def command(out: str) -> list[str]:
        return torchrun("train", "mine.yaml", "--out", out, "--data-root", str(small_clotho), "--device", "cpu")

    subprocess.run(command("whole"), env=environment, check=True)
    process = subprocess.Popen(command("killed"), env=environment)
    last = Path("killed/mine/epochs/last.ckpt")
    while not last.exists():
        assert process.poll() is None
        time.sleep(0.02)
    ranks = [one for one in psutil.Process(process.pid).children(recursive=True) if "train" in one.cmdline()]
    assert len(ranks) == 2
    ranks[1].kill()
    assert process.wait() == 0
    whole, killed = (json.loads(Path(out, "mine", "training.json").read_text()) for out in ("whole", "killed"))
    assert [epoch["loss"] for epoch in killed["epochs"]] == [epoch["loss"] for epoch in whole["epochs"]]
    first, second = (Path(out, "mine", "mine.safetensors").read_bytes() for out in ("whole", "killed"))
    assert first == second
