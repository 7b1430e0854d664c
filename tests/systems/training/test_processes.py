"""Processes that torchrun has started train together; when one dies it starts all of them again."""

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
import yaml

from harness.errors import UserError
from systems.training.fitting.fit import refuse_old_addresses

SETTINGS = {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


def started(out: str, data_root: Path, hosts: int) -> "list[subprocess.Popen[bytes]]":
    """A torchrun on each of so many hosts, which are all this one, with two processes together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    rendezvous = ["--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--local-addr", "127.0.0.1"]
    options = ["--nnodes", str(hosts), "--nproc-per-node", str(2 // hosts), "--max-restarts", "1", *rendezvous]
    training = ["-m", "lbar", "train", "mine.yaml", "--data-root", str(data_root), "--device", "cpu", "--out", out]
    command = [sys.executable, "-m", "torch.distributed.run", *options, *training]
    with Path(f"{out}.txt").open("w") as said:
        return [subprocess.Popen(command, stderr=said, env=os.environ | SETTINGS) for _ in range(hosts)]


def ended(out: str, torchruns: "list[subprocess.Popen[bytes]]") -> str:
    """What the processes have said, when all is trained."""
    codes = [torchrun.wait(timeout=600) for torchrun in torchruns]
    said = Path(f"{out}.txt").read_text()
    assert not any(codes), said
    return said


@pytest.mark.slow
@pytest.mark.usefixtures("trainable")
def test_a_process_that_dies_costs_an_epoch_and_changes_nothing(small_clotho: Path) -> None:
    card = yaml.safe_load(Path("mine.yaml").read_text())
    card["training"]["epochs"] = 4
    Path("mine.yaml").write_text(yaml.safe_dump(card))
    ended("undisturbed", started("undisturbed", small_clotho, 1))
    # The first one writes what is kept.
    for hosts, rank in ((1, "0"), (2, "1")):
        out = f"{rank} of {hosts}"
        torchruns = started(out, small_clotho, hosts)
        while "epoch 2 of 4" not in Path(f"{out}.txt").read_text():
            time.sleep(0.01)
            assert all(one.poll() is None for one in torchruns), Path(f"{out}.txt").read_text()
        processes = [child for one in torchruns for child in psutil.Process(one.pid).children()]
        (of_rank,) = (one for one in processes if one.environ().get("RANK") == rank)
        of_rank.kill()
        lines = [line for line in ended(out, torchruns).splitlines() if "mine: epoch " in line]
        epochs = Counter(line.partition("mine: ")[2].partition(": loss")[0] for line in lines)
        assert epochs["epoch 1 of 4"] == 1
        assert sum(epochs.values()) <= 5
        assert figures("undisturbed") == figures(out)
        trained = [Path(one, "mine", "mine.safetensors").read_bytes() for one in ("undisturbed", out)]
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
