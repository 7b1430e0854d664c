"""Do the same with each of many shards: in this process, or on a Dask cluster where one is named."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from harness.evaluation.spreading.worker import Machine

Shard = TypeVar("Shard")
Result = TypeVar("Result")


def spread(
    function: Callable[[Shard], Result],
    shards: Iterable[Shard],
    on: str | None = None,
    after: Sequence[Sequence[int]] | None = None,
) -> Iterator[Result]:
    """The function's result for each shard, in the order of the shards.

    On a cluster a few shards for each worker are on their way at a time. A worker that is lost costs its shard only:
    another one does it again. Workers are checked first: they have to have this version of lbar.

    Args:
        function: takes one shard; on a cluster it and the shards are sent to workers, so they have to be picklable.
        shards: parts of the work.
        on: `None` for this process, one shard after the other, each when its result is asked for; `local:4` for four
            processes on this machine; the address of a Dask scheduler such as `tcp://HOST:8786`; or the JSON file that
            a scheduler has written.
        after: for each shard the numbers of the earlier ones that have to be finished before it begins.

    Raises:
        UserError: there is no such cluster, nobody answers there, it has no workers or unfit ones, or the connection
            is lost; nothing waits longer than `harness.evaluation.spreading.cluster` says. And what `function` raises.
    """
    if on is None:
        return map(function, shards)
    from harness.evaluation.spreading.cluster import connected

    return connected(on).each(function, shards, after)


def machines_on(on: str | None) -> dict[str, Machine]:
    """The machines that have computed shards there for this process, by the address of each worker."""
    if on is None:
        return {}
    from harness.evaluation.spreading.cluster import connected

    return connected(on).machines
