"""A workload is one class and one entry, and every command that should know it does."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.errors import UserError
from harness.runs.run_folder import find_runs
from harness.runs.speed_record import SpeedRecord
from harness.throughput import workloads
from harness.throughput.cases.workload import LeftOut, Workload
from harness.throughput.instruments import timing
from harness.throughput.instruments.observation import Case
from harness.throughput.reporting import report
from harness.throughput.subject import Subject
from harness.throughput.workloads import WORKLOADS, get_workloads


@dataclass(frozen=True)
class Captions(Workload):
    """Embed captions, and nothing else."""

    name: str = "captions"
    about: str = "captions to embeddings"

    def groups(self, subject: Subject) -> Iterator[Sequence[Case] | LeftOut]:
        captions = subject.prepared.task.captions
        yield (Case("captions, all", "captions", len(captions), lambda: subject.system.embed_text(captions)),)
        yield LeftOut("captions of other data sets are not here")


def test_workloads_by_name() -> None:
    assert get_workloads(()) == WORKLOADS
    assert [one.name for one in get_workloads(("query", "index"))] == ["index", "query"]
    with pytest.raises(UserError, match="unknown workload 'dance'; known are index, query, query-batch, end-to-end"):
        get_workloads(("dance",))
    with pytest.raises(UserError, match="unknown workload 'indx'; did you mean 'index'"):
        get_workloads(("indx",))


@pytest.mark.usefixtures("ceilings", "own_cache", "participant")
def test_a_new_one_is_an_entry(
    tones: Callable[..., Path], migrated_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workloads, "WORKLOADS", (*WORKLOADS, Captions()))
    monkeypatch.setattr(
        "harness.throughput.FULL", timing.Effort(warm_ups=1, most_warm_up_seconds=0, iterations=2, seconds=0)
    )
    command = ["bench", "tone_system:ToneSystem", "--workload", "captions", "--protocol", "folder", "--data-root"]
    arguments = [*command, str(tones()), "--out", str(migrated_runs), "--device", "cpu"]
    done = CliRunner().invoke(build(), [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (document,) = json.loads(done.stdout)
    assert [workload["name"] for workload in document["workloads"]] == ["captions"]
    assert len(find_runs(migrated_runs, "speed")) == 1
    record = SpeedRecord.model_validate(document)
    (workload,) = record.workloads
    assert workload.about == "captions to embeddings"
    assert [case.items for case in workload.cases] == [16]
    assert record.figures.clips_per_second is None
    shown = report(record)
    assert "captions, all: " in shown
    assert "captions: left out: captions of other data sets are not here" in shown
