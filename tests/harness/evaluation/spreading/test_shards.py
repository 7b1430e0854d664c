"""A system evaluated by workers: the same rows, bit for bit, and the same record, as by one process."""

import filecmp
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.audio.clip import Array
from harness.audio.store import PcmStore
from harness.errors import UserError
from harness.evaluation.batches import EmbeddingJob
from harness.evaluation.evaluating import Run, evaluate
from harness.evaluation.hidden_set import hidden_task, predict, read_scores
from harness.evaluation.options import Options
from harness.evaluation.spreading import shards as module
from harness.evaluation.spreading import worker
from harness.evaluation.spreading.shards import Captions, Clips, Pairs, Workers
from harness.interface.systems import build_system
from harness.protocols.description import get_protocol

ON = "local:2"
FOLDER = get_protocol("folder")
needs_dask = pytest.mark.usefixtures("workers_end")
PARTICIPANT = (Path(__file__).resolve().parents[3] / "participant" / "tone_system.py").read_text()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory for the module: a worker has imported what it has imported."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "spread_tones.py").write_text(PARTICIPANT)
    return folder


@pytest.fixture(autouse=True)
def there(home: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    monkeypatch.setenv("LBAR_TRUST", "1")
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(str(home))
    for name in ("spread", "alone", "again"):
        assert not (home / name).exists()


@pytest.fixture
def data(tones: Callable[..., Path]) -> Path:
    return tones(tuple(range(300, 2300, 100)))


def evaluated(name: str, options: Options) -> Run:
    built = options.build(name)
    return evaluate(built.system, FOLDER, options.told(name, built))


@needs_dask
@pytest.mark.parametrize("system", ["ToneSystem", "Scored", "Pairs", "Undigested"])
def test_workers_give_what_one_process_gives(
    system: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"spread_tones:{system}"
    options = Options(data_root=data, device="auto", out=tmp_path / "alone", batch_size=4, keep_embeddings=True)
    alone = evaluated(name, options)
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "other cache"))
    spread = evaluated(name, replace(options, out=tmp_path / "spread", workers=Workers(ON)))
    for array in (alone.folder / "embeddings").iterdir():
        assert np.load(array).tobytes() == np.load(spread.folder / "embeddings" / array.name).tobytes()
    unlike = {"id", "created", "seconds", "command", "environment", "workers"}
    assert alone.record.model_dump(exclude=unlike) == spread.record.model_dump(exclude=unlike)
    assert filecmp.cmp(alone.folder / "per_query.parquet", spread.folder / "per_query.parquet", shallow=False)
    assert not alone.record.workers
    (machine,) = spread.record.workers
    assert (machine.workers, machine.cpu) == (2, spread.record.environment.cpu)


@pytest.mark.parametrize(
    ("devices", "gpus", "taken"),
    [
        ("cuda", 4, ["cuda:0", "cuda:1", "cuda:2", "cuda:3", "cuda:0"]),
        ("cuda", 1, ["cuda:0"] * 5),
        ("cuda", 0, ["cuda"] * 5),
        ("cuda:1,cuda:3", 4, ["cuda:1", "cuda:3", "cuda:1", "cuda:3", "cuda:1"]),
        ("cuda:2", 4, ["cuda:2"] * 5),
        ("cpu", 4, ["cpu"] * 5),
    ],
)
def test_each_worker_takes_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, devices: str, gpus: int, taken: list[str]
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert worker.own_device(devices) == devices  # No worker.
    found = []
    for name in range(5):
        monkeypatch.setattr(distributed, "get_worker", lambda name=name: SimpleNamespace(name=name))
        found.append(worker.own_device(devices))
    assert found == taken
    # One that was started by itself has its address for a name.
    monkeypatch.setattr(distributed, "get_worker", lambda: SimpleNamespace(name="tcp://host:1"))
    assert worker.own_device(devices) == taken[0]


