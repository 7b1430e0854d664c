import itertools
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.machine import environment
from harness.machine.environment import Environment, Git, describe_environment, describe_git


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in which this package seems to live."""
    (tmp_path / "harness").mkdir()
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "harness" / "machine" / "environment.py"))
    git(tmp_path, "init", "-q")
    return tmp_path


def test_what_the_machine_says_of_itself() -> None:
    found = describe_environment()
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.logical_cores == os.cpu_count()
    assert found.memory_bytes == pytest.approx(psutil.virtual_memory().total, rel=0.01)
    assert found.packages["numpy"] == __import__("numpy").__version__
    assert Environment.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("fields", "model", "cores"),
    [
        ("processor: {0}\nmodel name\t: Fast 3000\nphysical id\t: {1}\ncore id\t: {2}", "Fast 3000", 4),
        ("processor: {0}\nmodel name\t: Fast 3000\ncore id\t: {2}", "Fast 3000", 2),
        ("processor: {0}\nCPU part\t: 0xd40", platform.processor(), None),
    ],
)
def test_cores_are_counted_without_hyper_threads(
    monkeypatch: pytest.MonkeyPatch, fields: str, model: str, cores: int | None
) -> None:
    """Two processors of two cores of two threads; where cores have no number, as on ARM, nothing is known of them."""
    places = itertools.product(range(2), range(2), range(2))
    blocks = [fields.format(number, socket, core) for number, (socket, core, _) in enumerate(places)]
    monkeypatch.setattr(Path, "read_text", lambda path: "\n\n".join(blocks) if path.name == "cpuinfo" else "")
    assert environment._processor() == (model, cores)


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from harness.machine.environment import describe_environment; found = describe_environment();"
        "assert not {'torch', 'pandas', 'mlflow'} & set(sys.modules); assert found.torch_threads is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_torch_is_asked_where_it_is_loaded() -> None:
    import torch

    found = describe_environment()
    assert found.torch_threads == torch.get_num_threads()
    assert (found.accelerator is None) == (not torch.cuda.is_available())


def test_commit_and_dirt_of_the_checkout(checkout: Path) -> None:
    assert describe_git() is None, "no commit yet"
    (checkout / "code.py").write_text("a = 1")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "first")
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "runs.txt").write_text("untracked")
    assert describe_git() == Git(commit=commit, dirty=False)
    (checkout / "code.py").write_text("a = 2")
    assert describe_git() == Git(commit=commit, dirty=True)
    git(checkout, "add", ".")
    assert describe_git() == Git(commit=commit, dirty=True), "staged is not committed"


def test_somebody_elses_checkout_is_not_ours(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(checkout, "commit", "-qm", "theirs", "--allow-empty")
    site_packages = checkout / ".venv" / "site-packages"
    (site_packages / "harness").mkdir(parents=True)
    monkeypatch.setattr(environment, "__file__", str(site_packages / "harness" / "machine" / "environment.py"))
    assert describe_git() is None


def test_nothing_to_ask_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither git nor nvidia-smi can be found, and the device does not exist."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = describe_environment("cuda:7")
    assert found.git is None
    assert found.device_processes == ()


def test_a_command_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    slow = checkout / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent))
    monkeypatch.setattr(environment, "_PATIENCE_S", 0.2)
    start = time.perf_counter()
    assert describe_git() is None
    assert time.perf_counter() - start < 10
