"""A Dask cluster: connect to it, hand out shards, and notice what is lost. Only this folder knows Dask.

Nothing waits without end: a scheduler has to answer within `ANSWER_S`, and a worker to be there within `WORKERS_S`, at
the beginning as whenever all are lost. A scheduler that falls silent is given up after `SILENT_S`; a worker that does,
by the scheduler (its setting `worker-ttl`, five minutes unless somebody changes it).
"""

import atexit
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import UserError, one_line
from harness.evaluation.spreading.worker import Asker, Machine, Task
from harness.machine import installed_packages, read_json, usable_cores

if TYPE_CHECKING:
    from distributed import Future, LocalCluster

Shard = TypeVar("Shard")
Result = TypeVar("Result")

ANSWER_S = 10.0
WORKERS_S = 60.0
SILENT_S = 30.0
_LOOK_S = 1.0
_AHEAD = 2
"""Shards on their way for each worker: one that it computes, and the next one."""
_WAITING = 16
"""Results for each worker that may wait for their turn, as where some workers are faster than others."""
_GPU = "GPU"
_log = logging.getLogger(__name__)
_clusters: dict[str, "Cluster"] = {}


def connected(on: str) -> "Cluster":
    """The cluster of this name; it is connected once, and processes that it starts end with this one.

    Raises:
        UserError: Dask is not installed, `on` names no cluster, nobody answers, or the workers are unfit.
    """
    found = _clusters.get(on)
    if found is None or not found.is_open:
        try:
            import distributed  # noqa: F401
        except ImportError as error:
            raise UserError(f"--on {on} needs Dask, which is not here ({error}): pip install 'lbar[spread]'") from None
        found = _clusters[on] = Cluster(on)
    return found


