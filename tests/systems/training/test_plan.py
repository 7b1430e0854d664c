"""A plan of trainings: its counts by hand, its days from a measured speed, and what it does not know."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from harness.cli.app import build
from harness.machine import describe_environment
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.training.plan import encoding_speed, planned

Card = Callable[..., DualEncoderCard]
MEASURED = Path(__file__).parents[2] / "data" / "speed_v1.json"
TRAINING = {"data": ["clotho"], "validation": "clotho", "batch": 64, "epochs": 3}


def lbar(*arguments: str) -> Result:
    return CliRunner().invoke(build(), arguments, catch_exceptions=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in ("LBAR_WEIGHTS", "LBAR_RUNS"):
        monkeypatch.setenv(variable, variable.removeprefix("LBAR_").lower())
    return tmp_path


def written(card: DualEncoderCard) -> DualEncoderCard:
    Path(f"{card.name}.yaml").write_text(yaml.safe_dump(card.model_dump(mode="json", exclude_unset=True)))
    return card


def measured(card: DualEncoderCard, clips_per_second: float, **settings: object) -> None:
    """A run folder with the speed of a card's system on this machine: twelve clips of ten seconds at a time."""
    record = json.loads(MEASURED.read_text())
    record["system"]["card"] = card.model_dump(mode="json")
    record["environment"] = describe_environment().model_dump(mode="json")
    record["settings"] |= settings
    *_, noise = record["workloads"][0]["cases"]
    assert (noise["name"], noise["items"], noise["audio_seconds"]) == ("index, 10 s of noise", 12, 120)
    noise["per_second"] = clips_per_second
    folder = Path("runs", f"2026110{len(list(Path('runs').glob('*')))}T000000Z-x-speed")
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(record))


def test_counts_are_those_of_the_published_files(dual_card: Card) -> None:
    teachers = {"teachers": ["linear", "tags"], "supervised": 0, "start": "other.yaml"}
    card = written(dual_card(training=TRAINING | teachers))
    plan = planned("small-passt.yaml", Path("nowhere"), Path("runs"), device="cpu", precision="fp32")
    weights = 4 * sum(one.numel() for one in DualEncoder.empty(card).parameters())
    embeddings = 2 * card.shared * (3_839 + 5 * 3_839)
    assert (plan.clips, plan.hours, plan.steps, plan.days) == (3_839, 24.0, 3 * (5 * 3_839 // 64), None)
    assert plan.after == ("other", "linear", "tags")
    assert plan.kept == {
        "small-passt": weights,
        "clotho development by linear": embeddings,
        "clotho development by tags": embeddings,
    }
    of_clips = written(dual_card(training=TRAINING | {"captions": "two"}))
    assert of_clips.training is not None
    plan = planned("small-passt.yaml", Path("nowhere"), Path("runs"), device="cpu", precision="fp32")
    assert plan.steps == 3 * (3_839 // 64)


def test_days_follow_from_the_speed_on_this_machine(dual_card: Card) -> None:
    card = written(dual_card(training=TRAINING, windows={"seconds": 4}))

    def days(**more: str) -> float | None:
        options = {"device": "cpu", "precision": "fp32"} | more
        return planned("small-passt.yaml", Path("nowhere"), Path("runs"), **options).days

    assert days() is None
    measured(card, 50)
    assert encoding_speed(card, Path("runs"), "cpu", "fp32") == 50 * 12  # Ten seconds are three windows of four.
    # A clip has 22.5 s on average, which are six windows, and is drawn with each of its five captions.
    expected = 3 * (3 * 5 * 3_839 * 24) / (50 * 12) / 86_400
    assert days() == pytest.approx(expected)
    assert days(precision="bf16") is None
    measured(card, 100)
    assert days() == pytest.approx(expected / 2)  # The newest counts.
    # Another encoder, other windows, or another system altogether say nothing; masks cost nothing.
    measured(dual_card("mobilenet", windows={"seconds": 4}), 1_000)
    measured(dual_card(windows={"seconds": 5}), 1_000)
    assert days() == pytest.approx(expected / 2)
    audio = card.audio.model_dump() | {"mel": {"masked_bands": 8}}
    measured(dual_card(windows={"seconds": 4}, audio=audio), 200)
    assert days() == pytest.approx(expected / 4)


def test_table_2_is_told_with_nothing_here() -> None:
    done = lbar("train", "table2", "--dry-run", "--data-root", "nowhere")
    assert done.exit_code == 0
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert header == ["system", "after", "clips", "hours", "steps", "kept", "days"]
    assert [row[0] for row in rows] == [
        *(f"{encoder}-stage1-all" for encoder in ("passt", "atst", "mn")),
        "passt-finetuned-all",
        "passt-distilled-all",
        "all,",
    ]
    pairs = 5 * 3_839 + 49_838 + 403_050
    steps = [20 * (pairs // batch) for batch in (64, 64, 32)] + 2 * [20 * (5 * 3_839 // 64)]
    assert [row[-4] for row in rows] == [f"{count:,}" for count in (*steps, sum(steps))]
    assert rows[0][1:4] == ["-", "456,727", "7,730.4"]
    assert rows[4][1:6] == ["passt-stage1-all,", "atst-stage1-all,", "mn-stage1-all", "3,839", "24.0"]
    assert {row[-1] for row in rows} == {"?"}
    assert "how long it takes is not known of passt-stage1-all, " in done.stderr
    assert "10 of the things needed are not here; without --dry-run they are listed" in done.stderr
    assert not Path("weights").exists()


def test_the_grid_of_the_paper_is_told_too() -> None:
    done = lbar("train", "passt-distilled-all", "--grid", "table2", "--dry-run")
    first, all_of_them = done.stdout.splitlines()[1:]
    assert first.startswith("passt-distilled-all (84 times)  passt-stage1-all, ")
    assert f"{84 * 20 * (5 * 3_839 // 64):,}" in first
    assert "all, with decoded samples" in all_of_them


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["linear"], "linear has no section `training:` with epochs to be planned"),
        (["table2", "--grid", "table2"], "a grid is searched for one card, found 5; name one"),
        (["tiny-passt", "--grid", "tabel2"], "grid tabel2 cannot be read: .*a grid that comes with lbar .table2"),
    ],
)
def test_what_cannot_be_planned(arguments: list[str], expected: str) -> None:
    done = lbar("train", *arguments, "--dry-run")
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.search(expected, done.stderr)
