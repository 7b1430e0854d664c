"""What a worker does with a shard: it becomes like the process that asks for it, and calls the function."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

from harness.errors import UserError
from harness.machine import describe_environment, harness_code, installed_packages

Shard = TypeVar("Shard")
Result = TypeVar("Result")

_SETTINGS = "LBAR_"
_one_at_a_time = Lock()


class Machine(NamedTuple):
    """The machine of a worker, as far as it decides what is computed there.

    Attributes:
        host: its name.
        cpu: the processor's model name.
        logical_cores: cores that the operating system schedules on.
        accelerator: name of the GPU, `None` without one.
        torch_threads: number of threads that torch computes with, `None` where torch was not loaded.
    """

    host: str
    cpu: str
    logical_cores: int
    accelerator: str | None
    torch_threads: int | None

    @property
    def hardware(self) -> str:
        """What rounds in its own way: the accelerator, or the processor."""
        return self.accelerator or f"{self.cpu}, {self.logical_cores} threads"


@dataclass(frozen=True)
class Asker:
    """The process that asks for shards, as far as a worker has to be like it.

    Attributes:
        folder: its working directory, from which relative paths go.
        settings: its environment variables `LBAR_…`.
        packages: versions of the packages that can change a result.
        code: digest of the harness's source files.
        local: whether its workers are processes that it has started itself.
    """

    folder: str
    settings: Mapping[str, str]
    packages: Mapping[str, str]
    code: str
    local: bool

    @classmethod
    def here(cls, *, local: bool) -> "Asker":
        """This process."""
        settings = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}
        return cls(os.getcwd(), settings, _own_packages(), _own_code(), local)  # noqa: PTH109

    def refuse_unlike(self) -> None:
        """Refuse to compute in a process that would compute otherwise.

        Raises:
            UserError: it has another version of lbar, or of a package that can change a result.
        """
        own = _own_packages()
        if (own.get("lbar"), _own_code()) != (self.packages.get("lbar"), self.code):
            theirs, ours = _version(own, _own_code()), _version(self.packages, self.code)
            raise UserError(f"the worker runs {theirs}, but this command is {ours}; install the same, and restart it")
        names = sorted(name for name in self.packages.keys() | own.keys() if self.packages.get(name) != own.get(name))
        if names:
            differing = ", ".join(f"{name} {own.get(name)} instead of {self.packages.get(name)}" for name in names)
            raise UserError(f"the worker has {differing}; install the same versions, and restart it")

    def enter(self) -> None:
        """Take its working directory and its settings.

        Raises:
            UserError: there is no such folder here.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise UserError(
                f"there is no folder {self.folder}, in which the command runs ({error.strerror}); mount it there under "
                "the same path, or run the command in a folder that all hosts have"
            ) from None
        for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
            del os.environ[name]
        os.environ.update({**_STARTED_WITH, **self.settings})


_STARTED_WITH = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}


@dataclass(frozen=True)
class Task(Generic[Shard, Result]):
    """A function as it goes to workers."""

    function: Callable[[Shard], Result]
    asker: Asker

    def __call__(self, shard: Shard, *_: Any) -> tuple[str, Machine, Result]:
        """The worker's address and machine, and the function's result; what the function prints is no result.

        Other arguments are what has to be finished before.
        """
        from distributed import get_worker

        # Systems are not made for threads, and the working directory is the whole process's.
        with _one_at_a_time, redirect_stdout(sys.stderr):
            try:
                self.asker.refuse_unlike()
                self.asker.enter()
                result = self.function(shard)
            except UserError as error:
                if self.asker.local:
                    raise
                raise UserError(f"on {socket.gethostname()}: {error}", error.problems) from error
            return get_worker().address, _machine("torch" in sys.modules), result


def own_device(devices: str) -> str:
    """The device of this worker: its own number says which of several with a comma between them, or of all GPUs here.

    Elsewhere than on a worker it is what was named.

    >>> own_device("cuda")
    'cuda'
    """
    if "distributed" not in sys.modules:
        return devices
    from distributed import get_worker

    try:
        name = str(get_worker().name)
    except ValueError:
        return devices
    several = _gpus() if devices == "cuda" else devices.split(",")
    return several[(int(name) if name.isdigit() else 0) % len(several)]


def _gpus() -> list[str]:
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cuda"]


@cache
def _machine(torch_is_loaded: bool) -> Machine:  # noqa: ARG001
    """This machine; the GPU and the number of threads are known once torch is loaded."""
    found = describe_environment()
    accelerator = found.accelerator.name if found.accelerator else None
    return Machine(socket.gethostname(), found.cpu, found.logical_cores, accelerator, found.torch_threads)


@cache
def _own_code() -> str:
    """Digest of the harness that this process has loaded, as long as it runs."""
    return harness_code()


@cache
def _own_packages() -> dict[str, str]:
    """The packages of this process, which looks for them once."""
    return installed_packages()


def _version(packages: Mapping[str, str], code: str) -> str:
    return f"lbar {packages.get('lbar', 'of no version')} (code {code[:8]})"
