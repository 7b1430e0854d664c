import json
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import UserError
from harness.interface.system import SystemInfo
from harness.machine.environment import Environment
from harness.runs.run_folder import find_runs, write_speed
from harness.runs.speed_record import SpeedRecord
from harness.runs.timing_samples import Samples
from harness.throughput import repetition
from harness.throughput.benchmark import benchmark, summary
from harness.throughput.cases import query
from harness.throughput.quality import compare_quality
from harness.throughput.repetition import repeat
from harness.throughput.reporting import report
from harness.throughput.subject import Subject, spread


@pytest.mark.usefixtures("ceilings")
def test_a_record_has_all_that_was_found_out(system, prepared, options, tmp_path):
    record, samples = benchmark(system, prepared, options)
    cases = {case.name: case for workload in record.workloads for case in workload.cases}
    assert list(cases) == [
        "index, folder",
        "index, bare encoder",
        "index, 10 s of noise",
        "query, 20 clips",
        "query, 300 clips",
        "end-to-end, folder, 10 best of 8 files",
    ]
    assert samples.keys() == cases.keys()
    for name, case in cases.items():
        assert case.iterations == len(samples[name].seconds) >= 3
        assert 0 <= case.missing_seconds <= case.split_seconds
        assert sum(case.stages.values()) + case.missing_seconds == pytest.approx(case.split_seconds)
        assert case.per_second == case.items / case.p50
    assert list(cases["query, 20 clips"].stages) == ["encode", "score", "rank"]
    assert cases["query, 300 clips"].bytes_read == 300 * 3 * 4
    # At 10 GB/s.
    assert cases["query, 300 clips"].limit_seconds == pytest.approx(3600 / 1e10)
    assert set(cases["end-to-end, folder, 10 best of 8 files"].stages) == {"decode", "encode", "score", "rank"}
    assert record.figures.clips_per_second == cases["index, folder"].per_second
    assert record.figures.query_p95_seconds == cases["query, 20 clips"].p95
    assert record.figures.real_time_factor == pytest.approx(prepared_seconds(prepared) / cases["index, folder"].p50)
    assert record.workloads[0].memory is not None
    assert not record.comparable
    assert record.reasons[0] == "measured for less than 20 iterations and 10 s"

    folder = write_speed(tmp_path, record, samples)
    assert SpeedRecord.read(folder) == record
    assert folder.name.endswith("-statistics-speed")
    assert find_runs(tmp_path) == []
    assert find_runs(tmp_path, kind="speed") == [folder]
    shown = report(record)
    for name in cases:
        assert name in shown


def prepared_seconds(prepared):
    return sum(prepared.store.length(clip) for clip in prepared.task.clips) / 16_000


@pytest.mark.usefixtures("ceilings")
def test_what_a_board_reads_of_it(system, prepared, options):
    """The names and kinds that the board's own reader asks for."""
    record, _ = benchmark(system, prepared, options)
    fields = json.loads(record.to_json())
    assert fields["kind"] == "speed"
    assert fields["created"].endswith("Z")
    assert (fields["system"]["name"], fields["system"]["digest"]) == ("statistics", "5f" * 32)
    assert (fields["settings"]["device"], fields["settings"]["precision"]) == ("cpu", "fp32")
    assert Environment.model_validate(fields["environment"])
    figures = fields["figures"]
    assert figures["clips_per_second"] > 0
    assert figures["query_p95_seconds"] > 0
    assert figures["gflops_per_clip"] is None
    assert all(seconds >= 0 for seconds in fields["stages"].values())
    assert fields["comparable"] is False
    assert fields["reasons"]


@pytest.mark.usefixtures("ceilings")
def test_a_batch_that_does_not_fit_is_recorded(system, prepared, options):
    system.most = 2
    record, _ = benchmark(system, prepared, replace(options, workloads=()))
    assert [(step.batch_size, step.clips_per_second is None) for step in record.sweep] == [
        (1, False),
        (2, False),
        (4, True),
    ]
    assert record.settings.batch_size <= 2
    with pytest.raises(UserError, match="out of memory at a batch of 16; ask for less with --batch-size"):
        benchmark(system, prepared, replace(options, batch_size=16))


@pytest.mark.usefixtures("ceilings")
def test_a_collection_that_does_not_fit_is_left_out(system, prepared, options, monkeypatch):
    monkeypatch.setattr(query, "available_bytes", lambda: 3000)
    record, _ = benchmark(system, prepared, replace(options, workloads=options.workloads[1:2]))
    assert [case.name for case in record.workloads[0].cases] == ["query, 20 clips"]
    assert "300 clips x 3 float32 take 0.0 GB, more than half" in record.workloads[0].left_out[0]


