"""Whatever a file holds that somebody else wrote: an answer or one error in one line, soon and in little memory.

Spoilt copies of small sound files, of every kind that is read from others. Each input runs in this process, with a
limit of CPU time and of memory; one that breaks a reader is kept, and named. `tox -e fuzz` does so for
`LBAR_FUZZ_SECONDS` together, which the kinds share; the suite itself takes a few seconds, with the same inputs every
time. The count of the inputs is printed at the end.
"""

import io
import json
import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from harness.errors import UserError
from harness.interface import names
from harness.interface.names import registered

SECONDS = float(os.environ.get("LBAR_FUZZ_SECONDS", "0"))
FEW = 25
"""Inputs of each kind where no time is given."""
LONGEST_CPU_S = 20.0
MOST_ADDED_BYTES = 500 * 2**20
PREVIOUS = Path(__file__).parents[1] / "data" / "previous_version"


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        samples: sound files, as name and bytes.
        look: reads a file in all ways in which it is read; what is wrong is raised as a `UserError`.
    """

    samples: tuple[tuple[str, bytes], ...]
    look: Callable[[Path], object]


def files(*patterns: str, under: Path = PREVIOUS, name: str = "") -> tuple[tuple[str, bytes], ...]:
    found = [path for pattern in patterns for path in sorted(under.glob(pattern))]
    assert found, patterns
    return tuple((name or path.name, path.read_bytes()) for path in found)


def every(path: Path, *readers: Callable[[Path], object]) -> None:
    """Read a file in several ways; each may refuse it."""
    errors = []
    for read in readers:
        try:
            read(path)
        except UserError as error:
            errors.append(error)
    for error in errors:
        raise error


def cards() -> Kind:
    from harness.cli.systems import as_document, as_row
    from harness.interface import ancestors_of, parse_card, read_card, training_of
    from harness.interface.systems import look_at
    from systems.dual_encoder import DualEncoderCard
    from systems.fusion import FusionCard
    from systems.linear import LinearCard
    from systems.tags import TagsCard

    def look(path: Path) -> None:
        listing = look_at(str(path))
        json.dumps([as_document(listing), as_row(listing)])
        fields, folder = read_card(str(path))
        kinds = (DualEncoderCard, FusionCard, LinearCard, TagsCard)
        every(
            path,
            *(lambda _, kind=kind: parse_card(kind, fields).model_dump_json() for kind in kinds),
            lambda _: ancestors_of(training_of(fields), folder),
        )

    root = Path(__file__).parents[2] / "systems" / "cards"
    shipped = (
        "linear",
        "tags",
        "clap",
        "fusion-m3-clotho",
        "passt-distilled-all",
        "dcase2025-baseline",
        "tiny-atst-m3",
    )
    plain = files(*(f"{name}.yaml" for name in shipped), under=root) + files("cards/*_by_*/*.yaml")
    whole = [("card.yaml", json.dumps(read_card(name)[0]).encode()) for name in shipped]
    return Kind((*plain, *whole), look)


def other_yaml() -> Kind:
    import yaml

    from harness.submission.editions.profiles import editions, get_profile
    from systems.training.grid import read_grid

    def look(path: Path) -> None:
        if path.name == "mine.yaml":
            every(path, lambda _: get_profile(str(path)).named("{label}", "x"), read_grid)
        else:
            check(path)

    check = validated("dcase2024")

    whole = [json.dumps(yaml.safe_load(path.read_text())).encode() for path in editions().values()]
    profiles = [path.read_bytes() for path in editions().values()]
    grid = b"supervised: [0, 0.5]\nschedule.highest: [1e-4, 2e-4]\n"
    named = tuple(("mine.yaml", content) for content in (*profiles, *whole, grid))
    return Kind((*named, *files("submission/meta.yaml", name="Muster_ABC_task8_1.meta.yaml")), look)


@cache
def task() -> Any:
    """The task that the sample outputs answer."""
    from harness.datasets.readers.captions_csv import read_split
    from harness.protocols import get_protocol, pose

    return pose(
        get_protocol("folder"), read_split(PREVIOUS / "data" / "tones" / "captions.csv", Path(), "folder", "all")
    )


def validated(*profiles: str) -> Callable[[Path], object]:
    from harness.submission.editions.profiles import get_profile
    from harness.submission.output.expected import of_task
    from harness.submission.validation import validate

    editions, answered = [get_profile(profile) for profile in profiles], of_task(task())

    def look(path: Path) -> None:
        for edition in editions:
            for expected in (None, answered):
                result = validate(path, edition, expected)
                assert "\n".join(result.to_text())
                assert json.dumps(result.to_json())

    return look


def csvs() -> Kind:
    from harness.datasets import load, read_annotations
    from harness.datasets.leaks.exclusions import read_exclusions
    from harness.datasets.leaks.identifiers import _sound_ids
    from harness.datasets.readers.captions_csv import captions_by_clip, read_csv, read_split
    from harness.evaluation.hidden_set import read_queries
    from harness.predictions import detect, score_file

    check = validated("dcase2022", "dcase2025")

    def look(path: Path) -> None:
        every(
            path,
            lambda _: captions_by_clip(read_csv(path)),
            lambda _: load("folder", "all", path.parent),
            read_queries,
            read_exclusions,
            _sound_ids,
            detect,
            lambda _: read_annotations(path, small),
            lambda _: score_file(path, task()).to_text(),
            check,
        )

    small = read_split(PREVIOUS / "data" / "tones" / "captions.csv", Path(), "folder", "all")
    matrix = b"index,a.wav,b.wav\na caption,0.1,0.25\nanother,-1e-3,2\n"
    relevance = b'query,audio_filenames\na tone,"a.wav,b.wav"\n'
    ids = b"file_name,keywords,sound_id,sound_link\na.wav,x;y,123,https://x\nb.wav,z,Not found,\n"
    made = tuple(("a.csv", content) for content in (matrix, relevance, ids, b"id\n123\nYabcdefghijk\n"))
    given = files("data/**/*.csv", "runs/*-folder/*.output.csv", "runs/*-hidden/*.output.csv", name="a.csv")
    return Kind((*made, *given), look)


def documents() -> Kind:
    """JSON that is no record: lists of items, results of gates, settings and records of trained models."""
    from harness.datasets.known.wavcaps import _items
    from harness.datasets.leaks.exclusions import read_exclusions
    from leaderboard.gates.quality_baseline import QUALITY_BASELINE, read_baseline
    from leaderboard.gates.speed_gate import SPEED_BASELINE, read_speeds
    from leaderboard.report.curves import read_curves
    from systems.checkpoints.model_folder import read_model_config

    def look(path: Path) -> None:
        config = path.with_name("config.json")
        config.write_bytes(path.read_bytes())
        every(
            path,
            lambda _: list(_items(path, "x")),
            read_exclusions,
            read_baseline,
            read_speeds,
            lambda _: read_curves({}, path),
            lambda _: read_model_config(path.parent, "clap"),
        )

    made = (
        b'{"data": [{"id": "Yabc.wav", "caption": "a sound"}, {"id": 3, "caption": "b"}]}',
        b'{"FreeSound": ["1", "2"], "AudioSet": ["Yabcdefghijk.wav"]}',
        b'{"model_type": "clap", "audio_config": {"a": 1}}',
        json.dumps(json.loads(QUALITY_BASELINE.read_bytes()))[:50_000].encode(),
        QUALITY_BASELINE.read_bytes(),
        SPEED_BASELINE.read_bytes(),
    )
    return Kind((*(("a.json", content) for content in made), *files("cards/*/training.json", name="a.json")), look)


def zips() -> Kind:
    from harness.submission import score_package
    from harness.submission.editions.profiles import get_profile
    from harness.submission.mending import mend
    from harness.submission.output.expected import of_task

    check = validated("dcase2024")
    edition, answered = get_profile("dcase2024"), of_task(task())

    def look(path: Path) -> None:
        check(path)
        score_package(path, task()).to_text()
        mended = mend(path, edition, answered, None)
        if mended.path is not None:
            mended.path.unlink()

    return Kind(files("submission/*/*.zip"), look)


def records() -> Kind:
    from harness.machine import visible_json
    from harness.runs import EvaluationRecord, PredictionRecord, SpeedRecord
    from leaderboard.board import standings, to_csv, to_json, to_latex, to_markdown
    from leaderboard.report.board_data import board_document, standing_document, system_document
    from leaderboard.runs import board_from

    runs = PREVIOUS / "runs"
    partner = next(runs.glob("*-random-everyday"))

    def look(path: Path) -> None:
        out = path.parent / "runs"
        folder = out / "run"
        if not folder.exists():
            folder.mkdir(parents=True)
            (out / "partner").symlink_to(partner)
            (table,) = runs.glob("*-linear-everyday/per_query.parquet")
            (folder / table.name).write_bytes(table.read_bytes())
        (folder / "record.json").write_bytes(path.read_bytes())
        board = board_from(out)
        found = standings(board, groups=False, reported=True)
        for write in (to_csv, to_markdown, to_latex):
            write(found)
        json.dumps(to_json(found, board.set_aside))
        visible_json(json.dumps(board_document(found, board.set_aside), ensure_ascii=False))
        for standing in found:
            standing_document(standing)
            for entry in standing.entries:
                if entry.run:
                    system_document(entry)
        text = path.read_text("utf-8", "replace")
        every(folder, EvaluationRecord.read, SpeedRecord.read, lambda _: PredictionRecord.from_json(text))

    return Kind(files("runs/*/record.json", "runs/*/prediction.json", name="record.json"), look)


def answers() -> Kind:
    from harness.evaluation.hidden_set import read_scores
    from harness.runs import PredictionRecord, read_record
    from leaderboard.report.answers_data import Items, best_items
    from leaderboard.runs import Row, read_answers

    hidden = next((PREVIOUS / "runs").glob("*-hidden"))
    prediction = PredictionRecord.read(hidden)
    run = next((PREVIOUS / "runs").glob("*-small_linear-folder"))
    record = read_record(run)

    def look(path: Path) -> None:
        for name in ("per_query.parquet", "ranking.parquet", "scores.npy"):
            (path.parent / name).write_bytes(path.read_bytes())
        row = Row(path.parent, record)
        every(
            path.parent,
            lambda _: read_answers([row, Row(run, record)]),
            lambda _: best_items(row, record.dataset.queries, Items()),
            lambda folder: read_scores(folder, prediction),
        )

    return Kind(files("runs/*-small_linear-folder/*.parquet", "runs/*-hidden/scores.npy", name="a.bin"), look)


def checkpoints() -> Kind:
    import torch

    from systems.checkpoints import load_into, read_checkpoint, system_state
    from systems.linear import LinearWeights

    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))

    def look(path: Path) -> None:
        def loaded(_: Path) -> None:
            checkpoint = read_checkpoint(path)
            system_state(checkpoint, (("a.", "b."),))
            load_into(module, checkpoint.state, path)

        every(path, loaded, LinearWeights.read)

    def saved(content: object, **how: bool) -> bytes:
        file = io.BytesIO()
        torch.save(content, file, **how)
        return file.getvalue()

    state = module.state_dict()
    lightning = {"state_dict": state, "hyper_parameters": {"a": 1, "b": [1.5, "x"]}, "epoch": 3}
    made = [saved(one, _use_new_zipfile_serialization=new) for one in (state, lightning) for new in (True, False)]
    return Kind(
        (
            *(("a.ckpt", content) for content in made),
            *files("cards/small_linear/*.safetensors", "cards/small_dual/*.safetensors", name="a.safetensors"),
        ),
        look,
    )


def model_folders() -> Kind:
    """The tokenizers that a model's folder holds."""
    from systems.text import CaptionTokenizer

    folder = PREVIOUS / "cards" / "tokenizer"

    def look(path: Path) -> None:
        for name in ("vocab.json", "merges.txt"):
            (path.parent / name).write_bytes((folder / name).read_bytes())
        (path.parent / path.name).write_bytes(path.read_bytes())
        CaptionTokenizer.read(path.parent, len(json.loads((folder / "vocab.json").read_text())))([("a b c")])

    return Kind(files("cards/tokenizer/*"), look)


