"""Whole evaluations against a second computation from the raw files: own reading, decoding, sorting and averaging.

Nothing here takes a number from the harness but the ones under test.
"""

import ast
import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
import torch

from harness import datasets
from harness.evaluation.evaluating import Options, Run, evaluate
from harness.interface.systems import load_system
from harness.predictions.scoring import score_file
from harness.protocols.description import get_protocol
from harness.protocols.task import pose
from leaderboard.runs.collecting import collect

ROUNDING = 2e-6
"""Scores this close may change places between float32 and float64."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Short transforms on many threads mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass
class Question:
    """Clips and their files; captions, each with the clip it was written for and all that answer it."""

    clips: list[tuple[str, Path]]
    captions: list[tuple[str, int, list[int]]]


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def clotho_like(folder: Path, annotations: str | None = None) -> Question:
    rows = rows_of(folder / "clotho_captions_evaluation.csv")
    place = {row[0]: index for index, row in enumerate(rows)}
    own = {text: index for index, row in enumerate(rows) for text in row[1:]}
    captions = [(text, index, [index]) for index, row in enumerate(rows) for text in row[1:]]
    if annotations:
        listed = [(text, ast.literal_eval(names)) for text, names in rows_of(folder / annotations)]
        captions = [(text, own[text], [place[name] for name in names]) for text, names in listed]
    return Question([(name, folder / "evaluation" / name) for name in place], captions)


def without(question: Question, dropped: set[int]) -> Question:
    kept = [index for index in range(len(question.clips)) if index not in dropped]
    new = {old: index for index, old in enumerate(kept)}
    captions = [(text, own, [new[clip] for clip in clips if clip in new]) for text, own, clips in question.captions]
    return Question([question.clips[index] for index in kept], [caption for caption in captions if caption[2]])


def decoded(path: Path, rate: int) -> np.ndarray:
    samples, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    heard = mono if own_rate == rate else soxr.resample(mono, own_rate, rate, quality="HQ")
    return (np.clip(np.rint(heard * 32768), -32768, 32767).astype(np.int16) / 32768).astype(np.float32)


def cosines(text: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """In float64; equal vectors get equal scores."""
    sides = [np.unique(side, axis=0, return_inverse=True) for side in (text, audio)]
    units = [rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True) for rows, _ in sides]
    return (units[0] @ units[1].T)[np.ix_(*(where.ravel() for _, where in sides))]


def value(name: str, ranks: list[int]) -> float:
    kind, k = name.split("@")
    found = [rank for rank in sorted(ranks) if rank <= int(k)]
    if kind == "mAP":
        return sum(order / rank for order, rank in enumerate(found, 1)) / len(ranks)
    return len(found) / len(ranks) if kind == "R" else float(bool(found))


def ranks_by_sorting(scores: np.ndarray, relevant: list[int], relevant_first: bool) -> list[int]:
    is_relevant = np.zeros(len(scores), bool)
    is_relevant[relevant] = True
    order = np.lexsort((is_relevant != relevant_first, -scores))
    return (np.flatnonzero(is_relevant[order]) + 1).tolist()


def drawn_intervals(values: np.ndarray, clusters: list[int], draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Bounds, shape `(2, measures)`, and standard deviations, by drawing clips one data set at a time."""
    rng = np.random.default_rng(12345)
    groups = [np.flatnonzero(np.equal(clusters, clip)) for clip in sorted(set(clusters))]
    sums, sizes = np.array([values[group].sum(axis=0) for group in groups]), np.array([len(group) for group in groups])
    means = []
    for _ in range(draws):
        drawn = rng.integers(len(groups), size=len(groups))
        means.append(sums[drawn].sum(axis=0) / sizes[drawn].sum())
    return np.quantile(means, [0.025, 0.975], axis=0), np.std(means, axis=0)


