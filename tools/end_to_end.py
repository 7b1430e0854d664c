"""Evaluate a system on generated audio files, split by stage, beside the usual way timed on a few of them.

    python tools/end_to_end.py tests/benchmarks/cards/full-passt.yaml --clips 1045 --sample 8

The clips are noise of 15 to 30 s at 44.1 kHz, as long as Clotho's, each with five captions of 8 to 16 words. Nothing is
taken from the cache. The usual way is that of published evaluations: one clip at a time, decoded and resampled each
time, filled up to 30 s, in float32; captions in batches, each filled up to 32 tokens. Seconds are those of a clock or,
with `--processor`, of the processor, which do not depend on what else the machine does.
"""

import argparse
import csv
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
import torch

from harness.evaluation import Options
from harness.evaluation.evaluating import evaluate_prepared
from harness.evaluation.preparing import prepare
from harness.interface import build_system
from harness.machine import StageMeter, metered
from harness.protocols import get_protocol
from harness.throughput.instruments.ceilings import measure_ceilings
from harness.throughput.instruments.operations import count_flops
from systems.audio import SAMPLE_RATE
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.system import DualEncoderSystem
from systems.text.captions import pad

ENCODE = ("transfer", "mel", "encode", "project")
"""The stages that a system computes in."""

_RATE, _LONGEST, _TOKENS, _BATCH, _CAPTIONS = 44_100, 30, 32, 32, 5
WORDS = ["a", "dog", "barks", "in", "the", "rain", "while", "music", "plays", "far", "away", "with", "train"]
"""Each is one token, as in RoBERTa's own vocabulary, so that captions are as long as Clotho's: some 15 tokens."""

Clock = Callable[[], float]


class Data(NamedTuple):
    """A folder data set: its folder, the files and their captions."""

    root: Path
    files: list[Path]
    captions: list[str]

    def part(self, start: int, stop: int) -> "Data":
        """Some of the clips, with their captions."""
        return Data(self.root, self.files[start:stop], self.captions[start * _CAPTIONS : stop * _CAPTIONS])


def generated(root: Path, clips: int, seconds: tuple[float, float] = (15, _LONGEST)) -> Data:
    """Write the clips, each another stretch of the same noise, and their captions."""
    random = np.random.default_rng(0)
    noise = random.integers(-9_000, 9_000, 2 * _LONGEST * _RATE).astype(np.int16)
    files, captions = [], []
    with (root / "captions.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["file_name", *(f"caption_{number}" for number in range(1, _CAPTIONS + 1))])
        for number in range(clips):
            files.append(root / f"clip {number}.wav")
            start, length = random.integers(_LONGEST * _RATE), round(random.uniform(*seconds) * _RATE)
            soundfile.write(files[-1], noise[start : start + length], _RATE, subtype="PCM_16")
            said = [" ".join(random.choice(WORDS, random.integers(8, 17))) for _ in range(_CAPTIONS)]
            writer.writerow([files[-1].name, *said])
            captions += said
    return Data(root, files, captions)


def evaluated(system: DualEncoderSystem, data: Data, precision: str, clock: Clock) -> dict[str, float]:
    """Seconds of each stage of an evaluation from the files, and of the rest."""
    options = Options(data_root=data.root, out=data.root / "runs", device="cpu", precision=precision, again=True)
    meter, begun = StageMeter(clock), clock()
    prepared = prepare(get_protocol("folder"), data.root, system.info.sample_rate)
    decoded = clock() - begun
    with metered(meter):
        evaluate_prepared(system, prepared, options)
    spent = {"decode and resample, once": decoded} | meter.spent
    return spent | {"the rest": clock() - begun - sum(spent.values())}


@torch.inference_mode()
def plainly(model: DualEncoder, system: DualEncoderSystem, data: Data, clock: Clock) -> tuple[float, float]:
    """Seconds of the usual way for all clips, and for all captions."""
    seconds = model.windows.seconds or 10
    filled = round(math.ceil(_LONGEST / seconds) * seconds * SAMPLE_RATE)
    begun = clock()
    for file in data.files:
        samples, rate = soundfile.read(file, dtype="float32")
        sound = torch.from_numpy(soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ"))
        windows = torch.nn.functional.pad(sound, (0, filled - len(sound))).view(-1, round(seconds * SAMPLE_RATE))
        steps = model.audio(model.front_end(windows))
        model.audio_projection(steps.reshape(-1, steps.shape[-1]).mean(0))
    heard = clock() - begun
    begun, ids = clock(), system._tokenizer(data.captions)
    for start in range(0, len(ids), _BATCH):
        # One of full length makes all of them so.
        tokens, mask = pad([*ids[start : start + _BATCH], [0] * _TOKENS])
        model.text_projection(model.text(input_ids=tokens[:-1], attention_mask=mask[:-1]).last_hidden_state[:, 0])
    return heard, clock() - begun


def report(card: str, clips: int, sample: int, precision: str, clock: Clock) -> list[str]:
    """What was measured, as lines of Markdown."""
    system = build_system(card, device="cpu", precision=precision).system
    assert isinstance(system, DualEncoderSystem)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LBAR_CACHE"] = str(Path(folder) / "cache")
        (root := Path(folder) / "data").mkdir()
        data = generated(root, clips)
        few = data.part(0, sample)
        model = DualEncoder.seeded(system.card, 0).eval().requires_grad_(False)
        # Half of them before and half after, for a machine may be slower for a while.
        before = plainly(model, system, data.part(0, (sample + 1) // 2), clock)
        spent = evaluated(system, data, precision, clock)
        after = plainly(model, system, data.part((sample + 1) // 2, sample), clock)
        clip, caption = ((one + other) / sample for one, other in zip(before, after, strict=True))
        sounds = [np.zeros(round(soundfile.info(file).duration * SAMPLE_RATE), np.float32) for file in few.files]
        flops = sum(count_flops(lambda: (system.embed_audio(sounds), system.embed_text(few.captions))).values())
    total, encoding = sum(spent.values()), sum(spent.get(stage, 0.0) for stage in ENCODE)
    plain = (clip + caption) * clips
    lines = [f"{system.info.name}, {precision}: {clips:,} clips, {len(data.captions):,} captions", ""]
    lines += ["| stage | seconds | share |", "| --- | --- | --- |"]
    lines += [f"| {stage} | {seconds:.3g} | {seconds / total:.1%} |" for stage, seconds in spent.items()]
    lines += [
        f"| all | {total:.3g} | of which the encoders {encoding / total:.1%} |",
        "",
        f"The usual way would take {plain:.3g} s, {plain / total:.2f} times as long: {clip:.3g} s a clip and "
        f"{caption:.3g} s for its captions, measured on {len(few.files)} clips.",
    ]
    if clock is time.perf_counter:
        share = flops * clips / sample / encoding / measure_ceilings("cpu", precision).matrix_flops_per_second
        lines.append(f"The encoders reach {share:.0%} of what the fastest matrix product does.")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(
        prog="end_to_end", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("card", help="a dual encoder: a registered name or a card")
    parser.add_argument("--clips", type=int, default=32, help="clips that are evaluated")
    parser.add_argument("--sample", type=int, default=4, help="clips that the usual way is timed on")
    parser.add_argument("--precision", default="bf16", help="fp32 or bf16")
    parser.add_argument("--processor", action="store_true", help="processor seconds instead of a clock's")
    options = parser.parse_args(arguments)
    clock = time.process_time if options.processor else time.perf_counter
    sample = min(options.sample, options.clips)
    lines = report(options.card, options.clips, sample, options.precision, clock)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
