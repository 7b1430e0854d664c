import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.errors import UserError
from harness.runs.run_folder import read_record
from harness.runs.tracking.client import open_client, tracking_uri
from harness.runs.tracking.restoring import restore
from leaderboard.board.entries import standings
from leaderboard.models.registering import register
from leaderboard.runs.collecting import collect

MakeRun = Callable[..., Path]


@pytest.fixture
def everyday(migrated_runs: Path) -> Path:
    """Real runs of the bundled benchmark."""
    done = CliRunner().invoke(
        build(), ["eval", "linear", "random", "--out", str(migrated_runs)], catch_exceptions=False
    )
    assert done.exit_code == 0
    return migrated_runs


def test_the_best_system_comes_back_from_the_registry_and_ranks_as_it_was_evaluated(
    everyday: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    command = ["mlflow", "register", "--out", str(everyday)]
    first = CliRunner().invoke(build(), command, catch_exceptions=False)
    assert first.stdout == "linear is now models:/lbar-everyday@best (version 1)\n"
    again = CliRunner().invoke(build(), command, catch_exceptions=False)
    assert again.stdout == "linear is models:/lbar-everyday@best already (version 1)\n"

    (folder,) = everyday.glob("*-linear-everyday")
    texts = pq.read_table(folder / "per_query.parquet", columns=["text"])["text"].to_pylist()
    # Another process, as another person would: nothing but MLflow's own words.
    code = (
        "import json, pathlib, sys, warnings; warnings.simplefilter('ignore'); import mlflow\n"
        "model = mlflow.pyfunc.load_model('models:/lbar-everyday@best')\n"
        "answers = model.predict(json.load(sys.stdin))\n"
        "(clips,) = pathlib.Path(sys.argv[1]).rglob('clips.npy')\n"
        "clips.write_bytes(clips.read_bytes()[:-1] + b'!')\n"
        "try: mlflow.pyfunc.load_model('models:/lbar-everyday@best')\n"
        "except Exception as error: print(error)\n"
        "print(answers.to_json(orient='split'))"
    )
    environment = dict(os.environ, MLFLOW_TRACKING_URI=tracking_uri(everyday))
    done = subprocess.run(
        [sys.executable, "-c", code, str(everyday)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    damaged, answers = done.stdout.splitlines()[-2:]
    assert "clips.npy is damaged" in damaged, "a byte of it was changed in between"
    answered = json.loads(answers)
    assert answered["columns"] == ["caption", "rank", "clip", "score"]
    ranking = pq.read_table(folder / "ranking.parquet").to_pydict()
    expected = [
        (texts[query], rank, clip, pytest.approx(score, abs=2e-6))
        for query, rank, clip, score in zip(
            *(ranking[name] for name in ("query", "rank", "item", "score")), strict=True
        )
        if rank <= 10
    ]
    assert [tuple(row) for row in answered["data"]] == expected

    with open_client(everyday) as client:
        version = client.get_model_version_by_alias("lbar-everyday", "best")
        assert version.tags["lbar.record_id"] == read_record(folder).id
        size = sum(file.file_size or 0 for file in client.list_artifacts(version.run_id, "retriever/artifacts"))
    assert 0 < size < 100_000
    before = {path.name for path in folder.iterdir()}
    folder.rename(everyday / ".away")
    restored = [path for path in restore("everyday", out=everyday) if "linear" in path.name]
    assert {path.name for path in restored[0].iterdir()} == before
    assert not list(Path.cwd().iterdir())


def test_what_cannot_be_registered_is_one_line(migrated_runs: Path, tmp_path: Path, make_run: MakeRun) -> None:
    make_run(migrated_runs, "nowhere")
    (standing,) = standings(collect(migrated_runs))
    with pytest.raises(UserError, match="nowhere is the best, but cannot be loaded by that name here: unknown system"):
        register(standing, out=migrated_runs, data_root=tmp_path)
    make_run(migrated_runs, "random", protocol="everyday-multi")
    (standing,) = standings(collect(migrated_runs).only(["everyday-multi"]))
    with pytest.raises(UserError, match="the random that is here is not the one of .*; evaluate it again"):
        register(standing, out=migrated_runs, data_root=tmp_path)
    make_run(migrated_runs, "random", protocol="everyday-a2t")
    (standing,) = standings(collect(migrated_runs).only(["everyday-a2t"]))
    with pytest.raises(UserError, match="a model that takes captions needs text-to-audio"):
        register(standing, out=migrated_runs, data_root=tmp_path)
