"""Measure what embedding, search and evaluation cost on few clips, and compute what they would on many, with workers.

    OMP_NUM_THREADS=1 python tools/cost_law.py tiny-passt --dimension 512

Each part is measured at several sizes and fitted by t = a + b·n, the law that its structure says: every clip is
embedded once, every query is compared with every clip once. With w workers the embedding of n clips takes

    T(n, w) = start + max(n·b / w, n·c) + a shard

where c is what the command itself does for each clip (hand out its shard, write its row), which no worker takes off it,
and the last term is the second of the shard for which all wait at the end.

    OMP_NUM_THREADS=1 python tools/cost_law.py --growth 10000000 --dimension 64 --page docs/understand/cost.md

measures search, evaluation and the board at 1,000, 10,000, ... generated clips or queries, the slope of each on
logarithmic axes (1 where cost grows as the work does) and its memory, and puts the table on the page.

Figures within the measured sizes are measured; all others are computed. Times are processor seconds of one thread,
except the start. The law knows nothing of disks or networks that many workers share.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from page_sections import fill

from harness.audio import Clip
from harness.evaluation import EmbeddingJob, KeptRows, embed_in_batches, measure, spread
from harness.interface import load_system
from harness.machine import describe_environment, duration
from harness.measures import ExactIndex, score_tiles, top_k
from harness.protocols import Relevance, RetrievalTask, get_protocol
from harness.runs import EvaluationRecord, ProtocolRecord, write_run
from harness.throughput import reporting
from harness.throughput.instruments.memory import peak_memory
from leaderboard.board import render, standings
from leaderboard.runs import collect

CLIPS = (1, 1_000, 100_000, 1_000_000, 10_000_000)
WORKERS = (1, 2, 4, 16, 64)
SHARD_S = 1.0
"""Seconds that a shard takes; the command makes it so."""
ROWS = 512
QUERIES = 1_000
OFF = np.float32(0.01)
_LONG = 1.0
"""Seconds of a run that is not made again."""
HISTORIC = Path(__file__).parents[1] / "tests" / "data" / "evaluation_v1.json"

Vectors = NDArray[np.float32]


class Law(NamedTuple):
    """t = a + b·n, by least squares of relative errors, and the largest relative error of a measured point."""

    a: float
    b: float
    error: float

    def __call__(self, n: float) -> float:
        """Seconds for `n`."""
        return self.a + self.b * n


def fitted(sizes: Sequence[float], seconds: Sequence[float]) -> Law:
    """The law that goes through points, none of whose parts is below 0.

    >>> fitted([1, 2, 4], [3.0, 5.0, 9.0])
    Law(a=1.0, b=2.0, error=0.0)
    """
    n, t = np.asarray(sizes, float), np.asarray(seconds, float)
    rows = np.stack([1 / t, n / t], axis=1)
    a, b = np.linalg.lstsq(rows, np.ones(len(t)), rcond=None)[0]
    if a < 0 or b < 0:
        a, b = 0.0, float((n / t).sum() / ((n / t) ** 2).sum())
    return Law(round(float(a), 12), round(float(b), 12), round(float(np.abs((a + b * n) / t - 1).max()), 6))


def embedding_seconds(clips: float, workers: int, each: float, own: float, start: float) -> float:
    """What the embedding of so many clips takes with so many workers.

    Args:
        clips: their number.
        workers: of equal speed; 0 is the command's own process.
        each: seconds a clip.
        own: seconds a clip that the command itself takes, whatever the workers do.
        start: seconds until workers are there.

    >>> embedding_seconds(1000, 0, 0.1, 0.001, 2)
    100.0
    >>> embedding_seconds(10240, 4, 0.1, 0.001, 2)
    259.0
    >>> round(embedding_seconds(10**6, 64, 0.1, 0.01, 2))
    10003
    """
    if not workers:
        return clips * each
    return start + max(clips * each / workers, clips * own) + min(SHARD_S, each * clips / workers)


def timed(work: Callable[[], object], least: float = 0.1) -> float:
    """The processor seconds of the fastest of three runs, which do not depend on what else the machine does."""
    best = float("inf")
    for run in range(3):
        if run and best > _LONG:
            break
        began, runs = time.process_time(), 0
        while time.process_time() - began < least:
            work()
            runs += 1
        best = min(best, (time.process_time() - began) / runs)
    return best


def measured(name: str, dimension: int) -> dict[str, Law | float]:
    """The laws of the parts, by name, and the single figures."""
    system, random = load_system(name, device="cpu"), np.random.default_rng(0)
    clips = [random.uniform(-0.1, 0.1, 10 * system.info.sample_rate).astype(np.float32) for _ in range(16)]
    sizes = (4, 8, 16)
    found: dict[str, Law | float] = {}
    found["embed, clips of 10 s"] = fitted(sizes, [timed(lambda n=n: system.embed_audio(clips[:n])) for n in sizes])
    vectors = random.standard_normal((100_000, dimension)).astype(np.float32)
    query, collections = vectors[:1], (1_000, 10_000, 100_000)

    def search(n: int) -> None:
        for _, scores in score_tiles(query, vectors[:n]):
            top_k(scores, 10)

    found["one query, clips"] = fitted(collections, [timed(lambda n=n: search(n)) for n in collections])
    found[f"rank {QUERIES:,} queries, clips"] = fitted(
        (250, 500, 1_000), [timed(lambda n=n: ranked(vectors[:n])) for n in (250, 500, 1_000)]
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = np.ones((ROWS, dimension), np.float32)
        job = EmbeddingJob("rows", "clip", 40 * ROWS, int, lambda items: rows[: len(items)], batch_size=ROWS)
        began = time.process_time()
        embed_in_batches(job, KeptRows(Path(folder) / "rows"))
        found["write a row"] = (time.process_time() - began) / job.count
    began = time.perf_counter()
    list(spread(abs, [0], "local:1"))
    found["start of local:1"] = time.perf_counter() - began
    began = time.process_time()
    list(spread(abs, range(300), "local:1"))
    found["hand out a shard"] = (time.process_time() - began) / 300
    return found


def ranked(vectors: Vectors) -> None:
    """Rank all clips for as many queries, with measures, intervals and all."""
    evaluation(vectors)()


def evaluation(vectors: Vectors) -> Callable[[], object]:
    """What ranks all clips for `QUERIES` captions, with measures and intervals."""
    count = len(vectors)
    names = tuple(f"{number}.wav" for number in range(count))
    relevance = Relevance.from_lists([number % count] for number in range(QUERIES))
    nowhere = Path()
    clips = tuple(Clip(name, nowhere) for name in names)
    sources = tuple(names[number % count] for number in range(QUERIES))
    captions = tuple(f"caption {number}" for number in range(QUERIES))
    task = RetrievalTask(get_protocol("folder"), clips, captions, relevance, sources)
    text = vectors[np.arange(QUERIES) % count]
    return lambda: measure(task, score_tiles(text, vectors))


def board(count: int, folder: Path) -> Callable[[], object]:
    """What draws the board of two runs of so many queries each."""
    historic = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))
    sources = np.arange(count) // 5
    for number in range(2):
        values = np.random.default_rng(number).random(count)
        mean = {"value": float(values.mean()), "optimistic": float(values.mean()), "low": 0.0, "high": 1.0}
        record = historic.model_copy(
            update={
                "id": f"{number:032x}",
                "protocol": ProtocolRecord.model_validate(get_protocol("everyday")),
                "system": historic.system.model_copy(update={"name": f"system-{number}", "digest": f"{number:064x}"}),
                "dataset": historic.dataset.model_copy(update={"queries": count}),
                "measures": tuple(one.model_copy(update=mean) for one in historic.measures),
            }
        )
        columns = {"query": np.arange(count), "text": [""] * count, "clip": [f"{clip}.wav" for clip in sources]}
        rank = np.ones(count, np.int64)
        columns |= {"rank_pessimistic": rank, "rank_optimistic": rank} | {one.name: values for one in record.measures}
        nothing = {"query": [0], "rank": [1], "item": ["0.wav"], "score": [1.0]}
        write_run(folder, record, per_query=columns, ranking=nothing)

    def draw() -> object:
        found = collect(folder)
        assert not found.set_aside
        return render(standings(found), (), 100)

    return draw


PARTS: dict[str, Callable[[Vectors, Path], Callable[[], object]]] = {
    "index of n clips made": lambda vectors, _: lambda: ExactIndex(vectors),
    "one query searched in n clips": lambda vectors, _: partial(ExactIndex(vectors).search, vectors[:1] + OFF, 10),
    "100 queries searched in n clips": lambda vectors, _: partial(ExactIndex(vectors).search, vectors[:100] + OFF, 10),
    f"{QUERIES:,} queries evaluated over n clips": lambda vectors, _: evaluation(vectors),
    "board of two runs of n queries": lambda vectors, folder: board(len(vectors), folder),
}


def seconds_and_memory(work: Callable[[], object]) -> tuple[float, int | None]:
    """Processor seconds, and bytes that the process takes at most beside what it had; `None` where that is not told."""
    seconds: list[float] = []
    memory = peak_memory(lambda: seconds.append(timed(work)))
    return seconds[0], memory.added


def growth(largest: int, dimension: int) -> Iterator[str]:
    """Lines of a table: seconds at each size and the slope up to it, and the memory that the largest takes."""
    sizes = [10**power for power in range(3, len(str(largest)))]
    vectors = np.random.default_rng(0).standard_normal((sizes[-1], dimension), np.float32)
    yield "| part | " + " | ".join(f"n = {size:,}" for size in sizes) + " | memory |"
    yield "| --- |" + " --- |" * (len(sizes) + 1)
    for name, part in PARTS.items():
        found = []
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                found.append(seconds_and_memory(part(vectors[:size], Path(folder))))
        seconds, added = [one for one, _ in found], found[-1][1]
        slopes = [math.log10(after / before) for before, after in pairwise(seconds)]
        cells = [
            reporting.duration(seconds[0]),
            *(f"{reporting.duration(one)} ({slope:.2f})" for one, slope in zip(seconds[1:], slopes, strict=True)),
        ]
        yield f"| {name} | " + " | ".join(cells) + f" | {'-' if added is None else f'{added / 1e6:,.0f} MB'} |"
    machine, load = describe_environment(), os.getloadavg()[0]
    where = f"{machine.cpu}, {machine.logical_cores} cores, at a load of {load:.1f}"
    yield ""
    yield f"Measured on {where}, with vectors of {dimension} numbers."


def main() -> None:
    """Measure, and print the laws and what follows from them as Markdown."""
    parser = argparse.ArgumentParser(
        prog="cost_law", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("system", nargs="?", help="a registered name or a card")
    parser.add_argument("--growth", type=int, help="measure search, evaluation and board up to so many clips instead")
    parser.add_argument("--dimension", type=int, default=512, help="numbers in a vector")
    parser.add_argument("--page", type=Path, help="page of the documentation whose section `growth` is filled")
    options = parser.parse_args()
    if options.growth:
        lines = []
        for line in growth(options.growth, options.dimension):
            lines.append(line)
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        if options.page:
            fill(options.page, "growth", "\n".join(lines))
        return
    if options.system is None:
        parser.error("which system? or --growth")
    found = measured(options.system, options.dimension)
    lines = ["| part | law, in seconds | largest error |", "| --- | --- | --- |"]
    for part, law in found.items():
        if isinstance(law, Law):
            lines.append(f"| {part} | {law.a:.3g} + {law.b:.3g} · n | {law.error:.0%} |")
        else:
            lines.append(f"| {part} | {law:.3g} | |")
    embed, start = found["embed, clips of 10 s"], found["start of local:1"]
    assert isinstance(embed, Law)
    assert isinstance(start, float)
    own = float(found["write a row"]) + float(found["hand out a shard"]) * embed.b / SHARD_S  # type: ignore[arg-type]
    lines += ["", "| clips | here | " + " | ".join(f"{count} workers" for count in WORKERS) + " | one query |"]
    lines.append("|" + " --- |" * (len(WORKERS) + 3))
    for clips in CLIPS:
        times = [embedding_seconds(clips, workers, embed.b, own, start) for workers in (0, *WORKERS)]
        query = found["one query, clips"](clips)  # type: ignore[operator]
        lines.append(f"| {clips:,} | " + " | ".join(map(duration, times)) + f" | {query * 1000:.3g} ms |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
