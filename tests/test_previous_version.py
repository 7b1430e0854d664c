"""What version 0.1.0 wrote is still read, and says the same: cards, run folders, a model in MLflow, a package.

`data/previous_version/README.md` says what each file is and how it was made. Only what people use is called here: the
command line, `harness.load_system`, and MLflow's own loader.
"""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import harness
from harness.cli import build

KEPT = Path(__file__).resolve().parent / "data" / "previous_version"
CARDS: dict[str, dict[str, Any]] = json.loads((KEPT / "expected" / "systems.json").read_text(encoding="utf-8"))
LISTED = [name for name, row in CARDS.items() if row["card"] is not None]
CAN_ANSWER = [name for name, row in CARDS.items() if row["system"]]
LACKING_FILES = [name for name, row in CARDS.items() if not row["system"]]


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what was kept, as the working directory."""
    folder = tmp_path / "copied"
    shutil.copytree(KEPT, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return folder


@pytest.fixture
def tracked(copied: Path, migrated: Path) -> Path:
    """The same, with a database beside the runs, which takes seconds to make."""
    shutil.copy(migrated, copied / "runs" / "mlflow.db")
    return copied


def lbar(*arguments: str) -> str:
    """What a command prints that must succeed."""
    done = CliRunner().invoke(build(), arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def expected(name: str) -> Any:
    return json.loads((KEPT / "expected" / name).read_text(encoding="utf-8"))


def rounded(value: Any) -> Any:
    """A document whose numbers are compared but for rounding, which differs between processors."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value


def known(value: Any, before: Any) -> Any:
    """A document without the keys that were added since."""
    if isinstance(value, dict) and isinstance(before, dict):
        return {key: known(entry, before[key]) for key, entry in value.items() if key in before}
    if isinstance(value, list) and isinstance(before, list) and len(value) == len(before):
        return [known(*pair) for pair in zip(value, before, strict=True)]
    return value


def run_of(system: str, protocol: str) -> Path:
    (folder,) = (KEPT / "runs").glob(f"*-{system}-{protocol}")
    return folder


@pytest.mark.parametrize("name", CAN_ANSWER)
def test_a_card_builds_the_same_system(name: str) -> None:
    said = dict(CARDS[name]["system"])
    if name == "upon_shipped":
        # It stands on a system that comes with lbar, which has other weights now.
        now = harness.load_system("tiny-passt", device="cpu").info
        said |= {"parameters": now.parameters, "trained_on": list(now.trained_on), "digest": None}
    system = harness.load_system(str(KEPT / CARDS[name]["path"]), device="cpu")
    assert (system.info.name, system.info.sample_rate) == (said["name"], said["sample_rate"])
    assert (system.info.parameters, list(system.info.trained_on)) == (said["parameters"], said["trained_on"])
    # What was embedded before is found by it, and a model in MLflow refuses a system of another digest.
    assert said["digest"] in (system.info.digest, None)
    clip, caption = system.embed_audio([np.zeros(32_000, np.float32)]), system.embed_text(["a hum in a room"])
    assert clip.shape == caption.shape
    assert np.isfinite(clip).all()


@pytest.mark.parametrize("name", LACKING_FILES)
def test_what_a_card_names_is_found_even_where_its_weights_are_missing(name: str) -> None:
    with pytest.raises(harness.UserError, match="lacks what it needs|does not say where its weights is"):
        harness.load_system(str(KEPT / CARDS[name]["path"]), device="cpu")


def test_a_trained_system_embeds_as_it_did(tracked: Path) -> None:
    kept = ["--protocol", "folder", "--data-root", "data/tones", "--keep-embeddings", "--profile", "dcase2025"]
    lbar("eval", "cards/small_dual/card.yaml", *kept, "--out", "runs", "--device", "cpu", "--again")
    before, again = sorted(Path("runs").glob("*-small_dual-folder"))
    for side in ("audio", "text"):
        old, new = (np.load(folder / "embeddings" / f"{side}.npy") for folder in (before, again))
        np.testing.assert_allclose(new, old, atol=1e-5)


