"""A step at full size, RoBERTa-large and Adam, two clips of 30 s, on the CPU: what it takes, and of memory at most.

Of PaSST in both stages, of the system of DCASE 2023, and of the hybrid one with MobileNet.

And a step of the small MobileNet with the published images and with coarser ones, 32 clips of 7 s each; and the memory
of a step of the small PaSST with 64 clips of 10 s, at once and by parts of 16.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch.nn.functional import normalize

from harness.cli import say
from harness.interface.cards.card import parse_card, read_card
from harness.machine.memory import keep_freed_memory
from systems.audio.encoders.mobilenet import MobileNetConfig
from systems.audio.mel import SAMPLE_RATE
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.training.fitting.losses import distillation_loss, supervised_loss

BATCH, SECONDS = 2, 30


def measure(
    benchmark: BenchmarkFixture,
    capsys: pytest.CaptureFixture[str],
    name: str,
    stages: tuple[int, ...] = (1,),
    keywords: list[list[int]] | None = None,
) -> list[float]:
    keep_freed_memory()
    card = parse_card(DualEncoderCard, read_card(name)[0])
    model = DualEncoder.seeded(card, 0).train()
    temperature = torch.nn.Parameter(torch.tensor(card.temperature))
    assert card.training is not None
    temperature.requires_grad_(card.training.temperature == "trained")
    learned = [one for one in (*model.parameters(), temperature) if one.requires_grad]
    optimizer = torch.optim.Adam(learned, lr=2e-5)
    random = np.random.default_rng(0)
    clips = [random.standard_normal(SECONDS * SAMPLE_RATE).astype(np.float32) / 10 for _ in range(BATCH)]
    captions = [[0, *random.integers(4, 50_000, 18).tolist(), 2] for _ in range(BATCH)]
    estimates = torch.tensor([[0.9, 0.2], [0.1, 0.8]])
    losses: list[float] = []

    def step(stage: int) -> None:
        heard = model.embed_clips(clips, generator=torch.Generator().manual_seed(0), keywords=keywords)
        audio = normalize(heard.float(), dim=-1)
        similarities = audio @ normalize(model.embed_captions(captions).float(), dim=-1).T
        if stage == 1:
            loss = supervised_loss(similarities, torch.eye(BATCH, dtype=torch.bool), temperature)
        else:
            loss = distillation_loss(similarities, estimates, card.temperature)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    step(1)
    benchmark.pedantic(lambda: [step(stage) for stage in stages], rounds=2)
    # The most that the process has held so far: run one of these tests by itself for a figure.
    peak = benchmark.extra_info["peak GiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with capsys.disabled():
        say(
            f"{name}: {len(stages)} steps of {BATCH} clips in {benchmark.stats.stats.min:.1f} s, at most {peak:.1f} GiB"
        )
    assert np.isfinite(losses).all()
    return losses


@pytest.mark.slow
@pytest.mark.benchmark(group="training step, full size")
def test_a_step_of_each_stage(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    losses = measure(benchmark, capsys, "passt-stage1-clotho", (1, 2))
    assert losses[-2] < losses[0]


@pytest.mark.slow
@pytest.mark.benchmark(group="training step, full size")
def test_a_step_of_the_system_of_dcase_2023(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    measure(benchmark, capsys, "passt-dcase23")


@pytest.mark.slow
@pytest.mark.benchmark(group="training step, MobileNet in small")
def test_coarser_images_make_the_small_mobilenet_several_times_faster(benchmark: BenchmarkFixture) -> None:
    """Of both in turn, so that whatever else the machine does slows both down; images are kept, as in its training."""
    torch.set_num_threads(1)
    keep_freed_memory()
    random = np.random.default_rng(0)
    clips = [random.standard_normal(7 * SAMPLE_RATE).astype(np.float32) / 10 for _ in range(32)]
    captions = [[0, *random.integers(4, 600, 18).tolist(), 2] for _ in range(64)]
    matching = torch.arange(32)[:, None] == torch.arange(64) // 2

    def stepping(**mel: object) -> Callable[[], object]:
        card = parse_card(DualEncoderCard, read_card("tiny-mn")[0])
        audio = MobileNetConfig.model_validate({"width_multiplier": 0.2, "classes": 1, "mel": mel})
        model = DualEncoder.seeded(card.model_copy(update={"audio": audio}), 0).train()
        optimizer = torch.optim.Adam(parameter for parameter in model.parameters() if parameter.requires_grad)
        images = [model.images(clip) for clip in clips]

        def step() -> None:
            features = model.describe_images(images, [len(clip) for clip in clips])
            audio = normalize(model.audio_projection(features), dim=-1)
            similarities = audio @ normalize(model.embed_captions(captions), dim=-1).T
            optimizer.zero_grad()
            supervised_loss(similarities, matching, 0.05).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return step

    published, coarse = stepping(), stepping(bands=64, hop=1280, edge_jitter=False)
    seconds: dict[str, list[float]] = {"published images": [], "coarse images": []}

    def both() -> None:
        for name, step in (("published images", published), ("coarse images", coarse)):
            began = time.process_time()
            step()
            seconds[name].append(time.process_time() - began)

    benchmark.pedantic(both, rounds=4, warmup_rounds=1)
    for name, found in seconds.items():
        benchmark.extra_info[f"{name}, ms"] = round(1000 * min(found))
    assert min(seconds["published images"]) > 3 * min(seconds["coarse images"])


@pytest.mark.slow
@pytest.mark.benchmark(group="training step, full size")
def test_a_step_of_the_hybrid_system(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    measure(benchmark, capsys, "hybrid-mn-clotho", keywords=[[0, 713, 12, 3602, 2], [0, 4010, 2]])


STEP = """
import sys, time
from pathlib import Path
import numpy as np, torch
from torch.nn.functional import normalize
from harness.interface.cards.card import parse_card, read_card
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.training.fitting.losses import supervised_loss
from systems.training.fitting.parts import in_parts

