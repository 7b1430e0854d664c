"""Several systems at once: each on its own, the data prepared once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.errors import UserError
from harness.evaluation import several as batch_module
from harness.evaluation.options import Options
from harness.evaluation.rows import shared_rows as shared_rows_module
from harness.evaluation.several import evaluate_all
from harness.interface.systems import look_at
from harness.protocols.description import get_protocol

FOLDER = get_protocol("folder")
pytestmark = pytest.mark.usefixtures("own_cache", "participant", "migrated_runs")


@pytest.fixture
def options(tones: Callable[..., Path]) -> Options:
    return Options(data_root=tones(), out=Path("runs"), device="auto")


def test_failures_are_kept_apart(options: Options) -> None:
    lines: list[str] = []
    names = ["nonsense", "tone_system:ToneSystem", "tone_system:PITCHES", "tone_system:Undigested"]
    done = evaluate_all(names, FOLDER, options, say=lines.append)
    assert [run.record.system.name for run in done.runs] == ["tone", "undigested"]
    assert list(done.failures) == ["nonsense", "tone_system:PITCHES"]
    assert [line.partition(": mAP@10 1.0000")[0] for line in lines] == [
        "tone_system:ToneSystem",
        "tone_system:Undigested",
    ]


def test_a_system_whose_parts_are_not_here_is_passed_over(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("waits.yaml").write_text("factory: m:f\nname: waits\nfiles: {weights: {path: gone.bin}}\n")
    names = ["tone_system:ToneSystem", "absent.yaml", "waits.yaml"]
    monkeypatch.setattr(batch_module, "listings", lambda: [look_at(name) for name in names])
    lines: list[str] = []
    done = evaluate_all([], FOLDER, options, say=lines.append)
    assert [run.record.system.name for run in done.runs] == ["tone"]
    assert done.failures == {}
    assert lines[0] == "left out, as their weights are not here: 1 of 3 systems; `lbar systems` lists them"
    assert lines[-1] == "absent.yaml: not available: there is no card absent.yaml"


def test_what_is_wrong_with_the_data_is_said_once(options: Options) -> None:
    next(options.data_root.glob("*.wav")).unlink()
    with pytest.raises(UserError, match="1 of 8 clips are broken or missing"):
        evaluate_all(["tone_system:ToneSystem", "tone_system:Undigested"], FOLDER, options)


def test_data_are_prepared_once_for_each_rate(options: Options) -> None:
    stages: list[str] = []

    def progress(stage: str, total: int) -> Callable[[int], None]:
        stages.append(stage)
        return lambda _: None

    names = ["tone_system:ToneSystem", "tone_system:Undigested", "random"]
    evaluate_all(names, FOLDER, options, progress=progress, say=lambda _: None)
    assert stages.count("decode") == 2


@pytest.fixture
def _no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "try_mirror", lambda *_, **__: None)


QUIET = """
from harness import SystemInfo
from tone_system import Recorded

class Quiet(Recorded):
    info = SystemInfo("quiet", 16000)
"""


@pytest.mark.usefixtures("_no_mlflow")
@pytest.mark.parametrize("name", ["tone_system:Recorded", "quiet:Quiet"])
def test_several_protocols_share_what_is_embedded(options: Options, name: str) -> None:
    """Also of a system that does not say what decides its output."""
    Path("quiet.py").write_text(QUIET)
    other = replace(FOLDER, name="others", measures=("MRR", "MedR"))
    lines: list[str] = []
    done = evaluate_all([name], [FOLDER, other], options, say=lines.append)
    assert done.failures == {}
    assert [run.record.protocol.name for run in done.runs] == ["folder", "others"]
    assert [line.split(" on ")[1].split(",")[0] for line in lines] == ["folder", "others"]
    assert sum(map(int, Path("embedded.txt").read_text().split())) == 8, "each clip once"
    assert shared_rows_module._of_system == {}


@pytest.mark.usefixtures("_no_mlflow")
def test_a_system_that_fails_by_one_protocol_keeps_what_is_done(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated = batch_module.evaluate_prepared

    def failing(*arguments: object, **options: object) -> object:
        if arguments[1].task.protocol.name == "others":  # type: ignore[attr-defined]
            raise UserError("no luck")
        return evaluated(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(batch_module, "evaluate_prepared", failing)
    done = evaluate_all(["random"], [FOLDER, replace(FOLDER, name="others")], options, say=lambda _: None)
    assert ([run.record.protocol.name for run in done.runs], list(done.failures)) == (["folder"], ["random"])


@pytest.mark.usefixtures("_no_mlflow")
def test_a_limit_is_never_comparable(options: Options) -> None:
    limited = replace(options, limit=3)
    (run,) = evaluate_all(["tone_system:ToneSystem"], FOLDER, limited, say=lambda _: None).runs
    assert (run.record.dataset.clips, run.record.dataset.queries) == (3, 6)
    assert (run.record.comparable, run.record.reasons) == (False, ("only 3 of 8 clips, by --limit",))
    (whole,) = evaluate_all(["tone_system:ToneSystem"], FOLDER, replace(options, limit=8), say=lambda _: None).runs
    assert whole.record.comparable, "all clips are no limit"


def test_a_server_that_is_away_is_asked_once(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    lines: list[str] = []
    done = evaluate_all(["tone_system:ToneSystem", "tone_system:Undigested"], FOLDER, options, say=lines.append)
    assert len(done.runs) == 2
    assert sum("`lbar track` mirrors it later" in line for line in lines) == 1


def test_odd_sound_is_said_once(options: Options) -> None:
    soundfile.write(options.data_root / "tone 0.wav", np.zeros(8000), 16_000)
    lines: list[str] = []
    evaluate_all(["tone_system:Undigested", "random"], FOLDER, options, say=lines.append)
    assert lines[:2] == [
        "1 of 8 clips hold odd sound, and are used all the same:",
        "  tone 0.wav is silent: no sample differs from the others",
    ]
    assert sum("odd sound" in line for line in lines) == 1


def test_worse_than_chance_is_said_whenever_the_run_is_shown(options: Options) -> None:
    for when in ("in ", "evaluated before"):
        lines: list[str] = []
        (run,) = evaluate_all(["tone_system:Scored"], FOLDER, options, say=lines.append).runs
        assert when in lines[0]
        assert lines[1].startswith("tone_system:Scored: worse than chance: mAP@10 0.1250, and a random order has 0.3")
        assert lines[1].endswith("(p 0.0005); a larger score is a better match: look whether its are distances")
        assert run.record.below_chance is not None
        assert '"below_chance"' in (run.folder / "record.json").read_text()
    (fair,) = evaluate_all(["tone_system:ToneSystem"], FOLDER, options, say=lines.append).runs
    assert fair.record.below_chance is None
    assert '"below_chance"' not in (fair.folder / "record.json").read_text()