@needs_dask
def test_each_worker_builds_the_system_for_its_own_device(data: Path, tmp_path: Path) -> None:
    """Two names of the processor stand for two GPUs."""
    Path("spread_devices.py").write_text(
        "import numpy as np\nfrom pathlib import Path\nfrom time import sleep\nfrom harness import SystemInfo\n\n\n"
        "class There:\n    info = SystemInfo('there', 16000, digest='there-1')\n\n"
        "    def __init__(self, device):\n        self.device = device\n\n"
        "    def embed_audio(self, clips):\n        with Path('devices.txt').open('a') as file:\n"
        "            file.write(self.device + '\\n')\n        sleep(0.2)\n"
        "        return np.ones((len(clips), 3), np.float32)\n\n"
        "    def embed_text(self, captions):\n        return np.ones((len(captions), 3), np.float32)\n"
    )
    options = Options(data_root=data, device="cpu:0,cpu:1", out=tmp_path / "runs", batch_size=2, workers=Workers(ON))
    evaluated("spread_devices:There", options)
    assert set(Path("devices.txt").read_text().split()) == {"cpu:0", "cpu:1"}


@needs_dask
def test_what_was_kept_is_not_made_again(data: Path, tmp_path: Path) -> None:
    options = Options(data_root=data, device="auto", out=tmp_path / "alone", batch_size=4)
    evaluated("spread_tones:Recorded", options)
    Path("embedded.txt").unlink()
    evaluated("spread_tones:Recorded", replace(options, out=tmp_path / "again", workers=Workers(ON)))
    assert not Path("embedded.txt").exists()


@needs_dask
def test_an_error_of_the_system_names_the_items_of_the_whole(data: Path, tmp_path: Path) -> None:
    Path("spread_wrong.py").write_text(
        "import numpy as np\nfrom harness import SystemInfo\n\n\nclass Wrong:\n"
        "    info = SystemInfo('wrong', 16000, digest='wrong-1')\n\n"
        "    def embed_audio(self, clips):\n"
        "        if any(len(clip) > 20500 for clip in clips):\n            raise RuntimeError('too long')\n"
        "        return np.ones((len(clips), 3), np.float32)\n\n"
        "    def embed_text(self, captions):\n        return np.ones((len(captions), 3), np.float32)\n"
    )
    options = Options(data_root=data, device="auto", out=tmp_path / "runs", batch_size=4, workers=Workers(ON))
    with pytest.raises(UserError, match="wrong failed on clips 12 to 15 of 20: RuntimeError: too long"):
        evaluated("spread_wrong:Wrong", options)


