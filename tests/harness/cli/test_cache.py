import json
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

from harness.audio import decoder_version
from harness.cli import build


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cache"
    monkeypatch.setenv("LBAR_CACHE", str(root))
    for folder in (f"pcm/clotho-{decoder_version()}", "pcm/clotho-00000000", "everyday-1", "photographs"):
        (root / folder).mkdir(parents=True)
        (root / folder / "file").write_bytes(bytes(1_500))
    return root


def lbar(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["cache", *arguments])


def test_the_table_has_every_kind_and_the_sum(root: Path) -> None:
    lines = [line.split() for line in lbar().stdout.splitlines()]
    assert lines[0][:3] == ["kind", "folders", "size"]
    assert {line[0]: line[1:4] for line in lines[1:-1]} == {
        "samples": ["1", "1.5", "kB"],
        "old-samples": ["1", "1.5", "kB"],
        "embeddings": ["0", "0", "B"],
        "correspondences": ["0", "0", "B"],
        "systems": ["0", "0", "B"],
        "everyday": ["1", "1.5", "kB"],
        "indexes": ["0", "0", "B"],
        "mlflow": ["0", "0", "B"],
    }
    assert lines[-1][:4] == ["4.5", "kB", "in", f"{root},"]


def test_json_names_every_folder(root: Path) -> None:
    document = json.loads(lbar("--json").stdout)
    assert document["folder"] == str(root)
    assert document["free"] > 0
    assert document["kept"][2] == {"kind": "everyday", "folder": str(root / "everyday-1"), "bytes": 1_500}
    assert len(document["kept"]) == 3


def test_nothing_is_deleted_unasked(root: Path) -> None:
    done = lbar("clear")
    assert done.exit_code == 2
    assert "samples, old-samples, everyday (4.5 kB) would be deleted; say --yes to do so" in done.stderr
    assert (root / "everyday-1" / "file").exists()


def test_all_of_ours_is_deleted(root: Path) -> None:
    done = lbar("clear", "--yes")
    assert (done.exit_code, done.stdout) == (0, "deleted: samples, old-samples, everyday (4.5 kB)\n")
    assert [path.name for path in root.rglob("file")] == ["file"]
    assert (root / "photographs" / "file").exists()
    again = lbar("clear")
    assert (again.exit_code, again.stdout) == (0, "nothing deleted\n")


def test_one_kind_is_deleted(root: Path) -> None:
    document = json.loads(lbar("clear", "old-samples", "--yes", "--json").stdout)
    assert document == {
        "deleted": [{"kind": "old-samples", "folder": str(root / "pcm" / "clotho-00000000"), "bytes": 1_500}],
        "in_use": [],
    }
    assert len(json.loads(lbar("--json").stdout)["kept"]) == 2


def test_what_is_in_use_stays_and_is_named(root: Path) -> None:
    folder = root / "everyday-1"
    with FileLock(folder / ".development.lock"):
        done = lbar("clear", "everyday", "--yes")
    assert done.stdout == "nothing deleted\n"
    assert done.stderr == f"{folder} stays: another process is writing it\n"


def test_an_unknown_kind_is_refused(root: Path) -> None:
    done = lbar("clear", "sample")
    assert done.exit_code == 2
    assert "unknown kind 'sample'; did you mean 'samples'?" in done.stderr