def assert_run_is_right(run: Run, question: Question) -> None:
    record = run.record
    system = load_system(record.system.name)
    audio = np.concatenate([system.embed_audio([decoded(path, 32_000)]) for _, path in question.clips])
    text = np.concatenate([system.embed_text([caption]) for caption, _, _ in question.captions])
    for side, own in (("audio", audio), ("text", text)):
        np.testing.assert_allclose(np.load(run.folder / "embeddings" / f"{side}.npy"), own, atol=1e-5)

    scores = cosines(text, audio)
    queries, items = [caption for caption, _, _ in question.captions], [name for name, _ in question.clips]
    relevant = [clips for _, _, clips in question.captions]
    clusters = [own for _, own, _ in question.captions]
    if record.protocol.direction == "audio-to-text":
        scores, queries, items = scores.T, items, queries
        relevant = [
            [caption for caption, clips in enumerate(relevant) if clip in clips] for clip in range(len(queries))
        ]
        clusters = list(range(len(queries)))
    assert (record.dataset.clips, record.dataset.queries) == (len(question.clips), len(queries))

    names = [measure.name for measure in record.measures]
    assert names == list(get_protocol(record.protocol.name).measures)
    last, first = (
        np.array([[value(name, ranks) for name in names] for ranks in map(ranks_by_sorting, scores, relevant, ties)])
        for ties in (repeat(False), repeat(True))
    )
    per_query = pd.read_parquet(run.folder / "per_query.parquet")
    assert per_query["text"].tolist() == queries
    found = per_query[names].to_numpy()
    differ = np.flatnonzero((np.abs(found - last) > 1e-9).any(axis=1))
    assert [query for query in differ if not nearly_ties(scores[query], relevant[query])] == []
    for measure, of_last, of_first, of_found in zip(record.measures, last.T, first.T, found.T, strict=True):
        slack = len(differ) / len(queries) + 1e-9
        assert measure.value == pytest.approx(of_found.mean(), abs=1e-12)
        assert measure.value == pytest.approx(of_last.mean(), abs=slack)
        assert measure.optimistic == pytest.approx(of_first.mean(), abs=slack)
    bounds, deviations = drawn_intervals(found, clusters, draws=2000)
    reported = np.array([[measure.low, measure.high] for measure in record.measures]).T
    # Quantiles of 2,000 and of 10,000 draws differ by about 0.07 standard deviations, and measures are discrete.
    assert (np.abs(reported - bounds) <= 0.35 * deviations + 1e-9).all()

    ranking = pd.read_parquet(run.folder / "ranking.parquet")
    kept = min(100, len(items))
    listed, listed_scores = (ranking[column].to_numpy().reshape(-1, kept) for column in ("item", "score"))
    assert (ranking["rank"].to_numpy().reshape(-1, kept) == np.arange(1, kept + 1)).all()
    assert (np.diff(listed_scores, axis=1) <= 0).all()
    np.testing.assert_allclose(listed_scores, -np.sort(-scores, axis=1)[:, :kept], atol=ROUNDING)
    if record.protocol.direction == "text-to-audio":
        place = {name: index for index, name in enumerate(items)}
        own_scores = [row[[place[name] for name in best]] for row, best in zip(scores, listed, strict=True)]
        np.testing.assert_allclose(listed_scores, own_scores, atol=ROUNDING)


def nearly_ties(scores: np.ndarray, relevant: list[int]) -> bool:
    return any(((gaps := np.abs(scores - scores[item])) < ROUNDING).sum() > (gaps == 0).sum() for item in relevant)


def assert_predictions_say_the_same(run: Run, question: Question, root: Path) -> None:
    """Scored as `lbar score` does, and a ranked list's first column by hand."""
    rules = get_protocol(run.record.protocol.name)
    [file] = run.folder.glob("*.output.csv")
    scored = score_file(file, pose(rules, datasets.load(rules.dataset, rules.split, root)))
    for ours, theirs in zip(run.record.measures, scored.measures, strict=True):
        if rules.submission == "score-matrix":
            assert (theirs.value, theirs.optimistic) == pytest.approx((ours.value, ours.optimistic), abs=1e-12)
            assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high), abs=1e-12)
        else:
            assert ours.value - 1e-12 <= theirs.value <= ours.optimistic + 1e-12
    if rules.submission == "ranked-list":
        answers = [{question.clips[clip][0] for clip in clips} for _, _, clips in question.captions]
        found = [(row[1] in names) / len(names) for row, names in zip(rows_of(file), answers, strict=True)]
        assert next(m.value for m in scored.measures if m.name == "R@1") == pytest.approx(np.mean(found), abs=1e-12)


def run_of(system: str, protocol: str, root: Path, out: Path, **more: object) -> Run:
    options = Options(data_root=root, out=out, keep_embeddings=True, again=True, **more)
    return evaluate(load_system(system), get_protocol(protocol), options)