def held(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024

parts = int(sys.argv[1])
torch.set_num_threads(1)
model = DualEncoder.seeded(parse_card(DualEncoderCard, read_card("tiny-passt")[0]), 0).eval()
random = np.random.default_rng(0)
clips = [random.standard_normal(320_000).astype(np.float32) / 10 for _ in range(64)]
captions = [[0, *random.integers(4, 600, 18).tolist(), 2] for _ in range(64)]
# What the first step of all takes, as code that is loaded, is no part of it, and the peak so far is forgotten.
model.embed_clips(clips[:2]).sum().backward()
model.embed_captions(captions[:2]).sum().backward()
Path("/proc/self/clear_refs").write_text("5")
before, began = held("VmRSS"), time.process_time()
audio = in_parts(lambda some: normalize(model.embed_clips(clips[some]).float(), dim=-1), 64, parts, model)
text = in_parts(lambda some: normalize(model.embed_captions(captions[some]).float(), dim=-1), 64, parts, model)
loss = supervised_loss(audio @ text.T, torch.eye(64, dtype=torch.bool), 0.05)
loss.backward()
print(held("VmHWM") - before, time.process_time() - began, loss.item())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
@pytest.mark.benchmark(group="training step, by parts")
def test_parts_of_16_take_a_third_of_the_memory(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def step(parts: int) -> list[float]:
        done = subprocess.run([sys.executable, "-c", STEP, str(parts)], check=True, capture_output=True, text=True)
        return list(map(float, done.stdout.split()))

    (whole, seconds, loss), (part, seconds_of_parts, loss_of_parts) = benchmark.pedantic(
        lambda: (step(1), step(4)), rounds=1
    )
    with capsys.disabled():
        say(
            f"a step of tiny-passt with 64 clips of 10 s: {whole:.0f} MiB and {seconds:.1f} s of a processor at once, "
            f"{part:.0f} MiB and {seconds_of_parts:.1f} s by parts of 16"
        )
    assert loss_of_parts == pytest.approx(loss, rel=1e-6)
    assert part < whole / 2
