"""Fixtures every test may use."""

import csv
import hashlib
import shutil
import signal
import sys
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import hypothesis
import numpy as np
import psutil
import pytest
import soundfile

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
PARTICIPANT = Path(__file__).resolve().parent / "participant"


def pytest_configure() -> None:
    """Let processes that tests start be interruptible, however this one was started, and examples take their time.

    A shell has its background jobs ignore SIGINT, and nohup has them ignore SIGHUP; what is ignored is inherited, and a
    handler is not.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    # How long an example takes depends on what else the machine does.
    hypothesis.settings.register_profile("lbar", deadline=None)
    hypothesis.settings.load_profile("lbar")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave nothing running that a test started and, as it failed, did not wait for."""
    report = yield
    if report.when == "call" and report.failed:
        for process in psutil.Process().children(recursive=True):
            if process.create_time() >= call.start:
                process.kill()
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real files that are not shipped; a test that needs it skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder of real data files (shared/ beside the repository), which is not here")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def compiled_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what torch compiles in a folder of this run: what an earlier run left unfinished cannot fail this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole run, for what is costly to make and never changes."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def surroundings(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests or of the test before gets in, and nothing gets out into their cache."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
    monkeypatch.setenv("LBAR_CACHE", str(session_cache))
    for name in ("LBAR_DATA", "LBAR_RUNS", "LBAR_TRUST", "LBAR_WEIGHTS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for this test alone."""
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database with all tables, which take seconds to make: tests copy it."""
    from harness.runs.tracking import client as tracking

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
    monkeypatch.setenv("LBAR_TRUST", "1")
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


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Writes a whole run folder of a system that exists only in its answers.

    `hard` decides which clips are hard and is shared by systems of one benchmark, `seed` what this system makes of
    them, `quality` how well it does. Returns the folder.
    """
    from harness.measures.measure import parse_measure
    from harness.measures.ranking import Ranks
    from harness.measures.statistics import intervals
    from harness.measures.summary import MeasureRecord
    from harness.protocols.description import get_protocol
    from harness.runs.records import EvaluationRecord, ProtocolRecord
    from harness.runs.run_folder import write_run

    historic = EvaluationRecord.from_json(
        (Path(__file__).parent / "data" / "evaluation_v1.json").read_text(encoding="utf-8")
    )

    def make(
        out: Path,
        name: str = "linear",
        *,
        quality: float = 0.0,
        clips: int = 40,
        captions: int = 5,
        hard: int = 0,
        seed: int | None = None,
        protocol: str = "everyday",
        texts: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        kept: int = 20,
        system: dict[str, object] | None = None,
        **changes: object,
    ) -> Path:
        from uuid import uuid4

        rng = np.random.default_rng(zlib.crc32(name.encode()) if seed is None else seed)
        queries = clips * captions
        source = np.repeat(np.arange(clips), captions)
        difficulty = np.random.default_rng(hard).standard_normal(clips)
        own = 0.6 * rng.standard_normal(clips)[source] + 0.5 * rng.standard_normal(queries)
        rank = np.clip(np.ceil(np.exp(1.5 + difficulty[source] + own - quality)), 1, clips).astype(np.int64)
        best = (source[:, None] + 1 + np.argsort(rng.random((queries, clips - 1)), axis=1)[:, :kept]) % clips
        found = rank <= min(kept, clips - 1)
        best[found, rank[found] - 1] = source[found]
        files = np.array(names or [f"clip {index}.wav" for index in range(clips)], dtype=object)
        rules = get_protocol(protocol)
        ranks = Ranks(np.arange(queries + 1), rank, rank)
        values = {measure: parse_measure(measure)(ranks) for measure in rules.measures}
        bounds = intervals(np.stack(list(values.values()), axis=1), source, resamples=200)
        record: EvaluationRecord = historic.model_copy(
            update={
                "id": uuid4().hex,
                "protocol": ProtocolRecord.model_validate(rules),
                "system": historic.system.model_copy(
                    update={"name": name, "digest": hashlib.sha256(f"{name}{seed}".encode()).hexdigest()}
                    | (system or {})
                ),
                "dataset": historic.dataset.model_copy(update={"clips": clips, "queries": queries}),
                "measures": tuple(
                    MeasureRecord(name=measure, value=one.mean(), optimistic=one.mean(), low=low, high=high)
                    for (measure, one), (low, high) in zip(values.items(), bounds.tolist(), strict=True)
                ),
            }
            | changes
        )
        return write_run(
            out,
            record,
            per_query={
                "query": np.arange(queries),
                "text": list(
                    texts or (f"caption {index % captions} of clip {index // captions}" for index in range(queries))
                ),
                "clip": files[source].tolist(),
                "rank_pessimistic": rank,
                "rank_optimistic": rank,
            }
            | values,
            ranking={
                "query": np.repeat(np.arange(queries), best.shape[1]),
                "rank": np.tile(np.arange(1, best.shape[1] + 1), queries),
                "item": files[best.ravel()],
                "score": np.tile(np.linspace(1, 0, best.shape[1], dtype=np.float32), queries),
            },
        )

    return make


@pytest.fixture(scope="module")
def workers_end() -> Iterator[None]:
    """Workers that a module's tests start find its functions, and end with it."""
    reason = "Dask is not here: pip install 'lbar[spread]'"
    pytest.importorskip("distributed", reason=reason)
    from harness.evaluation.spreading import cluster

    with pytest.MonkeyPatch.context() as patch:
        # They import what they are sent, and processes that are started take over this one's path.
        patch.syspath_prepend(str(Path(__file__).resolve().parents[1]))
        yield
    for on in [*cluster._clusters]:
        cluster._clusters.pop(on).close()
