"""Speed of ranking beside the alternatives; read the ratios of one run on a quiet machine.

pytest tests/benchmarks/test_ranking.py --benchmark-only --benchmark-group-by=group --benchmark-json=ranking.json
"""

import threading
import time
from functools import partial

import numpy as np
import pytest

from harness.measures.measure import parse_measure
from harness.measures.ranking import rank_scores, rank_tiles, top_k
from harness.measures.similarity import score_tiles
from harness.measures.statistics import intervals
from harness.protocols.relevance import Relevance

QUERIES, CLIPS, WIDTH = 5225, 1045, 512
MEASURES = [parse_measure(name) for name in ("mAP@10", "R@1", "R@5", "R@10")]


@pytest.fixture(scope="module")
def scores():
    return np.random.default_rng(0).standard_normal((QUERIES, CLIPS), dtype=np.float32)


@pytest.fixture(scope="module")
def relevance():
    return Relevance.from_lists([[query // 5] for query in range(QUERIES)])


def evaluate(scores, relevance):
    ranks = rank_scores(scores, relevance)
    return [measure(ranks).mean() for measure in MEASURES]


@pytest.mark.benchmark(group="Clotho evaluation, from scores", min_rounds=30, warmup=True)
def test_ranks_and_measures(benchmark, scores, relevance):
    benchmark(evaluate, scores, relevance)


@pytest.mark.benchmark(group="Clotho evaluation, from scores", min_rounds=30, warmup=True)
def test_torch_topk(benchmark, scores):
    import torch

    benchmark(torch.topk, torch.from_numpy(scores), 10)


@pytest.mark.benchmark(group="Clotho evaluation, from scores")
@pytest.mark.parametrize("timed", ["dictionaries made before", "dictionaries made from the scores"])
def test_pytrec_eval_on_the_100_best(benchmark, scores, relevance, timed):
    import pytrec_eval

    def dictionaries():
        best, values = top_k(scores, 100)
        names = [[str(clip) for clip in clips] for clips in best.tolist()]
        pairs = zip(names, values.tolist(), strict=True)
        return {str(query): dict(zip(*pair, strict=True)) for query, pair in enumerate(pairs)}

    relevant = {str(query): {str(clip): 1} for query, clip in enumerate(relevance.items.tolist())}
    evaluator = pytrec_eval.RelevanceEvaluator(relevant, {"map_cut.10", "recall.1,5,10"})
    ready = dictionaries()
    made = (lambda: ready) if timed == "dictionaries made before" else dictionaries
    values = benchmark(lambda: evaluator.evaluate(made()))
    average = np.mean([value["map_cut_10"] for value in values.values()])
    assert average == pytest.approx(evaluate(scores, relevance)[0], abs=1e-9)


@pytest.mark.benchmark(group="intervals of 8 columns")
def test_intervals(benchmark):
    values = np.random.default_rng(0).random((QUERIES, 8))
    benchmark(intervals, values, np.arange(QUERIES) // 5)


@pytest.fixture(scope="module", params=[65_536, pytest.param(1_000_000, marks=pytest.mark.slow)])
def embeddings(request):
    rng = np.random.default_rng(0)
    queries = np.empty((request.param, WIDTH), np.float32)
    for start in range(0, len(queries), 65_536):
        rng.standard_normal(out=queries[start : start + 65_536], dtype=np.float32)
    return queries, rng.standard_normal((CLIPS, WIDTH), dtype=np.float32)


def bare_product(queries, items, rows):
    """Nothing but the matrix product, on all cores, into one tile."""
    transposed = np.ascontiguousarray(items.T)
    tile = np.empty((rows, len(items)), np.float32)
    for start in range(0, len(queries), rows):
        part = queries[start : start + rows]
        np.matmul(part, transposed, out=tile[: len(part)])


def rank_embeddings(queries, items):
    relevance = Relevance(np.arange(len(queries) + 1), np.arange(len(queries)) % len(items))
    return rank_tiles(score_tiles(queries, items), relevance)


def added_memory(work):
    """Most megabytes the process grew by while working."""
    import psutil

    process, done, sizes = psutil.Process(), threading.Event(), []

    def watch():
        while not done.wait(0.01):
            sizes.append(process.memory_info().rss)

    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return (max(sizes) - before) / 1e6


def test_ranks_from_embeddings(benchmark, embeddings):
    """Beside the bare product, timed in turn with it so that both see the same machine; see `extra_info`."""
    bare_seconds = []

    def time_bare_product():
        for rows in (1024, 2048, 8192):
            start = time.perf_counter()
            bare_product(*embeddings, rows)
            bare_seconds.append(time.perf_counter() - start)

    added_megabytes = added_memory(partial(rank_embeddings, *embeddings))
    benchmark.pedantic(rank_embeddings, embeddings, setup=time_bare_product, rounds=5)
    benchmark.extra_info["added_megabytes"] = added_megabytes
    benchmark.extra_info["bare_product_seconds"] = min(bare_seconds)
    benchmark.extra_info["share_of_bare_product_speed"] = min(bare_seconds) / benchmark.stats.stats.min
    assert added_megabytes < 500
