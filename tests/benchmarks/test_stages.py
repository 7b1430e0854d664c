"""The stages of the work, small: what the speed gate watches.

LBAR_SPEEDS=speeds.json pytest tests/benchmarks/test_stages.py --benchmark-only
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio.decoding import decode
from harness.interface.cards.card import parse_card, read_card
from harness.interface.systems import build_system
from harness.measures.exact_search import ExactIndex
from harness.measures.measure import parse_measure
from harness.measures.ranking import rank_scores
from harness.measures.statistics import intervals
from harness.protocols.relevance import Relevance
from harness.throughput.cases.query import collection
from systems.audio.mel import KaldiLogMel
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder

QUERIES, CLIPS = 5225, 1045
RATE = 32_000
ANIMALS = ("dog", "cow", "owl", "cat")
CAPTIONS = [f"a {animal} far away calls {times} times" for animal in ANIMALS for times in range(16)]


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def relevance() -> Relevance:
    return Relevance.from_lists([[query // 5] for query in range(QUERIES)])


def ranking(_: Path) -> Callable[[], object]:
    scores = random().standard_normal((QUERIES, CLIPS), dtype=np.float32)
    relevant = relevance()
    return lambda: rank_scores(scores, relevant)


def measures(_: Path) -> Callable[[], object]:
    ranks = rank_scores(random().standard_normal((QUERIES, CLIPS), dtype=np.float32), relevance())
    wanted = [parse_measure(name) for name in ("mAP@10", "R@1", "R@5", "R@10")]
    return lambda: [measure(ranks) for measure in wanted]


def bootstrap(_: Path) -> Callable[[], object]:
    values, clusters = random().random((QUERIES, 8)), np.arange(QUERIES) // 5
    return lambda: intervals(values, clusters)


def mel(clips: int) -> Callable[[Path], Callable[[], object]]:
    def build(_: Path) -> Callable[[], object]:
        import torch

        front_end = KaldiLogMel().eval()
        waveforms = torch.from_numpy(random().uniform(-0.5, 0.5, (clips, 10 * RATE)).astype(np.float32))
        return torch.inference_mode()(lambda: front_end(waveforms))

    return build


def decoding(rate: int) -> Callable[[Path], Callable[[], object]]:
    def build(folder: Path) -> Callable[[], object]:
        path = folder / "clip.wav"
        soundfile.write(path, random().uniform(-0.5, 0.5, 20 * rate), rate, subtype="PCM_16")
        return lambda: decode(path, RATE)

    return build


def model(name: str) -> DualEncoder:
    return DualEncoder.seeded(parse_card(DualEncoderCard, read_card(name)[0]), 0).eval()


def encoder(name: str) -> Callable[[Path], Callable[[], object]]:
    def build(_: Path) -> Callable[[], object]:
        import torch

        built = model(name)
        clips = [random().uniform(-0.5, 0.5, 6 * RATE).astype(np.float32)] * 8
        return torch.inference_mode()(lambda: built.embed_clips(clips))

    return build


def text(folder: Path) -> Callable[[], object]:
    card = folder / "card.yaml"
    card.write_text("base: tiny-passt\nname: drawn\nrandom_weights: 0\n")
    system = build_system(str(card), device="cpu").system
    return lambda: system.embed_text(CAPTIONS)  # type: ignore[union-attr]


def searching(queries: int) -> Callable[[Path], Callable[[], object]]:
    def build(_: Path) -> Callable[[], object]:
        items = collection(100_000, 512)
        index, asked = ExactIndex(items), items[:queries] + np.float32(0.01)
        return lambda: index.search(asked, 10)

    return build


def start(*arguments: str) -> Callable[[Path], Callable[[], object]]:
    command = [sys.executable, *arguments]
    return lambda _: lambda: subprocess.run(command, capture_output=True, check=True)


STAGES: dict[str, Callable[[Path], Callable[[], object]]] = {
    "ranking": ranking,
    "measures": measures,
    "bootstrap": bootstrap,
    "mel, 1 clip": mel(1),
    "mel, 32 clips": mel(32),
    "decode": decoding(RATE),
    "decode and resample": decoding(44_100),
    "tiny-passt, 8 clips": encoder("tiny-passt"),
    "tiny-atst, 8 clips": encoder("tiny-atst"),
    "tiny-mn, 8 clips": encoder("tiny-mn"),
    "text, 64 captions": text,
    "search, 1 query": searching(1),
    "search, 100 queries": searching(100),
    "import": start("-c", "import harness"),
    "command": start("-m", "lbar", "--help"),
}


@pytest.mark.benchmark(group="stages", min_rounds=7, warmup=True, warmup_iterations=1)
@pytest.mark.parametrize("stage", STAGES)
def test_stage(benchmark: BenchmarkFixture, stage: str, tmp_path: Path) -> None:
    call = STAGES[stage](tmp_path)
    benchmark(call)
    benchmark.extra_info["stage"] = stage