def write_clips(paths: list[Path]) -> None:
    """A tenth of a second of noise each, at four rates; every 90th the same, so that scores tie."""
    for index, path in enumerate(paths):
        seed = 0 if index % 90 == 1 else index
        rate = (32_000, 16_000, 44_100, 22_050)[seed % 4]
        noise = 0.1 * np.random.default_rng(seed).standard_normal(rate // 10 + seed)
        soundfile.write(path, noise, rate, format="WAV")


@pytest.fixture(scope="module")
def clotho(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clotho's evaluation split as published, but for the sound."""
    home = tmp_path_factory.mktemp("data") / "clotho_v2.1"
    (home / "evaluation").mkdir(parents=True)
    shutil.copy(shared / "data" / "clotho" / "clotho_captions_evaluation.csv", home)
    shutil.copy(shared / "data" / "dcase" / "metadata_eval.csv", home)
    write_clips([path for _, path in clotho_like(home).clips])
    return home


@pytest.mark.parametrize(
    ("system", "protocol", "annotations"),
    [
        ("random", "everyday", None),
        ("linear", "everyday-multi", "relevance_evaluation.csv"),
        ("random", "everyday-a2t", None),
    ],
)
def test_everyday(session_cache: Path, tmp_path: Path, system: str, protocol: str, annotations: str | None) -> None:
    run = run_of(system, protocol, tmp_path, tmp_path / "runs")
    question = clotho_like(session_cache / "everyday-1", annotations)
    assert_run_is_right(run, question)
    if protocol != "everyday-a2t":
        assert_predictions_say_the_same(run, question, tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("protocol", "queries", "annotations"),
    [("clotho-dcase2024", 5225, None), ("clotho-dcase2025", 1037, "metadata_eval.csv"), ("clotho-a2t", 1045, None)],
)
def test_clotho_of_real_size(
    clotho: Path, tmp_path: Path, protocol: str, queries: int, annotations: str | None
) -> None:
    run = run_of("random", protocol, clotho.parent, tmp_path)
    question = clotho_like(clotho, annotations)
    assert (run.record.dataset.clips, run.record.dataset.queries) == (1045, queries)
    assert_run_is_right(run, question)
    if protocol != "clotho-a2t":
        assert 0 < run.record.tied_fraction < 0.05
        assert_predictions_say_the_same(run, question, clotho.parent)


@pytest.mark.shared
def test_clotho_without_broken_clips(clotho: Path, tmp_path: Path) -> None:
    home = tmp_path / "data" / clotho.name
    shutil.copytree(clotho, home)
    question = clotho_like(home, "metadata_eval.csv")
    answers = np.bincount([clip for _, _, clips in question.captions for clip in clips])
    dropped = {0, int(answers.argmax()), len(question.clips) - 1}
    for index in dropped:
        question.clips[index][1].write_bytes(b"RIFF")
    run = run_of("random", "clotho-dcase2025", home.parent, tmp_path / "runs", skip_broken=True)
    assert_run_is_right(run, without(question, dropped))
    assert {skipped.clip for skipped in run.record.skipped} == {question.clips[index][0] for index in dropped}
    board = collect(tmp_path / "runs")
    assert (len(board.rows), len(board.set_aside)) == (0, 1)


@pytest.mark.shared
@pytest.mark.parametrize("protocol", ["audiocaps", "audiocaps-a2t"])
def test_audiocaps_with_captions_that_several_clips_share(shared: Path, tmp_path: Path, protocol: str) -> None:
    home = tmp_path / "audiocaps"
    audio = home / "audio" / "test"
    audio.mkdir(parents=True)
    shutil.copy(shared / "data" / "audiocaps" / "v1_test.csv", home / "test.csv")
    by_video: dict[str, list[str]] = {}
    for _, video, _, caption in rows_of(home / "test.csv"):
        by_video.setdefault(video, []).append(caption)
    clips = [(f"Y{video}.wav", audio / f"Y{video}.wav") for video in by_video]
    write_clips([path for _, path in clips])
    captions = [(text, index, [index]) for index, texts in enumerate(by_video.values()) for text in texts]
    assert (len(clips), len(captions), len({text for text, _, _ in captions})) == (975, 4875, 4633)
    question = Question(clips, captions)
    run = run_of("random", protocol, tmp_path, tmp_path / "runs")
    assert_run_is_right(run, question)
    if protocol == "audiocaps":
        assert_predictions_say_the_same(run, question, tmp_path)


@pytest.fixture
def two_processes(tmp_path: Path, tones: Callable[..., Path]) -> list[Path]:
    """The run folders of the same evaluation in two processes, with one and with two threads, that share nothing."""
    root, code = tones(), (
        "import sys; from pathlib import Path; from harness.evaluation.evaluating import Options, evaluate;"
        "from harness.protocols.description import get_protocol; from harness.interface.systems import load_system;"
        "options = Options(data_root=Path(sys.argv[1]), out=Path(sys.argv[2]));"
        "print(evaluate(load_system('linear'), get_protocol('folder'), options).folder)"
    )  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, root, tmp_path / f"runs{threads}"],
            env={**os.environ, "LBAR_CACHE": str(tmp_path / f"cache{threads}"), "OMP_NUM_THREADS": str(threads)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for threads in (1, 2)
    ]
    return [Path(process.communicate()[0].strip()) for process in started]


def test_two_processes_find_the_same(two_processes: list[Path]) -> None:
    records = [json.loads((folder / "record.json").read_text()) for folder in two_processes]
    for record in records:
        for name in ("id", "created", "seconds", "command"):
            del record[name]
        del record["environment"]["torch_threads"]
        record["environment"].pop("device_processes", None)
    assert records[0] == records[1]
    for name in ("per_query.parquet", "ranking.parquet"):
        one, other = (pd.read_parquet(folder / name) for folder in two_processes)
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    one, other = (next(folder.glob("*.output.csv")).read_bytes() for folder in two_processes)
    assert one == other
