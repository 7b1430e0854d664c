"""That the tool finds what a careless command loses, and finds nothing in a careful one."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.own_process
FOLDER = Path(__file__).parents[2] / "tools" / "chaos"


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        spec = spec_from_file_location("chaos", FOLDER / "__main__.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        # Dataclasses look up the module they are defined in.
        patch.setitem(sys.modules, "chaos", module)
        spec.loader.exec_module(module)
        yield module
        for name in ("disturbances", "workloads"):
            sys.modules.pop(name, None)


def prepared(folder: Path, _run: object) -> None:
    (folder / "kept.txt").write_text("kept")


def figures(folder: Path) -> object:
    return (folder / "result.txt").read_text()


def careful() -> None:
    Path("tmp/unfinished.txt").write_text("result")
    Path("tmp/unfinished.txt").rename("result.txt")


def careless() -> None:
    """Takes a result that is there for a whole one."""
    if not Path("result.txt").exists():
        with Path("result.txt").open("w") as file:
            Path("more").mkdir(exist_ok=True)
            file.write("result")


def litters() -> None:
    name = f"tmp/{len(list(Path('tmp').iterdir()))}"
    Path(name).mkdir()
    Path("result.txt").write_text("result")
    Path(name).rmdir()


def destroys() -> None:
    """Replaces what was there by way of nothing."""
    Path("kept.txt").unlink()
    Path("kept.txt").write_text("kept")
    Path("result.txt").write_text("result")


def refuses_for_good() -> None:
    """Leaves a lock that nobody holds."""
    if Path("tmp/held").exists():
        raise SystemExit(2)
    Path("tmp/held").touch()
    careful()
    Path("tmp/held").unlink()


def has_it_done() -> None:
    """By a process of its own, which takes nearly all of the time."""
    code = "sum(i * i for i in range(10**7)); open('result.txt', 'w').write('result')"
    subprocess.run([sys.executable, "-c", code], check=True)


def writes_much() -> None:
    Path("tmp/much.txt").write_text("x" * 40_000)
    Path("tmp/much.txt").rename("result.txt")


def clears_after_a_day() -> None:
    for left in Path("tmp").iterdir():
        if time.time() - left.stat().st_mtime > 86_400:
            left.rmdir()
    litters()


def tried(tool: ModuleType, tmp_path: Path, command: Callable[[], None], how: str, unit: str, moment: float) -> Any:
    workload = tool.Workload("toy", prepared, command, figures)
    return tool.tried(tool.undisturbed(workload, tmp_path), tool.Disturbance(how, unit, moment))


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.6])
def test_nothing_is_found_in_a_careful_command(tool: ModuleType, tmp_path: Path, moment: float) -> None:
    for command in (careful, clears_after_a_day):
        outcome, problems = tried(tool, tmp_path / command.__name__, command, "SIGKILL", "changes", moment)
        assert outcome.code == -9
        assert problems == []


@pytest.mark.parametrize(
    ("command", "moment", "found"),
    [
        (careless, 0.6, 'wrong: "", not "result"'),
        (litters, 0.4, "left over: tmp/0"),
        (destroys, 0.4, "lost: kept.txt changed"),
        (refuses_for_good, 0.7, "unusable: run again it ends with 2"),
    ],
)
def test_what_a_command_loses(
    tool: ModuleType, tmp_path: Path, command: Callable[[], None], moment: float, found: str
) -> None:
    outcome, problems = tried(tool, tmp_path, command, "SIGKILL", "changes", moment)
    assert outcome.code == -9
    assert problems[0].startswith(found)


def test_signals_and_full_disks(tool: ModuleType, tmp_path: Path) -> None:
    outcome, problems = tried(tool, tmp_path / "a", careful, "SIGINT", "changes", 0.5)
    assert (outcome.code, problems) == (3, [])
    outcome, problems = tried(tool, tmp_path / "b", writes_much, "full disk", "bytes a file", 0.0)
    (problem,) = problems
    assert problem.startswith("traceback: ")
    assert problem.endswith("OSError: [Errno 27] File too large")


@pytest.mark.parametrize("moment", [0.0, 0.5, 0.85])
def test_a_small_disk_is_full_before_what_a_command_adds_is_on_it(
    tool: ModuleType, tmp_path: Path, moment: float
) -> None:
    if not tool.can_mount():
        pytest.skip("needs a small disk of its own, which takes root")
    outcome, problems = tried(tool, tmp_path, writes_much, "full disk", "bytes", moment)
    assert outcome.code == 1
    (problem,) = problems
    assert problem.endswith("OSError: [Errno 28] No space left on device")


@pytest.mark.parametrize(("how", "code"), [("SIGKILL", -9), ("SIGINT", 3)])
def test_what_a_command_has_others_do_is_disturbed_too(tool: ModuleType, tmp_path: Path, how: str, code: int) -> None:
    outcome, problems = tried(tool, tmp_path, has_it_done, how, "processor", 0.5)
    assert outcome.code == code
    assert [problem for problem in problems if not problem.startswith("traceback")] == []


def test_moments_are_drawn_by_the_seed(tool: ModuleType) -> None:
    def drawn(seed: int, changes: int = 9) -> list[object]:
        return [tool.drawn(tool.random.Random(f"{seed} {number}"), True, changes) for number in range(50)]

    assert drawn(0) == drawn(0) != drawn(1)
    assert {one.how for one in drawn(0)} == {"SIGKILL", "SIGTERM", "SIGINT", "full disk"}  # type: ignore[attr-defined]
    assert {one.unit for one in drawn(0)} == {"bytes", "changes", "processor"}  # type: ignore[attr-defined]
    assert {one.unit for one in drawn(0, changes=0)} == {"bytes", "processor"}  # type: ignore[attr-defined]


def test_times_are_no_figures_and_digests_are(tool: ModuleType, tmp_path: Path) -> None:
    digest = "0f" * 32
    workload = tool.Workload("toy", prepared, careful, lambda _: ["20260102T030405Z-2-linear", digest])
    assert tool.figures_of(workload, tmp_path) == f'["*-linear", "{digest}"]'
    (tmp_path / "20260102T030405Z-2-linear" / ("0f" * 16)).mkdir(parents=True)
    assert tool.names(tmp_path) == {"*-linear": 1, "*-linear/*": 1}


def test_what_is_disturbed(tool: ModuleType) -> None:
    workloads = import_module("workloads").WORKLOADS
    assert {one.name for one in workloads} >= {"eval", "train", "track", "render", "submit", "index"}