class Cluster:
    """A connection to a Dask scheduler, and what is known of its workers.

    Attributes:
        machines: those that have computed shards, by the address of the worker.
    """

    def __init__(self, on: str) -> None:
        """Connect; see `connected`."""
        from distributed import Client

        # It tells of every lost connection and every worker that comes late; what matters is said by an error.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.on = on
        self.machines: dict[str, Machine] = {}
        self._local = _local_cluster(on) if on.startswith("local:") else None
        address = self._local.scheduler_address if self._local else _address(on)
        try:
            self._client = Client(address, timeout=ANSWER_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise UserError(
                f"--on {on}: nobody answers at {address} within {ANSWER_S:.0f} s ({one_line(error, 100)}); expected a "
                "Dask scheduler there, which `dask scheduler` starts"
            ) from None
        atexit.register(self.close)
        try:
            self._meet()
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether the scheduler is still there."""
        return bool(self._client.status == "running")

    def close(self) -> None:
        """Leave the cluster; processes that it has started end."""
        atexit.unregister(self.close)
        with suppress(Exception):
            self._client.close(timeout=2)
        if self._local:
            with suppress(Exception):
                self._local.close(timeout=5)

    def each(
        self,
        function: Callable[[Shard], Result],
        shards: Iterable[Shard],
        after: Sequence[Sequence[int]] | None = None,
    ) -> Iterator[Result]:
        """The function's result for each shard, in order; see `spread`."""
        task = Task(function, Asker.here(local=self._local is not None))
        workers, looked = self._fit_workers(), monotonic()
        resources = {_GPU: 1} if any(workers.values()) else None
        numbered, turn = enumerate(shards), 0
        sent: dict[int, Future] = {}
        found: dict[int, Any] = {}
        before: dict[int, Future] = {}
        try:
            while True:
                if monotonic() - looked > _LOOK_S:
                    workers, looked = self._fit_workers(), monotonic()
                room = min(_AHEAD * len(workers) - len(sent), _WAITING * len(workers) - len(found))
                # Those that wait for others keep no worker busy.
                for number, shard in islice(numbered, None if after else max(0, room)):
                    needed = [before[earlier] for earlier in after[number]] if after else []
                    sent[number] = self._client.submit(task, shard, *needed, pure=False, resources=resources)
                    if after:
                        before[number] = sent[number]
                if not sent and not found:
                    return
                if turn not in found:
                    self._gather(sent, found)
                while turn in found:
                    outcome = found.pop(turn)
                    if isinstance(outcome, BaseException):
                        raise outcome
                    yield outcome
                    turn += 1
        finally:
            with suppress(Exception):
                self._client.cancel(list(sent.values()))

    def _gather(self, sent: "dict[int, Future]", found: dict[int, Any]) -> None:
        """Wait until something is done, and take it from the workers, with whom it would be lost: result or error."""
        from distributed import wait

        done: list[int] = []
        alone_since: float | None = None
        while not done:
            try:
                with suppress(TimeoutError), self._client.as_current():
                    wait(list(sent.values()), timeout=_LOOK_S, return_when="FIRST_COMPLETED")
            except CancelledError:
                raise self._lost() from None
            done = [number for number, future in sent.items() if future.done()]
            alone_since = None if done or self._fit_workers() else alone_since or monotonic()
            if alone_since and monotonic() - alone_since > WORKERS_S:
                raise UserError(
                    f"--on {self.on}: all workers are gone since {WORKERS_S:.0f} s; what is done is kept: start "
                    "workers, and run the same command again"
                )
        for number in done:
            found[number] = self._outcome(sent.pop(number))

    def _outcome(self, future: "Future") -> Any:
        """The result of a shard, or the error that it ended with."""
        from distributed import KilledWorker

        try:
            address, machine, result = future.result(timeout=WORKERS_S)
        except (CancelledError, TimeoutError):
            return self._lost()
        except KilledWorker as error:
            return UserError(
                f"--on {self.on}: worker after worker ended at the same work ({one_line(error, 200)}); its host may "
                "have too little memory; what is done is kept"
            )
        except Exception as error:
            return error
        self._note(address, machine)
        return result

    def _lost(self) -> UserError:
        return UserError(
            f"--on {self.on}: the connection to the scheduler is lost; what is done is kept: run the same command "
            "again when it is there"
        )

    def _fit_workers(self) -> dict[str, bool]:
        """The workers that take shards, each with whether it declares a GPU; where some do, the others are left out."""
        try:
            known = self._client.sync(self._client.scheduler.identity, n_workers=-1, callback_timeout=SILENT_S)
        except (OSError, TimeoutError, RuntimeError):
            raise self._lost() from None
        workers = {address: _GPU in (one.get("resources") or {}) for address, one in known["workers"].items()}
        return {address: gpu for address, gpu in workers.items() if gpu or not any(workers.values())}

    def _note(self, address: str, machine: Machine) -> None:
        """Remember where a shard was computed, and say where hardware is unequal."""
        before = {one.hardware for one in self.machines.values()}
        self.machines[address] = machine
        if before and machine.hardware not in before:
            kinds = ", ".join(sorted({f"{one.hardware} ({one.host})" for one in self.machines.values()}))
            _log.warning("workers of unequal hardware, whose results may differ in their last digits: %s", kinds)

    def _meet(self) -> None:
        """Wait for workers, and see whether they are fit: a worker that comes later is checked at its first shard.

        Raises:
            UserError: there are none, or one has no lbar or another version of it.
        """
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError:
            raise UserError(
                f"--on {self.on}: the scheduler has no workers, nor within {WORKERS_S:.0f} s; start some: "
                f"`dask worker {self._client.scheduler.address}`"
            ) from None
        here = installed_packages()["lbar"]
        answers = self._client.run(version, "lbar", on_error="return")
        unfit = {address: answer for address, answer in answers.items() if answer != here}
        if unfit:
            address, answer = min(unfit.items())
            has = "no lbar" if isinstance(answer, Exception) else f"lbar {answer}"
            others = f" (and {len(unfit) - 1} more workers)" if len(unfit) > 1 else ""
            raise UserError(
                f"--on {self.on}: the worker {address}{others} has {has}, but this command is lbar {here}; "
                "install the same, and restart it"
            )


def _local_cluster(on: str) -> "LocalCluster":
    """Processes on this machine, which share its cores."""
    import dask
    from distributed import LocalCluster

    number = on.removeprefix("local:")
    if not number.isdigit() or not int(number):
        raise UserError(f"--on {on}: expected a number of processes above 0, as in local:4")
    threads = str(max(1, usable_cores() // int(number)))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    # A person's own setting stands. What torch frees is not to be given back at once, as Dask would have it, nor to lie
    # in an arena of the thread that computes, which the system's allocator empties whenever a large tensor goes.
    environment = {name: os.environ.get(name, os.environ.get(names[0], threads)) for name in names}
    environment["MALLOC_ARENA_MAX"] = "1"
    # Dask watches each process many times a second, which takes 5 % of a core.
    watching = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}
    with dask.config.set({"distributed.nanny.pre-spawn-environ": environment} | watching):
        try:
            return LocalCluster(
                n_workers=int(number),
                threads_per_worker=1,
                host="127.0.0.1",
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"--on {on}: the processes do not start ({one_line(error, 100)}); a script of your own has to be a "
                "file that begins its work below `if __name__ == '__main__':`"
            ) from error


def _address(on: str) -> str:
    """The address of the scheduler."""
    if "://" in on:
        return on
    path = Path(on)
    if path.suffix != ".json":
        raise UserError(f"--on {on} is no cluster; expected local:4, tcp://HOST:8786, or a scheduler's file (*.json)")
    try:
        return str(read_json(path)["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"--on {on}: no scheduler's file ({one_line(error, 100)}); `dask scheduler --scheduler-file {on}` writes it"
        ) from None
