"""Dual encoders as lbar runs them beside a straightforward version of the same, in turn in one run; read `extra_info`.

The plain one: float32; every clip filled up to 30 s; the front end on the processor; every caption filled up to 32
tokens. The published sizes are measured in bfloat16, on a GPU compiled; on a processor the small systems beside them.

pytest tests/benchmarks/test_plain_version.py --benchmark-only
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from harness.interface.systems import build_system
from systems.audio.mel import SAMPLE_RATE
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.system import DualEncoderSystem
from systems.text.captions import CaptionTokenizer, pad

GPU = torch.cuda.is_available()
CARDS = Path(__file__).with_name("cards")
FULL = [str(CARDS / f"full-{name}.yaml") for name in ("passt", "atst", "mn")]
SYSTEMS = FULL if GPU else [*FULL, "tiny-passt", "tiny-atst", "tiny-mn"]
LONGEST, TOKENS, BATCH = 30, 32, 32
# One token each, as in RoBERTa's own vocabulary, so that captions are as long as Clotho's.
WORDS = ["a", "dog", "barks", "in", "the", "rain", "while", "music", "plays", "far", "away", "with", "train"]

Pcm = NDArray[np.int16]


def count_of(system: DualEncoderSystem) -> int:
    """Clips: as many as take seconds."""
    return 512 if GPU else 4 if system.info.name.startswith("full") else 64


def clips(count: int) -> list[Pcm]:
    """Of 15 to 30 s, as Clotho's are."""
    random = np.random.default_rng(0)
    lengths = random.uniform(15, 30, count) * SAMPLE_RATE
    return [random.integers(-9_000, 9_000, int(length)).astype(np.int16) for length in lengths]


def captions(count: int) -> list[str]:
    """Of 8 to 16 words."""
    random = np.random.default_rng(0)
    return [" ".join(random.choice(WORDS, random.integers(8, 17))) for _ in range(count)]


@torch.inference_mode()
def plain_clips(model: DualEncoder, front_end: torch.nn.Module, sounds: Sequence[Pcm]) -> None:
    seconds = model.windows.seconds
    assert seconds is not None
    for start in range(0, len(sounds), BATCH):
        some = sounds[start : start + BATCH]
        filled = torch.zeros(len(some), round(math.ceil(LONGEST / seconds) * seconds * SAMPLE_RATE))
        for row, sound in zip(filled, some, strict=True):
            row[: len(sound)] = torch.from_numpy(sound.astype(np.float32) / 32768)
        images = front_end(filled.view(-1, round(seconds * SAMPLE_RATE)))
        steps = model.audio(images.to(model.device)).unflatten(0, (len(some), -1))
        model.audio_projection(steps.mean((1, 2))).cpu()


@torch.inference_mode()
def plain_captions(model: DualEncoder, tokenizer: CaptionTokenizer, texts: Sequence[str]) -> None:
    ids = tokenizer(texts)
    for start in range(0, len(ids), BATCH):
        # One of full length makes all of them so.
        tokens, mask = pad([*ids[start : start + BATCH], [0] * TOKENS])
        tokens, mask = tokens[:-1].to(model.device), mask[:-1].to(model.device)
        read = model.text(input_ids=tokens, attention_mask=mask).last_hidden_state[:, 0]
        model.text_projection(read).cpu()


def in_turn(benchmark: BenchmarkFixture, ours: Callable[[], object], plain: Callable[[], object]) -> None:
    spent: list[float] = []

    def other() -> None:
        begun = perf_counter()
        plain()
        spent.append(perf_counter() - begun)

    benchmark.pedantic(ours, setup=other, rounds=5, warmup_rounds=1)
    assert benchmark.stats is not None
    benchmark.extra_info["times faster than plain"] = float(np.median(spent)) / benchmark.stats.stats.median
    benchmark.extra_info["device"] = torch.cuda.get_device_name() if GPU else "cpu"


@pytest.fixture(params=SYSTEMS, ids=lambda name: Path(name).stem)
def both(request: pytest.FixtureRequest) -> tuple[DualEncoderSystem, DualEncoder]:
    """A system as lbar runs it, and its model plainly."""
    if GPU:
        torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if GPU else "cpu"
    precision = "bf16" if request.param in FULL else "fp32"
    ours = build_system(request.param, device=device, precision=precision, compiled=GPU).system
    assert isinstance(ours, DualEncoderSystem)
    return ours, DualEncoder.seeded(ours.card, 0).eval().requires_grad_(False).to(device)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_clips(benchmark: BenchmarkFixture, both: tuple[DualEncoderSystem, DualEncoder]) -> None:
    ours, plain = both
    sounds, front_end = clips(count_of(ours)), deepcopy(plain.front_end).to("cpu")
    benchmark.group = f"{len(sounds)} clips, {ours.info.name}"

    def embed() -> None:
        for start in range(0, len(sounds), BATCH):
            ours.embed_audio(sounds[start : start + BATCH])

    in_turn(benchmark, embed, lambda: plain_clips(plain, front_end, sounds))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_captions(benchmark: BenchmarkFixture, both: tuple[DualEncoderSystem, DualEncoder]) -> None:
    ours, plain = both
    texts = captions(5 * count_of(ours))
    benchmark.group = f"{len(texts)} captions, {ours.info.name}"
    in_turn(benchmark, lambda: ours.embed_text(texts), lambda: plain_captions(plain, ours._tokenizer, texts))
