"""Measure what embedding, search and evaluation cost on few clips, and compute what they would on many, with workers.

    OMP_NUM_THREADS=1 python tools/cost_law.py tiny-passt --dimension 512

Each part is measured at several sizes and fitted by t = a + b·n, the law that its structure says: every clip is
embedded once, every query is compared with every clip once. With w workers the embedding of n clips takes

    T(n, w) = start + max(n·b / w, n·c) + a shard

where c is what the command itself does for each clip (hand out its shard, write its row), which no worker takes off it,
and the last term is the second of the shard for which all wait at the end. Figures within the measured sizes are
measured; all others are computed. Times are processor seconds of one thread, except the start. The law knows nothing of
disks or networks that many workers share.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.evaluation import EmbeddingJob, KeptRows, embed_in_batches, measure, spread
from harness.interface import load_system
from harness.machine import duration
from harness.measures import score_tiles, top_k
from harness.protocols import Relevance, RetrievalTask, get_protocol

CLIPS = (1, 1_000, 100_000, 1_000_000, 10_000_000)
WORKERS = (1, 2, 4, 16, 64)
SHARD_S = 1.0
"""Seconds that a shard takes; the command makes it so."""
ROWS = 512
QUERIES = 1_000


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
    for _ in range(3):
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


def ranked(vectors: "np.ndarray[tuple[int, int], np.dtype[np.float32]]") -> None:
    """Rank all clips for as many queries, with measures, intervals and all."""
    count = len(vectors)
    names = tuple(f"{number}.wav" for number in range(count))
    relevance = Relevance.from_lists([number % count] for number in range(QUERIES))
    from harness.audio import Clip

    clips = tuple(Clip(name, Path(name)) for name in names)
    sources = tuple(names[number % count] for number in range(QUERIES))
    captions = tuple(f"caption {number}" for number in range(QUERIES))
    task = RetrievalTask(get_protocol("folder"), clips, captions, relevance, sources)
    text = vectors[np.arange(QUERIES) % count]
    measure(task, score_tiles(text, vectors))


def main() -> None:
    """Measure, and print the laws and what follows from them as Markdown."""
    parser = argparse.ArgumentParser(
        prog="cost_law", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("system", help="a registered name or a card")
    parser.add_argument("--dimension", type=int, default=512, help="numbers in a vector")
    options = parser.parse_args()
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
