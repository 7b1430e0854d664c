from pathlib import Path

import pytest

from harness.errors import UserError
from harness.runs.tracking.place import artifact_location, refuse_other_disk, sqlite_file

SHARED = "postgresql+psycopg2://me:secret@db.example.org/mlflow"


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:////data/my runs/mlflow.db", "/data/my runs/mlflow.db"),
        ("sqlite:///mlflow.db?timeout=3", "mlflow.db"),
        ("sqlite+pysqlite:////x.db", "/x.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        (SHARED, None),
        ("http://127.0.0.1:5000", None),
        ("mlruns", None),
    ],
)
def test_the_file_of_an_address(uri: str, file: str | None) -> None:
    assert sqlite_file(uri) == (file and Path(file))


def test_files_lie_beside_a_local_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert artifact_location("sqlite:////a b/mlflow.db", "everyday") == "file:///a%20b/mlartifacts/everyday"
    assert artifact_location("sqlite:///x.db", "everyday") == (tmp_path / "mlartifacts" / "everyday").as_uri()
    assert artifact_location("https://mlflow.example.org", "everyday") is None


def test_a_shared_database_needs_a_place_that_all_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", raising=False)
    with pytest.raises(UserError) as caught:
        artifact_location(SHARED, "everyday")
    message = str(caught.value)
    assert message.startswith("postgresql+psycopg2://db.example.org/mlflow is a database that others share")
    assert "set MLFLOW_DEFAULT_ARTIFACT_ROOT to a folder or bucket that all of you reach, or start `mlflow server`" in (
        message
    )
    assert "secret" not in message
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://ours/lbar/")
    assert artifact_location(SHARED, "everyday") == "s3://ours/lbar/everyday"
    for root in (str(tmp_path / "a b"), (tmp_path / "a b").as_uri()):
        monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", root)
        location = artifact_location(SHARED, "everyday")
        assert location == (tmp_path / "a b" / "everyday").as_uri()
        refuse_other_disk(location, SHARED)


def test_files_on_a_disk_of_somebody_else_are_refused(tmp_path: Path) -> None:
    absent = (tmp_path / "gone" / "mlartifacts").as_uri()
    for uri in (SHARED, "https://mlflow.example.org"):
        with pytest.raises(UserError, match="keeps files in file:///.*, a folder that this machine does not have"):
            refuse_other_disk(absent, uri)
        with pytest.raises(UserError, match="does not have"):
            refuse_other_disk("/nowhere/at/all", uri)
        for here in ((tmp_path / "a b").as_uri(), "s3://ours/lbar", "mlflow-artifacts:/3"):
            (tmp_path / "a b").mkdir(exist_ok=True)
            refuse_other_disk(here, uri)
    for own in ("sqlite:////x.db", "http://127.0.0.1:5000", "http://localhost:5000"):
        refuse_other_disk(absent, own)
