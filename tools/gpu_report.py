"""Measure what the page *On a GPU* of the documentation shows, in at most nine minutes.

    python tools/gpu_report.py --out DIR --page docs/results/gpu.md    on a GPU, the published sizes
    python tools/gpu_report.py --small --out DIR                       on whatever is here, the small systems, briefly

Encoders of the published sizes have drawn weights, which take as long as trained ones. DIR receives report.json and
report.md, written anew with every row; what fails, and what there is no time for, is named with the reason.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from end_to_end import WORDS, generated
from numpy.typing import NDArray
from page_sections import fill, table
from time_limit import OutOfTime, ended_after
from torch.nn.functional import normalize

from harness import evaluate
from harness.errors import UserError, one_line
from harness.evaluation import Options
from harness.interface import parse_card, read_card, required_files
from harness.machine import cache_root, describe_environment, silent, write_text
from harness.measures import ExactIndex
from harness.runs import Effort
from harness.throughput.instruments.ceilings import measure_ceilings
from harness.throughput.instruments.memory import peak_memory
from harness.throughput.instruments.operations import count_flops
from harness.throughput.instruments.timing import measure, synchronise
from systems.audio import SAMPLE_RATE
from systems.dual_encoder import DualEncoder
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.system import DualEncoderSystem
from systems.text import CaptionTokenizer
from systems.training.fitting.losses import distillation_loss, supervised_loss

CARDS = Path(__file__).resolve().parents[1] / "tests" / "benchmarks" / "cards"
NO_TIME = "no time was left"
TOKENS = 32
"""Of a caption at most; the plain way fills all up to it."""
LARGE_BATCH = 256

Row = dict[str, Any]
Part = Callable[[], Iterator[Row]]


@dataclass(frozen=True)
class Size:
    """What is measured, and how much of it.

    Attributes:
        systems: cards or names of the systems.
        clips: number of clips that are embedded at once.
        seconds: the shortest and the longest of them.
        batch: pairs in a step of training.
        step_seconds: the length of each of its clips.
        collections: numbers of clips that are searched.
        evaluated: clips of the evaluation from files.
        compiled: whether compiled encoders are measured too.
        effort: for how long each call is repeated.
    """

    systems: tuple[str, ...]
    clips: int
    seconds: tuple[float, float]
    batch: int
    step_seconds: float
    collections: tuple[int, ...]
    evaluated: int
    compiled: bool
    effort: Effort


FULL = Size(
    systems=tuple(str(CARDS / f"full-{name}.yaml") for name in ("passt", "atst", "mn")),
    clips=128,
    seconds=(15, 30),
    batch=64,
    step_seconds=30,
    collections=(1_045, 100_000, 1_000_000),
    evaluated=1_045,
    compiled=True,
    effort=Effort(warm_ups=2, steady=2, within=0.1, most_warm_up_seconds=10, iterations=5, seconds=2),
)
SMALL = Size(
    systems=("tiny-mn",),
    clips=2,
    seconds=(1, 2),
    batch=2,
    step_seconds=1,
    collections=(1_045,),
    evaluated=3,
    compiled=False,
    effort=Effort(warm_ups=1, steady=1, within=1, most_warm_up_seconds=0, iterations=1, seconds=0),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure part by part; returns the exit code, 1 where a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that receives report.json and report.md")
    parser.add_argument("--page", type=Path, help="page of the documentation whose section `gpu` is filled")
    parser.add_argument("--small", action="store_true", help="the small systems, briefly")
    parser.add_argument("--minutes", type=float, default=8.5, help="what is not done after this time is left out (8.5)")
    options = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not options.small:
        sys.stderr.write("gpu_report: no GPU is here; --small measures the small systems on the CPU\n")
        return 2
    # Some images of NVIDIA's ask torch to round the factors of float32 products to ten bits.
    torch.backends.cuda.matmul.allow_tf32 = False
    report: Row = {
        "device": device,
        "environment": describe_environment(device).model_dump(mode="json"),
        "parts": {},
        "missing": {},
        "seconds": {},
    }
    size = SMALL if options.small else FULL
    until = time.monotonic() + 60 * options.minutes
    for name, part in parts(size, device).items():
        begun, rows = time.monotonic(), report["parts"].setdefault(name, [])
        reason = problem(part, rows, until - begun, lambda: write(report, options.out))
        if reason is not None:
            report["missing"][name] = reason
        report["seconds"][name] = time.monotonic() - begun
        if device == "cuda":
            torch.cuda.empty_cache()
        write(report, options.out)
    if options.page:
        fill(options.page, "gpu", as_markdown(report))
    failed = [name for name, reason in report["missing"].items() if reason != NO_TIME]
    for name in failed:
        sys.stderr.write(f"gpu_report: {name}: {report['missing'][name]}\n")
    return 1 if failed else 0


def problem(part: Part, rows: list[Row], seconds: float, save: Callable[[], None]) -> str | None:
    """Measure a part row by row, for so many seconds at most; returns why it did not come to its end."""
    try:
        with ended_after(seconds):
            for row in part():
                rows.append(row)
                save()
    except OutOfTime:
        return NO_TIME
    except UserError as error:
        return str(error)
    except Exception as error:
        # Whatever fails in one part, the time on a GPU is too dear to lose the others.
        return one_line(error)
    return None


def write(report: Row, folder: Path) -> None:
    """Write what there is so far."""
    write_text(folder / "report.json", json.dumps(report, indent=1, default=str) + "\n")
    write_text(folder / "report.md", as_markdown(report))


def parts(size: Size, device: str) -> dict[str, Part]:
    """What is measured, by its title, the most wanted first; what has to be compiled takes longest, and comes last."""
    exact: dict[tuple[str, str], NDArray[np.float32]] = {}
    flops: dict[tuple[str, str], float] = {}
    found: dict[str, Part] = {
        "Encoders": lambda: encoders(size, device, ("fp32", "bf16"), exact, flops),
        "A training step": lambda: steps(size, device),
        "A query": lambda: queries(size, device),
        "An evaluation from files": lambda: evaluation(size, device),
    }
    if size.compiled:
        found["Encoders, compiled"] = lambda: encoders(size, device, ("bf16",), exact, flops, compiled=True)
        found["A query, compiled"] = lambda: queries(size, device, compiled=True)
    return found


def drawn_clips(count: int, seconds: tuple[float, float]) -> list[NDArray[np.int16]]:
    """Noise of lengths that are spread evenly."""
    random = np.random.default_rng(0)
    lengths = np.linspace(*seconds, count) * SAMPLE_RATE
    return [random.integers(-9_000, 9_000, int(length)).astype(np.int16) for length in random.permutation(lengths)]


def drawn_captions(count: int) -> list[str]:
    """Of 8 to 16 words."""
    random = np.random.default_rng(0)
    return [" ".join(random.choice(WORDS, random.integers(8, 17))) for _ in range(count)]


@lru_cache(maxsize=1)
def drawn(name: str) -> tuple[DualEncoderCard, DualEncoder, CaptionTokenizer]:
    """A card, a model of its size with drawn weights on the CPU, and its tokenizer."""
    said, folder = read_card(name)
    card = parse_card(DualEncoderCard, said)
    (files,) = required_files(card.files, ("tokenizer",), folder, card.name)
    tokenizer = CaptionTokenizer.read(files, card.text.vocabulary, card.text.longest, card.text.normalised)
    return card, DualEncoder.seeded(card, 0), tokenizer


def built(name: str, device: str, precision: str, *, compiled: bool = False) -> DualEncoderSystem:
    """A dual encoder, ready to embed."""
    card, model, tokenizer = drawn(name)
    return DualEncoderSystem(card, deepcopy(model), tokenizer, device, precision, compiled)


def encoders(
    size: Size,
    device: str,
    precisions: Sequence[str],
    exact: dict[tuple[str, str], NDArray[np.float32]],
    flops: dict[tuple[str, str], float],
    *,
    compiled: bool = False,
) -> Iterator[Row]:
    """Clips and captions a second, beside what the device's matrix units can do and what fp32 gives.

    `exact` and `flops` receive the vectors in fp32 and the operations that a call takes, by system and what it embeds.
    """
    clips, captions = drawn_clips(size.clips, size.seconds), drawn_captions(5 * size.clips)
    peaks = {precision: measure_ceilings(device, precision).matrix_flops_per_second for precision in precisions}
    for name in size.systems:
        for precision in precisions:
            system = built(name, device, precision, compiled=compiled)
            calls = {"clips": (partial(system.embed_audio, clips), len(clips))}
            if name == size.systems[0]:
                # The text encoder of all is the same.
                calls["captions"] = (partial(system.embed_text, captions), len(captions))
            for what, (embed, count) in calls.items():
                key = (name, what)
                vectors = embed()
                flops[key] = flops.get(key) or sum(count_flops(embed).values())
                seconds = measure({what: embed}, device, size.effort)[what].percentile(50)
                yield {
                    "system": system.info.name,
                    "precision": precision,
                    "what": what,
                    "a second": count / seconds,
                    "share of the matrix peak": flops[key] / seconds / peaks[precision],
                    "least cosine to fp32": least_cosine(exact.setdefault(key, vectors), vectors),
                    "peak GiB": gibibytes(embed, device),
                }


def least_cosine(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """The smallest cosine between rows that belong together, in float64: of equal ones float32 gives 1 by chance."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    return float(((left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)).min())


