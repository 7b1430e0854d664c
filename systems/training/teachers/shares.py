"""A teacher's vectors made by all processes of a training, a share each, instead of by one while the others wait."""

import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from numpy.typing import NDArray

from harness.evaluation import EmbeddingJob, KeptRows, Rest

FIRST_BATCH = 32
"""Shares begin at whole batches, so that every item is embedded with the same others as by one process."""


def in_shares(
    kept: KeptRows[Any], job: EmbeddingJob[Any], rank: int, ranks: int, rows: Callable[[Any], NDArray[Any]]
) -> Rest[Any]:
    """What completes kept rows, as `embed_in_batches` takes it: each process has made its share before.

    A process makes its own share, and then goes through the others': it takes what is there, waits for what another
    process is making, and makes what nobody is, as where a process has died or its disk is another one.

    Args:
        kept: receives all rows; the shares lie in its folder until every process has seen it complete.
        job: embeds.
        rank: number of this process, counted from 0.
        ranks: number of processes.
        rows: what is kept of a batch of embeddings.
    """
    folder = kept.folder / f"shares-{ranks}"
    size = job.batch_size or FIRST_BATCH
    batches = -(-job.count // size)
    bounds = [min(job.count, size * (batches * number // ranks)) for number in range(ranks + 1)]

    def share(number: int) -> NDArray[Any]:
        start, stop = bounds[number], bounds[number + 1]

        def missing(done: NDArray[Any]) -> Iterator[NDArray[Any]]:
            return map(rows, job.between(start + len(done), stop, done.shape[1]))

        return KeptRows(folder / str(number), kept.kind).complete(stop - start, missing, lambda _: None)

    if len(kept.read()) < job.count:
        for number in (*range(rank, ranks), *range(rank)):
            share(number)

    def rest(done: NDArray[Any]) -> Iterator[NDArray[Any]]:
        for number, (start, stop) in enumerate(pairwise(bounds)):
            if stop > max(start, len(done)):
                yield share(number)[max(0, len(done) - start) :]

    return rest


def forget_shares(kept: KeptRows[Any], rank: int, ranks: int) -> None:
    """Remove the shares, where this is the last process that may still have read them."""
    folder = kept.folder / f"shares-{ranks}"
    if folder.is_dir():
        (folder / f"seen-{rank}").touch()
        if all((folder / f"seen-{number}").exists() for number in range(ranks)):
            shutil.rmtree(folder, ignore_errors=True)
