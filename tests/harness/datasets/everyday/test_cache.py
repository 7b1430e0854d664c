"""Rendering once, safely, and reading with Clotho's reader."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.datasets.everyday.cache import Edition, prepare
from harness.datasets.readers.annotations import read_annotations
from harness.datasets.readers.captions_csv import read_split
from harness.errors import UserError

SMALL = Edition(
    version="test",
    sizes={"development": 3, "validation": 2, "evaluation": 4},
    digests={
        "development": "a7819500e8a38063ff00ce2d5766f987cf327f1207fb275dc43211d60d420926",
        "validation": "e28d127844d30f98ad946e2c4de78842cd3b6039b0224cf2d97bbb1532247372",
        "evaluation": "8c26306558304359cd98bdcf241007995f2fa45d322ff6f50892b3ce6faae611",
    },
)

PREPARE = f"""
import sys
from pathlib import Path
from harness.datasets.everyday.cache import Edition, prepare
from harness.errors import UserError

def say(stage, total):
    return heard

def heard(step):
    print(step, flush=True)

try:
    prepare({SMALL!r}, "evaluation", Path(sys.argv[1]), say)
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def start(root: Path, program: str = PREPARE) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    return subprocess.Popen(
        [sys.executable, "-c", program, str(root)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def visible(root: Path) -> set[str]:
    folder = root / "everyday-test"
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.exists() else set()


EVALUATION = {"evaluation", "clotho_captions_evaluation.csv", "relevance_evaluation.csv", "scenes_evaluation.json"}


@pytest.mark.parametrize("split", SMALL.sizes)
def test_a_split_is_rendered_and_read_as_clotho_is(tmp_path: Path, split: str) -> None:
    seen: list[int] = []
    folder = prepare(SMALL, split, tmp_path, lambda stage, total: seen.append(total) or seen.append)
    size = SMALL.sizes[split]
    assert seen == [size, *(1 for _ in range(size))]
    dataset = read_split(folder / f"clotho_captions_{split}.csv", folder / split, "everyday", split)
    assert len(dataset.clips) == size
    assert len(dataset.queries) == 5 * size
    assert {path.name for path in (folder / split).iterdir()} == {clip.name for clip in dataset.clips}
    assert all(clip.path.is_file() for clip in dataset.clips)
    asked, relevant = read_annotations(folder / f"relevance_{split}.csv", dataset)
    assert asked == list(range(5 * size))
    assert all(dataset.queries[query].clip in clips for query, clips in zip(asked, relevant, strict=True))


def test_the_truth_about_the_scenes_lies_beside_them(tmp_path: Path) -> None:
    folder = prepare(SMALL, "evaluation", tmp_path)
    scenes = json.loads((folder / "scenes_evaluation.json").read_text())
    with (folder / "clotho_captions_evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [scene["name"] for scene in scenes] == [row["file_name"] for row in rows]
    for scene, row in zip(scenes, rows, strict=True):
        assert [caption["text"] for caption in scene["captions"]] == [
            row[f"caption_{number}"] for number in range(1, 6)
        ]
        assert (folder / "evaluation" / scene["name"]).stat().st_size == 44 + 64 * scene["duration_ms"]
        assert all(0 <= sound["start_ms"] < sound["end_ms"] <= scene["duration_ms"] for sound in scene["sounds"])


def test_it_is_rendered_once(tmp_path: Path) -> None:
    folder = prepare(SMALL, "evaluation", tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    prepare(SMALL, "evaluation", tmp_path, lambda stage, total: pytest.fail("rendered again"))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_splits_do_not_disturb_each_other(tmp_path: Path) -> None:
    for split in SMALL.sizes:
        prepare(SMALL, split, tmp_path)
    for split in SMALL.sizes:
        prepare(SMALL, split, tmp_path)


def test_two_processes_at_once(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sorted(len(output.splitlines()) for output, _ in outputs) == [0, 4]
    assert visible(tmp_path) == EVALUATION
    prepare(SMALL, "evaluation", tmp_path)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_dies_leaves_nothing_half_done(tmp_path: Path, how: signal.Signals) -> None:
    waiting = PREPARE.replace("flush=True)", "flush=True)\n    import time; time.sleep(60)", 1)
    process = start(tmp_path, waiting)
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode not in (0, 2)
    assert visible(tmp_path) == set()
    folder = prepare(SMALL, "evaluation", tmp_path)
    assert visible(tmp_path) == EVALUATION
    assert not list(folder.glob(".evaluation-*"))


def test_killed_while_moving_the_finished_files(tmp_path: Path) -> None:
    folder = prepare(SMALL, "evaluation", tmp_path)
    (folder / "clotho_captions_evaluation.csv").unlink()
    (folder / "scenes_evaluation.json").unlink()
    prepare(SMALL, "evaluation", tmp_path)
    assert visible(tmp_path) == EVALUATION


def change_a_sample(folder: Path) -> None:
    path = folder / "evaluation" / "evaluation_0002.wav"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)


def remove_a_clip(folder: Path) -> None:
    (folder / "evaluation" / "evaluation_0002.wav").unlink()


def add_a_clip(folder: Path) -> None:
    (folder / "evaluation" / "extra.wav").write_bytes(b"")


def remove_the_clips(folder: Path) -> None:
    for path in (folder / "evaluation").iterdir():
        path.unlink()
    (folder / "evaluation").rmdir()


def change_a_caption(folder: Path) -> None:
    path = folder / "clotho_captions_evaluation.csv"
    path.write_text(path.read_text().replace(" a ", " the ", 1))


def remove_the_relevance(folder: Path) -> None:
    (folder / "relevance_evaluation.csv").unlink()


@pytest.mark.parametrize(
    "harm",
    [change_a_sample, remove_a_clip, add_a_clip, remove_the_clips, change_a_caption, remove_the_relevance],
    ids=lambda harm: harm.__name__,
)
def test_changed_files_are_noticed(tmp_path: Path, harm: object) -> None:
    folder = prepare(SMALL, "evaluation", tmp_path)
    harm(folder)  # type: ignore[operator]
    with pytest.raises(UserError, match=r"changed or damaged.*delete this folder") as caught:
        prepare(SMALL, "evaluation", tmp_path)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_file_manager_leaves_is_no_change(tmp_path: Path) -> None:
    folder = prepare(SMALL, "evaluation", tmp_path)
    (folder / "evaluation" / ".DS_Store").write_bytes(b"seen")
    assert prepare(SMALL, "evaluation", tmp_path) == folder


def test_other_bytes_than_expected_are_not_published(tmp_path: Path) -> None:
    other = replace(SMALL, digests={**SMALL.digests, "evaluation": "0" * 64})
    with pytest.raises(UserError, match=r"came out with SHA-256 8c26306558304359"):
        prepare(other, "evaluation", tmp_path)
    assert visible(tmp_path) == set()


def test_a_cache_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match=r"cache.*cannot be rendered there.*needs 2 MB.*LBAR_CACHE"):
        prepare(SMALL, "evaluation", tmp_path / "cache")


# A superuser may write anywhere: the process steps down to a user who may not, after all imports have been made.
STEP_DOWN = f"""
prepare({SMALL!r}, "validation", Path(sys.argv[1]).parent / "warm")
if os.getuid() == 0:
    os.setuid(65534)
try:
"""
READ_ONLY = "import os\n" + PREPARE.replace("try:\n", STEP_DOWN, 1)


def test_a_read_only_cache(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(0o755)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    process = start(locked, READ_ONLY)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 2, message
    assert f"{locked}" in message
    assert "Permission denied" in message
    assert "LBAR_CACHE" in message
    assert len(message.splitlines()) == 1


def test_a_read_only_cache_is_read(tmp_path: Path) -> None:
    folder = prepare(SMALL, "evaluation", tmp_path)
    (folder / ".evaluation.lock").unlink(missing_ok=True)
    for path in (folder, folder / "evaluation"):
        path.chmod(0o555)
    assert prepare(SMALL, "evaluation", tmp_path) == folder
    assert not (folder / ".evaluation.lock").exists()


def test_a_full_disk(tmp_path: Path) -> None:
    # A limit on the size of files makes the system itself refuse a write half way, as a full disk does.
    limited = PREPARE.replace(
        "import sys\n", "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n", 1
    )
    process = start(tmp_path, limited)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 2, message
    assert "needs 2 MB; make room, or name another folder in LBAR_CACHE" in message
    assert len(message.splitlines()) == 1
    assert visible(tmp_path) == set()
    assert not list((tmp_path / "everyday-test").glob(".evaluation-*"))
