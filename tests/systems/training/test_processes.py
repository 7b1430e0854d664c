"""Processes that torchrun has started train together; when one dies it starts all of them again."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
import yaml

from harness.errors import UserError
from systems.training.fitting.fit import refuse_old_addresses

SETTINGS = {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


def started(out: str, data_root: Path) -> "subprocess.Popen[str]":
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    training = ["-m", "lbar", "train", "mine.yaml", "--data-root", str(data_root), "--device", "cpu", "--out", out]
    return subprocess.Popen(
        [*torchrun, "--max-restarts", "1", *training], stderr=subprocess.PIPE, text=True, env=os.environ | SETTINGS
    )


@pytest.mark.slow
@pytest.mark.usefixtures("trainable")
def test_a_process_that_dies_costs_an_epoch_and_changes_nothing(small_clotho: Path) -> None:
    card = yaml.safe_load(Path("mine.yaml").read_text())
    card["training"]["epochs"] = 4
    Path("mine.yaml").write_text(yaml.safe_dump(card))
    undisturbed = started("undisturbed", small_clotho)
    _, said = undisturbed.communicate(timeout=600)
    assert undisturbed.returncode == 0, said
    disturbed = started("disturbed", small_clotho)
    lines, killed = [], False
    assert disturbed.stderr is not None
    for line in disturbed.stderr:
        lines.append(line)
        if "epoch 2 of 4" in line and not killed:
            (second,) = (one for one in psutil.Process(disturbed.pid).children() if one.environ().get("RANK") == "1")
            second.kill()
            killed = True
    assert disturbed.wait() == 0, "".join(lines)
    assert killed
    epochs = Counter(line.partition("mine: ")[2].partition(": loss")[0] for line in lines if "mine: epoch " in line)
    assert epochs["epoch 1 of 4"] == 1
    assert sum(epochs.values()) <= 5
    assert figures("undisturbed") == figures("disturbed")
    trained = [Path(out, "mine", "mine.safetensors").read_bytes() for out in ("undisturbed", "disturbed")]
    assert trained[0] == trained[1]


def figures(out: str) -> list[tuple[float, float]]:
    """Loss and measure of each epoch, which follow from the weights before it."""
    record = json.loads(Path(out, "mine", "training.json").read_text())
    assert len(record["epochs"]) == 4
    return [(epoch["loss"], epoch["reached"]) for epoch in record["epochs"]]


@pytest.mark.parametrize(
    ("restarts", "shared", "refused"), [("1", "True", True), ("0", "True", False), ("1", "False", False)]
)
def test_processes_that_would_look_for_dead_ones_say_how_to_start_them(
    restarts: str, shared: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", restarts)
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", shared)
    if refused:
        with pytest.raises(UserError, match="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 .*--rdzv-backend c10d"):
            refuse_old_addresses()
    else:
        refuse_old_addresses()
