"""Measure what the page *On a GPU* of the documentation shows, in at most nine minutes.

    python tools/gpu_report.py --out docs/results/gpu       on a GPU, the published sizes: report.json and report.md
    python tools/gpu_report.py --small --out DIR            on whatever is here, the small systems, in a minute

Encoders of the published sizes have drawn weights, which take as long as trained ones. What is measured is written as
soon as it is; what fails, and what there is no time for, is named with the reason.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from harness import evaluate
from harness.errors import UserError, one_line
from harness.evaluation import Options
from harness.interface import build_system
from harness.machine import describe_environment, silent, write_text
from harness.measures import ExactIndex
from harness.runs import Effort
from harness.throughput.instruments.ceilings import measure_ceilings
from harness.throughput.instruments.memory import peak_memory
from harness.throughput.instruments.operations import count_flops
from harness.throughput.instruments.timing import measure
from systems.audio import SAMPLE_RATE
from systems.dual_encoder import DualEncoder
from systems.dual_encoder.system import DualEncoderSystem
from systems.training.fitting.losses import distillation_loss, supervised_loss

CARDS = Path(__file__).resolve().parents[1] / "tests" / "benchmarks" / "cards"
WORDS = ["a", "dog", "barks", "in", "the", "rain", "while", "people", "talk", "far", "away", "thunder", "rolls"]
NO_TIME = "no time was left"
SETTINGS = (("fp32", False), ("bf16", False), ("bf16", True))

Row = dict[str, Any]


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
    parser.add_argument("--small", action="store_true", help="the small systems, briefly")
    parser.add_argument("--minutes", type=float, default=8.5, help="no part begins after this time (8.5)")
    options = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not options.small:
        sys.stderr.write("gpu_report: no GPU is here; --small measures the small systems on the CPU\n")
        return 2
    size = SMALL if options.small else FULL
    report: Row = {
        "device": device,
        "environment": describe_environment(device).model_dump(mode="json"),
        "parts": {},
        "missing": {},
    }
    until = time.monotonic() + 60 * options.minutes
    for name, part in parts(size, device).items():
        try:
            if time.monotonic() > until:
                raise UserError(NO_TIME)
            report["parts"][name] = list(part())
        except UserError as error:
            report["missing"][name] = str(error)
        except RuntimeError as error:
            report["missing"][name] = one_line(error)
        if device == "cuda":
            torch.cuda.empty_cache()
        write_text(options.out / "report.json", json.dumps(report, indent=1, default=str) + "\n")
        write_text(options.out / "report.md", as_markdown(report))
    failed = [name for name, reason in report["missing"].items() if reason != NO_TIME]
    for name in failed:
        sys.stderr.write(f"gpu_report: {name}: {report['missing'][name]}\n")
    return 1 if failed else 0


def parts(size: Size, device: str) -> dict[str, Callable[[], Iterator[Row]]]:
    """What is measured, by its title, the most wanted first."""
    return {
        "Encoders": lambda: encoders(size, device),
        "A training step": lambda: steps(size, device),
        "A query": lambda: queries(size, device),
        "An evaluation from files": lambda: evaluation(size, device),
    }


def drawn_clips(count: int, seconds: tuple[float, float]) -> list[NDArray[np.int16]]:
    """Noise of lengths that are spread evenly."""
    random = np.random.default_rng(0)
    lengths = np.linspace(*seconds, count) * SAMPLE_RATE
    return [random.integers(-9_000, 9_000, int(length)).astype(np.int16) for length in random.permutation(lengths)]


def drawn_captions(count: int) -> list[str]:
    """Of 8 to 16 words."""
    random = np.random.default_rng(0)
    return [" ".join(random.choice(WORDS, random.integers(8, 17))) for _ in range(count)]


def built(card: str, device: str, precision: str, *, compiled: bool) -> DualEncoderSystem:
    """A dual encoder, ready to embed."""
    system = build_system(card, device=device, precision=precision, compiled=compiled).system
    assert isinstance(system, DualEncoderSystem)
    return system


def encoders(size: Size, device: str) -> Iterator[Row]:
    """Clips and captions a second, beside what the device's matrix units can do and what fp32 gives."""
    clips, captions = drawn_clips(size.clips, size.seconds), drawn_captions(5 * size.clips)
    settings = SETTINGS if size.compiled else SETTINGS[:2]
    peaks = {precision: measure_ceilings(device, precision).matrix_flops_per_second for precision, _ in settings[:2]}
    for card in size.systems:
        exact: dict[str, NDArray[np.float32]] = {}
        for precision, compiled in settings:
            system = built(card, device, precision, compiled=compiled)
            for what, embed, count in (
                ("clips", lambda system=system: system.embed_audio(clips), len(clips)),
                ("captions", lambda system=system: system.embed_text(captions), len(captions)),
            ):
                vectors = embed()
                seconds = measure({what: embed}, device, size.effort)[what].percentile(50)
                flops = sum(count_flops(embed).values())
                yield {
                    "system": system.info.name,
                    "precision": f"{precision}, compiled" if compiled else precision,
                    "what": what,
                    "a second": count / seconds,
                    "share of the matrix peak": flops / seconds / peaks[precision],
                    "least cosine to fp32": least_cosine(exact.setdefault(what, vectors), vectors),
                    "peak GiB": gibibytes(embed, device),
                }