def gibibytes(call: Callable[[], object], device: str) -> float | None:
    """The most memory that a call takes: of the GPU, or in addition to what the process had before."""
    found = peak_memory(call, device)
    size = found.allocated if found.allocated is not None else found.added
    return None if size is None else size / 2**30


def steps(size: Size, device: str) -> Iterator[Row]:
    """A step of each stage as lbar trains in bf16, and plainly: in fp32, each caption filled up to 32 tokens."""
    model = deepcopy(drawn(size.systems[0])[1]).to(device).train()
    optimizer = torch.optim.Adam(parameter for parameter in model.parameters() if parameter.requires_grad)
    clips = [clip / np.float32(32768) for clip in drawn_clips(size.batch, (size.step_seconds, size.step_seconds))]
    random = np.random.default_rng(0)
    own, estimates = torch.eye(len(clips), dtype=torch.bool, device=device), torch.rand(2 * [len(clips)], device=device)
    captions = {
        precision: [[0, *random.integers(4, 600, tokens - 2).tolist(), 2] for _ in clips]
        for precision, tokens in (("bf16", 20), ("fp32", TOKENS))
    }

    def step(stage: int, precision: str) -> None:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            audio = model.embed_clips(clips, generator=torch.Generator().manual_seed(0))
            text = model.embed_captions(captions[precision])
        similarities = normalize(audio.float(), dim=-1) @ normalize(text.float(), dim=-1).T
        loss = (
            supervised_loss(similarities, own, 0.05) if stage == 1 else distillation_loss(similarities, estimates, 0.05)
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        # Nothing of a step comes back to main memory, for which a clock would wait.
        synchronise(device)

    # What takes more memory comes last.
    for precision in ("bf16", "fp32"):
        for stage in (1, 2):
            call = partial(step, stage, precision)
            call()
            yield {
                "stage": stage,
                "precision": precision if precision == "bf16" else f"{precision}, plainly",
                "batch": f"{len(clips)} x {size.step_seconds:g} s",
                "seconds": measure({"step": call}, device, size.effort)["step"].percentile(50),
                "peak GiB": gibibytes(call, device),
            }


def queries(size: Size, device: str, *, compiled: bool = False) -> Iterator[Row]:
    """From the words to the ten best clips, the caption embedded on the device, the search exact on the CPU."""
    system = built(size.systems[0], device, "bf16", compiled=compiled)
    captions = drawn_captions(64)
    random = np.random.default_rng(0)
    for caption in captions:
        # Each of its lengths may have to be prepared once.
        system.embed_text([caption])
    for count in size.collections:
        items = random.random((count, system.card.shared), np.float32)
        items -= np.float32(0.5)
        index, asked = ExactIndex(items), iter(range(10**9))

        def ask(index: ExactIndex = index, asked: Iterator[int] = asked) -> None:
            index.search(system.embed_text([captions[next(asked) % len(captions)]]), 10)

        found = measure({"query": ask}, device, size.effort)["query"]
        yield {
            "system": system.info.name,
            "clips": count,
            "p50 ms": 1000 * found.percentile(50),
            "p95 ms": 1000 * found.percentile(95),
        }


def evaluation(size: Size, device: str) -> Iterator[Row]:
    """`lbar eval` on generated files as Clotho's, five captions each: from the files, and when they are decoded."""
    system = built(size.systems[0], device, "bf16")
    with TemporaryDirectory() as folder, patched_environment(LBAR_CACHE=str(Path(folder) / "cache")):
        (root := Path(folder) / "data").mkdir()
        data = generated(root, size.evaluated, size.seconds)
        for what, batch in (("from files", None), ("decoded before", None), ("decoded before", LARGE_BATCH)):
            options = Options(root, Path(folder) / "runs", device, "bf16", batch_size=batch, again=True)
            if what != "from files" and batch is None:
                # Vectors that are kept would be taken.
                shutil.rmtree(cache_root() / "embeddings", ignore_errors=True)
            begun = time.perf_counter()
            evaluate(system, "folder", options, progress=silent)
            seconds = time.perf_counter() - begun
            yield {
                "system": system.info.name,
                "clips": f"{len(data.files):,}, {what}",
                "captions": len(data.captions),
                "batch": batch,
                "seconds": seconds,
                "clips a second": len(data.files) / seconds,
            }


@contextmanager
def patched_environment(**variables: str) -> Iterator[None]:
    """Have environment variables for a while: what is generated here is not kept in the person's cache."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def as_markdown(report: Row) -> str:
    """A table per part, and what is missing."""
    environment = report["environment"]
    accelerator = environment.get("accelerator")
    name = accelerator["name"] if accelerator else environment["cpu"]
    lines = [f"Measured on {name}, torch {torch.__version__}, by `python tools/gpu_report.py`.", ""]
    for title, rows in report["parts"].items():
        if not rows:
            continue
        lines += [f"**{title}**", "", *table(rows)]
        lines.append("")
    for title, reason in report["missing"].items():
        lines.append(f"Not measured: {'the rest of ' if report['parts'].get(title) else ''}{title} ({reason}).")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
