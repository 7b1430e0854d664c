"""The commands that are disturbed, each with a folder in which it begins and the figures that it must come to."""

import csv
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from disturbances import forked

REPOSITORY = Path(__file__).resolve().parents[2]
RATE = 32_000


@dataclass(frozen=True, slots=True)
class Workload:
    """A command.

    Attributes:
        name: for the table.
        prepare: fills a folder with what the command needs and must not lose; commands run in it.
        command: runs it, in the folder.
        figures: what it came to, as JSON.
    """

    name: str
    prepare: Callable[[Path, "Run"], None]
    command: Callable[[], object]
    figures: Callable[[Path], object]


Run = Callable[[Callable[[], object], Path], None]
"""Runs a command undisturbed in a folder."""


def lbar(*arguments: str) -> Callable[[], object]:
    """The command line `lbar`."""

    def command() -> object:
        from harness.cli.app import build

        sys.argv = ["lbar", *arguments]
        return build()(list(arguments))

    return command


def _sounds(folder: Path, count: int, seed: int, captions: Path, header: tuple[str, ...]) -> None:
    """Short noises of different colours, each with captions that name it."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        noise = random.uniform(-0.3, 0.3, RATE // 2)
        soundfile.write(
            folder / f"{number}.wav", np.convolve(noise, np.ones(1 + 4 * number), "same") / (1 + number), RATE
        )
        rows.append([f"{number}.wav", *(f"noise number {number}, {way}" for way in header[1:])])
    with captions.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _folder_data(folder: Path, _run: Run) -> None:
    _sounds(folder / "data", 6, 0, folder / "captions.csv", ("file_name", "caption"))
    (folder / "captions.csv").rename(folder / "data" / "captions.csv")


EVALUATE = ("eval", "--protocol", "folder", "--data-root", "data", "--device", "cpu")


def _evaluated_before(folder: Path, run: Run) -> None:
    """As above, and a run of another system, which must be there afterwards too."""
    _folder_data(folder, run)
    run(lbar(*EVALUATE, "random", "--profile", "dcase2024"), folder)


def _to_track(folder: Path, run: Run) -> None:
    """Two runs that no database knows."""
    _folder_data(folder, run)
    run(lbar(*EVALUATE, "random", "linear"), folder)
    for path in (folder / "runs").iterdir():
        if path.name.startswith("mlflow") or path.name == "mlartifacts":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _clotho_data(folder: Path, run: Run) -> None:
    """Two splits in Clotho's layout, the card of a small dual encoder, and an evaluation made before."""
    _evaluated_before(folder, run)
    header = ("file_name", *(f"caption_{number}" for number in range(1, 6)))
    for seed, (split, count) in enumerate({"development": 8, "validation": 4}.items()):
        _sounds(folder / "clotho" / split, count, seed, folder / "clotho" / f"clotho_captions_{split}.csv", header)
    card = {
        "factory": "systems.dual_encoder.system:from_card",
        "trainer": "systems.training.two_stage:train_dual_encoder",
        "name": "small",
        "audio": {"encoder": "passt", "width": 16, "depth": 1, "heads": 2, "classes": 7},
        "windows": {"seconds": 0.5, "longest_seconds": 0.5},
        "text": {"vocabulary": 600, "width": 16, "depth": 1, "heads": 2, "intermediate": 32, "positions": 34},
        "shared": 8,
        "files": {"tokenizer": {"path": str(REPOSITORY / "systems" / "text" / "tiny_tokenizer")}},
        "training": {"data": ["clotho"], "validation": "clotho", "batch": 4, "epochs": 3, "captions": "all"},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(card))


def _submittable(folder: Path, run: Run) -> None:
    """A run with predictions, a meta file and a report."""
    from harness.submission.editions.profiles import get_profile
    from harness.submission.meta.template import template

    _evaluated_before(folder, run)
    filled_in = {
        "Lastname_INST": "Muster_ABC",
        "lastname: Lastname": "lastname: Muster",
        "Firstname": "Maxi",
        "name@institute.org": "maxi@example.org",
        "abbreviation: INST": "abbreviation: ABC",
        "Name of the Institute": "Institute of A",
        "City, Country": "Linz, Austria",
    }
    text = template(get_profile("dcase2024"))
    for old, new in filled_in.items():
        text = text.replace(old, new)
    (folder / "meta.yaml").write_text(text, encoding="utf-8")
    (folder / "report.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")


def _submit() -> object:
    (made,) = Path("runs").glob("*-random-folder")
    options = ("--profile", "dcase2024", "--meta", "meta.yaml", "--report", "report.pdf", "--data-root", "data")
    return lbar("submit", str(made), *options, "--out", "handed-in")()