def sounds() -> Kind:
    import soundfile

    from harness.audio.decoding import decode

    wave = (0.5 * np.sin(np.arange(800) / 8)).astype(np.float32)
    made = []
    for suffix, subtype in (
        *(("wav", one) for one in ("PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "MS_ADPCM")),
        *(("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III"), ("aiff", "PCM_16"), ("w64", "PCM_16")),
        *(("caf", "PCM_16"), ("au", "PCM_16"), ("rf64", "PCM_16")),
    ):
        for channels in (1, 2):
            file = io.BytesIO()
            soundfile.write(file, np.stack([wave] * channels, 1), 16_000, subtype, format=suffix.upper())
            made.append((f"a.{suffix}", file.getvalue()))
    return Kind(tuple(made), lambda path: decode(path, 32_000))


KINDS: dict[str, Callable[[], Kind]] = {
    "cards": cards,
    "other YAML": other_yaml,
    "CSV": csvs,
    "other JSON": documents,
    "zips": zips,
    "records": records,
    "answers": answers,
    "checkpoints": checkpoints,
    "tokenizers": model_folders,
    "audio": sounds,
}


class TooLong(BaseException):
    """An input took more time than any should; no reader's `except Exception` catches this."""


def give_up(*_: object) -> None:
    raise TooLong


@pytest.fixture
def limits() -> Iterator[None]:
    """Give up on an input that takes too long, and let too large an allocation fail instead of the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 30), before[1]))
    handler = signal.signal(signal.SIGPROF, give_up)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, handler)
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder as the working directory, in memory where the system has such a place: files come and go fast."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def look_at(kind: Kind, path: Path) -> None:
    """Read a file within the limits.

    Raises:
        AssertionError: what is wrong with it is not said in one line.
    """
    signal.setitimer(signal.ITIMER_PROF, LONGEST_CPU_S)
    said, problems = "nothing", 0
    try:
        kind.look(path)
    except UserError as error:
        said, problems = str(error), len(error.problems)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    assert "\n" not in said, repr(said[:2_000])
    assert 0 < len(said) < 2_000, said[:2_000]
    # Of a list, one for each line at most: whoever mends a file needs them all.
    assert problems <= max(1_001, path.read_bytes().count(b"\n"))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.usefixtures("limits")
def test_spoilt_copies_of_sound_files(
    name: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutate: Any, counts: dict[str, int]
) -> None:
    monkeypatch.setenv("LBAR_WEIGHTS", str(place / "weights"))
    # Looking for them takes longer than reading a card.
    found = registered()
    monkeypatch.setattr(names, "registered", lambda: found)
    kind = KINDS[name]()
    for index, (file, content) in enumerate(kind.samples):
        path = place / f"sound{index}" / file
        path.parent.mkdir()
        path.write_bytes(content)
        look_at(kind, path)
    before = peak_bytes()
    seed = time.time_ns() if SECONDS else 0
    ends = time.monotonic() + SECONDS / len(KINDS)
    counts[name] = 0
    while time.monotonic() < ends if SECONDS else counts[name] < FEW:
        random = Random(seed + counts[name])
        file, sample = random.choice(kind.samples)
        content = mutate(random, sample)
        path = place / "spoilt" / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        counts[name] += 1
        try:
            look_at(kind, path)
            assert peak_bytes() - before < MOST_ADDED_BYTES, "too much memory"
        except (Exception, TooLong) as error:
            kept = Path(os.environ.get("LBAR_FUZZ_KEEP") or tmp_path) / f"{seed + counts[name]}-{file}"
            kept.write_bytes(content)
            raise AssertionError(f"{name}: {type(error).__name__} at the bytes that are kept in {kept}") from error