def test_more_clips_than_there_are(system, prepared, options):
    with pytest.raises(UserError, match="--clips 9 asks for more than the 8 clips of the data set"):
        benchmark(system, prepared, replace(options, clips=9))
    assert [clip.name for clip in spread(prepared.task.clips, 4)] == [f"tone {number}.wav" for number in (0, 2, 4, 6)]


def test_a_cross_encoder_has_nothing_to_search(prepared):
    class Pairs:
        info = SystemInfo(name="pairs", sample_rate=16_000)

        def score_pairs(self, captions, clips):
            return np.zeros(len(captions), np.float32)

    with pytest.raises(UserError, match="pairs scores pairs and has no embeddings to search"):
        benchmark(Pairs(), prepared)


def test_systems_own_scores_are_used(system, monkeypatch):
    system.score = lambda text, audio: text[:, :1] * -audio[:, 0]
    monkeypatch.setattr(query, "_ROWS", 7)
    items = np.arange(60, dtype=np.float32).reshape(20, 3)
    assert query.answering(system, items)(["abc"])[0].tolist() == list(range(10))


def test_quality_of_a_faster_way(system, prepared):
    class Coarse(type(system)):
        def embed_audio(self, clips):
            return np.round(super().embed_audio(clips), 2)

    quality = compare_quality(Coarse(), system, prepared)
    assert quality.protocol == "folder"
    assert 0.9 < quality.least_cosine_audio < quality.mean_cosine_audio < 1
    assert quality.least_cosine_text == pytest.approx(1)
    same = compare_quality(system, system, prepared)
    assert same.value == same.reference


def test_what_is_otherwise_at_the_end_of_a_run_is_noisy(prepared, system, options, ceilings, monkeypatch):
    record, _ = benchmark(system, prepared, options)
    count = record.clips.clips
    subject = Subject(system, prepared, spread(prepared.task.clips, count), "cpu", 1, ceilings, options.effort)

    def repeated(seconds: float) -> dict[str, tuple[str, ...]]:
        """By workload, what is said of the first case where each call takes so many times as long as at first."""
        first = {workload.cases[0].name: workload.cases[0].p50 for workload in record.workloads}

        def measured(calls, *_):
            return {name: Samples((seconds * first.get(name, 1.0),), (), 1, True) for name in calls}

        monkeypatch.setattr(repetition, "measure", measured)
        said = {}
        for found, workload in zip(record.workloads, options.workloads, strict=True):
            calm = tuple(case.model_copy(update={"reasons": ()}) for case in found.cases)
            said[found.name] = repeat(found.model_copy(update={"cases": calm}), workload, subject).cases[0].reasons
        return said

    assert set(repeated(1.04).values()) == set(repeated(0.97).values()) == {()}
    for factor in (1.1, 1 / 1.1):
        said = repeated(factor)
        assert len(said) == len(record.workloads)
        assert all(reason.endswith("at the end of the run the median differed by 10%") for (reason,) in said.values())


def test_few_words_on_many_cases(prepared, system, options, ceilings):
    record, _ = benchmark(system, prepared, replace(options, workloads=options.workloads[:1]))
    case = record.workloads[0].cases[0]
    a, b, c, d = (
        case.model_copy(update={"name": name, "reasons": reasons})
        for name, reasons in {
            "a": ("noisy: a", "disturbed: 1"),
            "b": ("disturbed: 2",),
            "c": ("noisy: c",),
            "d": ("noisy: d",),
        }.items()
    )
    # No figure of the record is of the second case of a workload.
    workloads = [record.workloads[0].model_copy(update={"cases": cases}) for cases in ((a, b), (c, d), ())]
    assert list(summary(workloads)) == ["disturbed: 2", "noisy: a; c"]


@pytest.mark.usefixtures("ceilings")
def test_records_that_cannot_be_read(system, prepared, options, tmp_path):
    record, samples = benchmark(system, prepared, replace(options, workloads=()))
    fields = json.loads(record.to_json())
    for text, said in {
        "{": "x is not JSON",
        "[]": 'its field `kind` is not "speed"',
        json.dumps(fields | {"schema_version": 2}): "x has schema version 2, this lbar reads up to 1; update lbar",
        json.dumps(fields | {"figures": {"clips_per_second": -1}}): "x is damaged: figures.clips_per_second",
        json.dumps(fields | {"comparable": True}): "x is damaged",
    }.items():
        with pytest.raises(UserError, match=said):
            SpeedRecord.from_json(text, "x")
    with pytest.raises(UserError, match="expected a run folder as `lbar bench` writes it"):
        SpeedRecord.read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write the run into"):
        write_speed(tmp_path / "file", record, samples)