def least_cosine(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """The smallest cosine between rows that belong together."""
    return float(((left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)).min())


def gibibytes(call: Callable[[], object], device: str) -> float | None:
    """The most memory that a call takes: of the GPU, or in addition to what the process had before."""
    found = peak_memory(call, device)
    size = found.allocated if found.allocated is not None else found.added
    return None if size is None else size / 2**30


def steps(size: Size, device: str) -> Iterator[Row]:
    """A step of each stage, in fp32 and as lbar trains in bf16."""
    model = DualEncoder.seeded(built(size.systems[0], "cpu", "fp32", compiled=False).card, 0).to(device).train()
    optimizer = torch.optim.Adam(parameter for parameter in model.parameters() if parameter.requires_grad)
    clips = [clip / np.float32(32768) for clip in drawn_clips(size.batch, (size.step_seconds, size.step_seconds))]
    random = np.random.default_rng(0)
    captions = [[0, *random.integers(4, 600, 18).tolist(), 2] for _ in clips]
    own, estimates = torch.eye(len(clips), dtype=torch.bool, device=device), torch.rand(2 * [len(clips)], device=device)

    def step(stage: int, precision: str) -> None:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            audio, text = (
                model.embed_clips(clips, generator=torch.Generator().manual_seed(0)),
                model.embed_captions(captions),
            )
        similarities = normalize(audio.float(), dim=-1) @ normalize(text.float(), dim=-1).T
        loss = (
            supervised_loss(similarities, own, 0.05) if stage == 1 else distillation_loss(similarities, estimates, 0.05)
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    for stage in (1, 2):
        for precision in ("fp32", "bf16"):
            call = lambda stage=stage, precision=precision: step(stage, precision)  # noqa: E731
            call()
            yield {
                "stage": stage,
                "precision": precision,
                "batch": f"{len(clips)} x {size.step_seconds:g} s",
                "seconds": measure({"step": call}, device, size.effort)["step"].percentile(50),
                "peak GiB": gibibytes(call, device),
            }


def queries(size: Size, device: str) -> Iterator[Row]:
    """From the words to the ten best clips, the caption embedded on the device, the search exact on the CPU."""
    system = built(size.systems[0], device, "bf16", compiled=False)
    captions = drawn_captions(64)
    random = np.random.default_rng(0)
    for count in size.collections:
        index = ExactIndex(random.standard_normal((count, system.card.shared), np.float32))
        asked = iter(range(10**9))

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
    """`lbar eval` on generated files of the lengths of Clotho's clips, five captions each."""
    for card in size.systems[:1]:
        with TemporaryDirectory() as folder:
            root, clips = Path(folder), drawn_clips(size.evaluated, size.seconds)
            captions = drawn_captions(5 * len(clips))
            rows = ["file_name,caption"]
            for number, clip in enumerate(clips):
                soundfile.write(root / f"{number}.wav", clip, SAMPLE_RATE)
                rows += [f"{number}.wav,{caption} {number} {k}" for k, caption in enumerate(captions[5 * number :][:5])]
            write_text(root / "captions.csv", "\n".join(rows) + "\n")
            system = built(card, device, "bf16", compiled=False)
            begun = time.perf_counter()
            with patched_environment(LBAR_CACHE=str(root / "cache")):
                evaluate(system, "folder", Options(root, root / "runs", device, "bf16"), progress=silent)
            seconds = time.perf_counter() - begun
        yield {
            "system": system.info.name,
            "clips": len(clips),
            "captions": len(captions),
            "seconds": seconds,
            "clips a second": len(clips) / seconds,
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
        columns = list(rows[0])
        lines += [f"**{title}**", "", f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
        lines += [f"| {' | '.join(as_text(row[column]) for column in columns)} |" for row in rows]
        lines.append("")
    lines += [f"Not measured: {title} ({reason})." for title, reason in report["missing"].items()]
    return "\n".join(lines).rstrip() + "\n"


def as_text(value: object) -> str:
    """A number with four significant digits, a whole number with its thousands apart.

    >>> as_text(0.123456), as_text(12345), as_text(None)
    ('0.1235', '12,345', '-')
    """
    if isinstance(value, float):
        digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
        return f"{value:,.{digits}f}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