def _render() -> object:
    """Render an edition of four scenes; the full one takes a minute."""
    from harness.datasets.everyday.cache import Edition, prepare

    digest = "8c26306558304359cd98bdcf241007995f2fa45d322ff6f50892b3ce6faae611"
    edition = Edition("test", {"development": 3, "validation": 2, "evaluation": 4}, {"evaluation": digest})

    def command() -> None:
        prepare(edition, "evaluation", Path("cache").resolve())

    import typer

    from harness.cli.app import _Commands

    app = typer.Typer(cls=_Commands, pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    app.command("render")(command)
    return app(["render"])


INDEX = ("index", "heard", "--system", "linear", "--out", "index", "--device", "cpu")


def _indexed_before(folder: Path, run: Run) -> None:
    """An index of two folders, in one of which a recording has gone since, two have changed, and three are new."""
    for seed, name in enumerate(("heard", "elsewhere")):
        _sounds(folder / name, 5, seed, folder / f"{name}.csv", ("file_name", "caption"))
    run(lbar(*INDEX, "elsewhere"), folder)
    _sounds(folder / "new", 5, 2, folder / "new.csv", ("file_name", "caption"))
    (folder / "heard" / "0.wav").unlink()
    for old, new in enumerate(("1.wav", "2.wav", "a.wav", "within/b.wav", "within/c.wav")):
        (folder / "heard" / "within").mkdir(exist_ok=True)
        (folder / "new" / f"{old}.wav").replace(folder / "heard" / new)


def _index() -> object:
    """Index in portions of a second, so that the little there is takes several."""
    from harness.search import recordings

    recordings._FEWEST_SECONDS = 1
    return lbar(*INDEX)()


def _measures(folder: Path) -> object:
    """The measures of each run, by system, and what MLflow has of them."""
    records = [json.loads(path.read_text()) for path in (folder / "runs").glob("2*/record.json")]
    rows = [(one["system"]["name"], {m["name"]: m["value"] for m in one["measures"]}) for one in records]
    return [sorted(rows, key=str), tracked(folder)]


def tracked(folder: Path) -> object:
    """The runs that MLflow has, their state and their metrics; refuses a damaged database."""
    with closing(sqlite3.connect(folder / "runs" / "mlflow.db")) as database:
        ((sound,),) = database.execute("PRAGMA integrity_check").fetchall()
        if sound != "ok":
            raise sqlite3.DatabaseError(sound)
        query = (
            "SELECT name, status, key, value FROM runs LEFT JOIN latest_metrics USING (run_uuid) "
            "WHERE lifecycle_stage = 'active' AND (key IS NULL OR key NOT LIKE '%second%')"
        )
        return sorted(map(list, database.execute(query)), key=str)


def _weights(folder: Path) -> object:
    record = json.loads((folder / "weights" / "small" / "training.json").read_text())
    epochs = [(epoch["number"], epoch["loss"], epoch["reached"]) for epoch in record["epochs"]]
    return [epochs, _hash(folder / "weights" / "small" / "small.safetensors"), _measures(folder)]


def _package(folder: Path) -> object:
    return {str(path.relative_to(folder)): _hash(path) for path in sorted((folder / "handed-in").rglob("*.zip"))}


def _scenes(folder: Path) -> object:
    root = folder / "cache" / "everyday-test"
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(root)): _hash(path) for path in paths}


def _windows(folder: Path) -> object:
    """Every window in an index, in the order of their places, with its title and its vector."""

    def tell() -> None:
        from harness.search.window_table import Database

        (table,) = Database("index").tables()
        places = table.places()
        found = zip(
            (os.path.relpath(places.files[file]) for file in places.file),
            places.start.tolist(),
            places.known["title"].to_pylist(),
            # Batches of other sizes give other last digits.
            np.concatenate(list(table.vectors())).astype(float).round(4).tolist(),
            strict=True,
        )
        print(json.dumps(sorted(found)))  # noqa: T201

    # What LanceDB starts in a process would not be there in those that are forked from it.
    outcome = forked(tell, folder, lambda: None, 60)
    if outcome.code:
        raise ValueError(outcome.said)
    return json.loads(outcome.said)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def nothing(_folder: Path, _run: Run) -> None:
    """A command that begins in an empty folder."""


WORKLOADS: tuple[Workload, ...] = (
    Workload("eval", _evaluated_before, lbar(*EVALUATE, "linear"), _measures),
    Workload("first eval", _folder_data, lbar(*EVALUATE, "random"), _measures),
    Workload("train", _clotho_data, lbar("train", "small.yaml", "--data-root", "clotho", "--device", "cpu"), _weights),
    Workload("track", _to_track, lbar("track", "--out", "runs"), _measures),
    Workload("render", nothing, _render, _scenes),
    Workload("submit", _submittable, _submit, _package),
    Workload("index", _indexed_before, _index, _windows),
)


def imported() -> None:
    """Import what the commands need, so that forked processes have it."""
    warnings.filterwarnings("ignore", "lancedb fork support")
    modules: dict[str, Any] = {}
    for name in (
        "harness.cli.app",
        "harness.evaluation.several",
        "harness.search.indexing",
        "harness.submission.submitting",
        "harness.runs.tracking.client",
        "harness.runs.tracking.mirroring",
        "leaderboard.cli",
        "systems.linear",
        "systems.training.fitting.fit",
        "systems.training.two_stage",
        "systems.training.cli",
        "lancedb",
        "mlflow",
        "mlflow.store.tracking.sqlalchemy_store",
        "pyarrow.parquet",
        "sklearn.feature_extraction.text",
        "transformers.models.roberta.modeling_roberta",
    ):
        modules[name] = __import__(name)