@needs_dask
def test_a_hidden_set_is_predicted_by_workers(data: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.csv"
    queries.write_text("caption\n" + "".join(f"a tone of {pitch}\n" for pitch in range(300, 900, 50)))
    task = hidden_task(queries, data)
    options = Options(out=tmp_path / "runs", device="auto")
    built = options.build("spread_tones:ToneSystem")
    alone = predict(built.system, task, options.told("spread_tones:ToneSystem", built))
    spread_options = replace(options, workers=Workers(ON), out=tmp_path / "more")
    spread = predict(built.system, task, spread_options.told("spread_tones:ToneSystem", built))
    assert spread.record.workers[0].workers >= 1
    assert np.array_equal(read_scores(alone.folder, alone.record), read_scores(spread.folder, spread.record))


def test_an_object_has_to_be_given_a_name(data: Path, tmp_path: Path) -> None:
    system = build_system("spread_tones:ToneSystem").system
    with pytest.raises(UserError, match="a system is built again by its name: say it by Workers"):
        evaluate(system, FOLDER, Options(data_root=data, device="auto", out=tmp_path, workers=Workers(ON)))


def sent(data: Path) -> Clips:
    from harness.audio.clip import Clip

    clips = [Clip(path.name, path) for path in sorted(data.glob("*.wav"))[:6]]
    store = PcmStore.of("folder", 16_000)
    store.ensure(clips)
    return Clips.of("folder", store, clips)


def test_a_worker_without_the_data_names_the_folder(data: Path) -> None:
    part = sent(data).part(0, 3)
    data.rename(data.with_name("elsewhere"))
    with pytest.raises(UserError, match=f"there is no folder {data}, where the clips lie; mount it there"):
        part.job(build_system("spread_tones:ToneSystem").system, None)


def test_a_worker_with_other_sound_is_refused(data: Path) -> None:
    part = sent(data).part(0, 3)
    (data / "tone 1.wav").write_bytes((data / "tone 9.wav").read_bytes())
    with pytest.raises(UserError, match="have other samples than where the command runs"):
        part.job(build_system("spread_tones:ToneSystem").system, None)


def test_a_worker_with_another_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_codes", {})
    recipe = module.Recipe("spread_tones:ToneSystem", "own", "fp32", "tone-2", None)
    with pytest.raises(UserError, match="is another one than where the command runs"):
        recipe.built()
    with pytest.raises(UserError, match="code of spread_tones:ToneSystem has changed .* restart the workers"):
        replace(recipe, code="changed").built()


def test_a_process_of_another_version_refuses_to_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    asker = worker.Asker.here(local=False)
    asker.refuse_unlike()
    other = replace(asker, code="0" * 64, packages={**asker.packages, "lbar": "0.1.0"})
    with pytest.raises(UserError, match=r"worker runs lbar \S+ \(code \w{8}\), .* lbar 0\.1\.0 \(code 0"):
        other.refuse_unlike()
    with pytest.raises(UserError, match=r"the worker has numpy \S+ instead of 1\.0; install the same versions"):
        replace(asker, packages={**asker.packages, "numpy": "1.0"}).refuse_unlike()


def test_a_host_without_the_folder_is_named(tmp_path: Path) -> None:
    asker = replace(worker.Asker.here(local=False), folder=str(tmp_path / "gone"))
    with pytest.raises(UserError, match=rf"^on \S+: there is no folder {tmp_path / 'gone'}, in which the command runs"):
        worker.Task(abs, asker)(1)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(20.0, [1, 1, 1, 1, 1]), (0.25, [1, 1, 4, 4, 4]), (0.0001, [1, 1, 3147])]
)
def test_shards_are_as_many_whole_batches_as_take_a_second(
    seconds: float, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two are one batch, as nothing is known then; `seconds` is what a batch takes."""
    asked: list[tuple[int, int]] = []

    def compute(_: object, shards: Iterator[module._Shard], __: str) -> Iterator[tuple[float, list[Array]]]:
        ahead = [next(shards), next(shards)]
        while ahead:
            one = ahead.pop(0)
            asked.append((one.start, one.stop))
            rows = one.stop - one.start
            yield (
                seconds * rows / 32,
                [np.zeros((min(32, rows - start), 4), np.float32) for start in range(0, rows, 32)],
            )
            ahead += islice(shards, 1)

    monkeypatch.setattr(module, "spread", compute)
    system = build_system("spread_tones:ToneSystem").system
    rest = Workers(ON, "x").rest(system, Captions(["a 1"] * 100_800))
    made = sum(map(len, rest(np.zeros((32, 4), np.float32))))
    assert made == 100_800 - 32
    assert [start for start, _ in asked] == [32, *(stop for _, stop in asked[:-1])]
    assert asked[-1][1] == 100_800
    batches = [(stop - start) / 32 for start, stop in asked]
    assert batches[: len(expected)] == expected


def test_pairs_go_with_all_clips(data: Path) -> None:
    pairs = Pairs([f"a tone of {pitch}" for pitch in (300, 500, 900)], sent(data))
    system = build_system("spread_tones:Pairs").system
    whole: EmbeddingJob[str] = pairs.job(system, 4)
    part = pairs.part(1, 3).job(system, 4)
    nothing = np.zeros((0, 0), np.float32)
    rows = np.concatenate(list(part.batches(nothing)))
    assert rows.shape == (2, 6)
    assert np.array_equal(rows, np.concatenate(list(whole.batches(nothing)))[1:])


class Unequal:
    """Says how many cores this machine has."""

    machine = worker.Machine("node1", "EPYC", 64, None, 1)


def test_unequal_hardware_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    from harness.evaluation.spreading.cluster import Cluster

    found = object.__new__(Cluster)
    found.machines = {}
    for address, machine in (
        ("tcp://a", Unequal.machine),
        ("tcp://b", Unequal.machine._replace(host="node2")),
        ("tcp://c", Unequal.machine._replace(host="node3", cpu="Xeon")),
        ("tcp://c", Unequal.machine._replace(host="node3", cpu="Xeon")),
    ):
        found._note(address, machine)
    assert [record.getMessage() for record in caplog.records] == [
        "workers of unequal hardware, whose results may differ in their last digits: EPYC, 64 threads (node1), "
        "EPYC, 64 threads (node2), Xeon, 64 threads (node3)"
    ]