@pytest.mark.slow
def test_cards_that_a_package_registers_are_listed(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, about = copied / "installed" / "previous_cards", copied / "installed" / "previous_cards-1.dist-info"
    shutil.copytree("cards", package)
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: previous-cards\nVersion: 1\n")
    folders = sorted({path.parent for path in package.rglob("*.yaml")})
    for folder in (package, *folders):
        (folder / "__init__.py").touch()
        if (folder / "card.yaml").exists():
            # A registered card is known by its file's name.
            shutil.copy(folder / "card.yaml", folder / f"{folder.name}.yaml")
    entries = [f"{folder.name} = previous_cards.{folder.name}" for folder in folders]
    (about / "entry_points.txt").write_text("\n".join(["[lbar.systems]", *entries, ""]))
    monkeypatch.syspath_prepend(str(copied / "installed"))
    listed = {row["name"]: row for row in json.loads(lbar("systems", "--json"))}
    printed = [re.sub(" +", " ", line) for line in lbar("systems").splitlines()]
    for name in ["previous_cards", *(f"previous_cards.{folder.name}" for folder in folders)]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert set((copied / "expected" / "systems.txt").read_text().splitlines()) <= set(printed)
    for name in LISTED:
        row = CARDS[name]
        assert listed[name]["problem"] == row["problem"]
        assert {key: listed[name]["card"].get(key) for key in row["card"]} == row["card"]
        files = [{"name": Path(file["path"]).name, "here": bool(file["place"])} for file in listed[name]["files"]]
        assert files == row["files"]


def test_the_board_is_the_same(copied: Path) -> None:
    assert json.loads(lbar("board", "--out", "runs", "--json")) == rounded(expected("board.json"))
    # Columns have come since.
    before = pd.read_csv(copied / "expected" / "board.csv", dtype=str)
    now = pd.read_csv(StringIO(lbar("board", "--out", "runs", "--format", "csv")), dtype=str)
    pd.testing.assert_frame_equal(now[before.columns], before)
    assert lbar("board", "--out", "runs") == (copied / "expected" / "board.txt").read_text()


def test_a_speed_record_stands_beside_the_quality(copied: Path) -> None:
    (standing,) = json.loads(lbar("board", "--out", "runs", "--protocol", "folder", "--json"))["standings"]
    record = json.loads((run_of("small_linear", "speed") / "record.json").read_text())
    speeds = {system["label"]: system["clips_per_second"] for system in standing["systems"]}
    assert speeds == {
        "small_linear": record["figures"]["clips_per_second"],
        "small_dual": None,
        "random": None,
    }


@pytest.mark.parametrize(
    ("protocol", "systems"), [("folder", ("small_linear", "random", "small_dual")), ("everyday", ("linear", "random"))]
)
def test_comparisons_are_the_same(copied: Path, protocol: str, systems: tuple[str, ...]) -> None:
    said = json.loads(lbar("compare", *systems, "--protocol", protocol, "--out", "runs", "--json"))
    before = expected(f"compare_{protocol}.json")
    assert known(said, before) == rounded(before)


@pytest.mark.slow
def test_run_folders_and_speeds_are_mirrored_into_mlflow(tracked: Path) -> None:
    mirrored = dict(line.split(": ") for line in lbar("track", "--out", "runs").splitlines())
    assert set(mirrored) == {path.parent.name for path in (KEPT / "runs").glob("*/record.json")}
    assert all(re.fullmatch("[0-9a-f]{32}", run) for run in mirrored.values())


def test_evaluating_again_by_a_card_finds_the_same(tracked: Path) -> None:
    arguments = ["cards/small_linear/card.yaml", "random", "--protocol", "folder", "--data-root", "data/tones"]
    found = json.loads(lbar("eval", *arguments, "--out", "runs", "--device", "cpu", "--again", "--json"))
    for record in found:
        before = json.loads((run_of(record["system"]["name"], "folder") / "record.json").read_text())
        assert record["measures"] == rounded(before["measures"])
        assert (record["protocol"], record["dataset"]) == (before["protocol"], before["dataset"])
        assert record["system"]["digest"] == before["system"]["digest"]
        assert record["comparable"]
    board = json.loads(lbar("board", "--out", "runs", "--protocol", "folder", "--json"))
    # The newer runs replace the older ones: they are of the same systems.
    assert len(board["standings"][0]["systems"]) == 3


def test_a_hidden_set_is_answered_again_as_before(copied: Path) -> None:
    hidden = ["--audio", "data/tones", "--queries", "data/queries.csv", "--profile", "dcase2024"]
    folder = lbar("eval", "cards/small_linear/card.yaml", *hidden, "--out", "again", "--device", "cpu").strip()
    before = run_of("small_linear", "hidden")
    np.testing.assert_allclose(np.load(Path(folder) / "scores.npy"), np.load(before / "scores.npy"), atol=1e-5)
    output = "small_linear.output.csv"
    assert (Path(folder) / output).read_text() == (before / output).read_text()


@pytest.mark.parametrize(("package", "kinds"), [("rehearsal", ["folder"]), ("hidden_set", ["folder", "hidden"])])
def test_runs_are_packed_as_before(copied: Path, package: str, kinds: list[str]) -> None:
    runs = [str(run_of("small_linear", kind)) for kind in kinds]
    person = ["--meta", "submission/meta.yaml", "--report", "submission/report.pdf", "--profile", "dcase2024"]
    lbar("submit", *runs, *person, "--data-root", "data/tones", "--out", ".")
    files = []
    for path in (copied, copied / "submission" / package):
        with zipfile.ZipFile(path / "Muster_ABC.zip") as packed:
            files.append({name: packed.read(name) for name in packed.namelist()})
    assert files[0] == files[1]


def test_a_package_is_scored_and_validated_as_before(copied: Path) -> None:
    scored = lbar(
        "score", "submission/rehearsal/Muster_ABC.zip", "--protocol", "folder", "--data-root", "data/tones", "--json"
    )
    assert known(json.loads(scored), expected("score.json")) == rounded(expected("score.json"))
    hidden = ["--audio", "data/tones", "--queries", "data/queries.csv", "--profile", "dcase2024", "--json"]
    validated = json.loads(lbar("validate", "submission/hidden_set/Muster_ABC.zip", *hidden))
    assert known(validated, expected("validate.json")) == expected("validate.json")


@pytest.mark.slow
def test_what_was_trained_is_trained_again_or_left_as_it_is(tracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The command sets it.
    monkeypatch.setenv("LBAR_WEIGHTS", "weights")
    done_before = lbar("train", "cards/small_dual_2/card.yaml", "--out", "cards", "--data-root", "data/clotho")
    assert done_before.startswith("cards/small_dual_2/card.yaml: trained before, mAP@10 ")
    people = [f"cards/written_by_people/to_train_{kind}.yaml" for kind in ("linear", "dual", "fusion")]
    written = ["cards/small_linear/card.yaml", "cards/small_fusion/card.yaml"]
    for cards, out in ((people, "by_people"), (written, "by_lbar")):
        told = lbar("train", *cards, "--out", out, "--data-root", "data/clotho", "--device", "cpu").splitlines()
        assert len(told) == len(cards)
        for line in told:
            harness.load_system(line.split(": ")[0], device="cpu")


@pytest.mark.slow
def test_a_model_in_mlflow_answers_as_before(copied: Path) -> None:
    said = expected("answer.json")
    # Another process, as another person would: nothing but MLflow's own words.
    code = (
        "import json, sys, warnings; warnings.simplefilter('ignore'); import mlflow\n"
        "model = mlflow.pyfunc.load_model('mlflow_model')\n"
        "print(model.predict(json.load(sys.stdin)).to_json(orient='split', index=False, double_precision=15))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(said["captions"]), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout.splitlines()[-1])
    assert answered["columns"] == said["columns"]
    assert [row[:-1] for row in answered["data"]] == [row[:-1] for row in said["data"]]
    assert [row[-1] for row in answered["data"]] == pytest.approx([row[-1] for row in said["data"]], abs=2e-6)
