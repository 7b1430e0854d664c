"""Fixtures every test may use."""

import csv
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
PARTICIPANT = Path(__file__).resolve().parent / "participant"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real files that are not shipped; a test that needs it skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder of real data files (shared/ beside the repository), which is not here")
    return SHARED


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole run, for what is costly to make and never changes."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def surroundings(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests gets in, and nothing gets out into their cache."""
    monkeypatch.setenv("LBAR_CACHE", str(session_cache))
    for name in ("LBAR_DATA", "LBAR_RUNS", "LBAR_WEIGHTS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for this test alone."""
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database with all tables, which take seconds to make: tests copy it."""
    from harness import tracking

    out = tmp_path_factory.mktemp("migrated")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with tracking.open_client(out) as client:
            client.search_experiments()
    return out / "mlflow.db"


@pytest.fixture
def migrated_runs(tmp_path: Path, migrated: Path) -> Path:
    """A folder of run folders, empty but for a migrated database."""
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(migrated, folder)
    return folder


@pytest.fixture
def participant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory that holds a participant's module, `tone_system`."""
    (tmp_path / "tone_system.py").write_bytes((PARTICIPANT / "tone_system.py").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield tmp_path
    sys.modules.pop("tone_system", None)


@pytest.fixture
def tones(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder data set of clips with one tone each, two captions a clip, and returns its path."""

    def make(pitches: tuple[int, ...] = (300, 420, 600, 800, 1100, 1500, 2000, 2600)) -> Path:
        root = tmp_path / "tones"
        root.mkdir()
        with (root / "captions.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["file_name", "caption_1", "caption_2"])
            for index, pitch in enumerate(pitches):
                time = np.arange(8000 + 1000 * index) / 16000
                soundfile.write(root / f"tone {index}.wav", 0.5 * np.sin(2 * np.pi * pitch * time), 16000)
                writer.writerow([f"tone {index}.wav", f"a tone of {pitch} hertz", f"it hums at {pitch}, softly"])
        return root

    return make
