"""What a result was made with: the code, the packages, the machine, and the other processes on the device."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from harness.machine.code_digest import harness_code

if TYPE_CHECKING:
    from _typeshed import StrPath

PACKAGES = (
    "lbar",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scikit-learn",
    "soundfile",
    "soxr",
    "tokenizers",
    "torch",
    "transformers",
)
"""The packages that can change a result or how it is written down."""

_PATIENCE_S = 5.0


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Git(_Part):
    """The commit the code was checked out at, and whether tracked files differed from it."""

    commit: str
    dirty: bool


class Accelerator(_Part):
    """The GPU a system ran on; `memory_bytes` is its total memory."""

    name: str
    memory_bytes: int
    driver: str | None = None


class Environment(_Part):
    """What may decide a result besides the system and the data.

    Attributes:
        code: digest of the harness's own source files.
        git: `None` where the package does not run from its own checkout.
        packages: version by distribution name, of those in `PACKAGES` that are installed.
        python: version of the interpreter.
        platform: operating system, release and architecture.
        cpu: the processor's model name.
        physical_cores: cores without hyper-threads, `None` where unknown.
        logical_cores: cores that the operating system schedules on, hyper-threads included.
        memory_bytes: main memory, `None` where unknown.
        torch_threads: number of threads that torch computes with, `None` where torch was not loaded.
        accelerator: the GPU, `None` without one.
        device_processes: other processes that were computing on that GPU, as `pid name`.
    """

    code: str
    git: Git | None
    packages: dict[str, str]
    python: str
    platform: str
    cpu: str
    physical_cores: int | None
    logical_cores: int
    memory_bytes: int | None
    torch_threads: int | None = None
    accelerator: Accelerator | None = None
    device_processes: tuple[str, ...] = ()


def describe_environment(device: str = "cpu") -> Environment:
    """Describe code, packages and machine; what cannot be found out is left empty, and nothing is raised.

    Torch is imported only where `device` is not the CPU.

    Args:
        device: where the system runs, in torch's words: `cpu`, `cuda`, `cuda:1`.
    """
    cpu, physical_cores = _processor()
    asks_torch = "torch" in sys.modules or not device.startswith("cpu")
    accelerator, processes = _accelerator(device) if asks_torch else (None, ())
    return Environment(
        code=harness_code(),
        git=describe_git(),
        packages=installed_packages(),
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu,
        physical_cores=physical_cores,
        logical_cores=os.cpu_count() or 1,
        memory_bytes=_memory_bytes(),
        torch_threads=sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None,
        accelerator=accelerator,
        device_processes=processes,
    )


def describe_git() -> Git | None:
    """Commit and dirty flag of the checkout this package is part of; untracked files do not make it dirty."""
    root = Path(__file__).resolve().parents[2]
    # An installed package may lie inside somebody else's checkout (a virtual environment in their project).
    if not (root / ".git").exists():
        return None
    lines = _output_of(
        "git", "--no-optional-locks", "-C", root, "status", "--porcelain=v2", "--branch", "--untracked-files=no"
    )
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), "(initial)")
    if commit == "(initial)":
        return None
    return Git(commit=commit, dirty=any(not line.startswith("#") for line in lines))


def installed_packages() -> dict[str, str]:
    """Version by distribution name of those in `PACKAGES` that are installed, without importing any."""
    return dict(_installed())


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    """The same; to read it takes a tenth of a second, and it stays as it is while a process runs."""
    found = []
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def _processor() -> tuple[str, int | None]:
    """Model name and number of physical cores."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor(), None
    blocks = [
        {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in block.splitlines())}
        for block in text.split("\n\n")
    ]
    model = next((block["model name"] for block in blocks if "model name" in block), platform.processor())
    cores = {(block.get("physical id"), block["core id"]) for block in blocks if "core id" in block}
    return model, len(cores) or None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _accelerator(device: str) -> tuple[Accelerator | None, tuple[str, ...]]:
    """The GPU that `device` names (the first one for `cpu`) and the other processes on it."""
    try:
        import torch

        if not torch.cuda.is_available():
            return None, ()
        index = torch.device(device).index if device.startswith("cuda") else None
        properties = torch.cuda.get_device_properties(index or 0)
    # Whatever torch raises because of a broken driver must not stop a run on the CPU.
    except Exception:
        return None, ()
    uuid = f"GPU-{properties.uuid}"
    driver = _output_of("nvidia-smi", "-i", uuid, "--query-gpu=driver_version", "--format=csv,noheader")
    processes = _output_of("nvidia-smi", "-i", uuid, "--query-compute-apps=pid,process_name", "--format=csv,noheader")
    others = tuple(
        f"{pid.strip()} {name.strip()}"
        for pid, _, name in (line.partition(",") for line in processes)
        if pid.strip() != str(os.getpid())
    )
    name, memory = str(properties.name), int(properties.total_memory)
    return Accelerator(name=name, memory_bytes=memory, driver=driver[0].strip() if driver else None), others


def _output_of(*command: "StrPath") -> list[str]:
    """The lines that a command prints; none where it is missing, fails or takes too long."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True)  # noqa: S603
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    return answer.stdout.splitlines()
