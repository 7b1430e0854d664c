from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import UserError
from leaderboard.runs.finding import find_rows

MakeRun = Callable[..., Path]


def test_a_run_is_its_folder_its_name_or_its_system(tmp_path: Path, make_run: MakeRun) -> None:
    old = make_run(tmp_path, "a", created=datetime(2026, 1, 1, tzinfo=UTC))
    new = make_run(tmp_path, "a", created=datetime(2026, 2, 1, tzinfo=UTC))
    other = make_run(tmp_path, "b")
    assert [row.folder for row in find_rows([str(old), other.name, "a"], tmp_path)] == [old, other, new]


def test_the_protocol_is_the_one_they_share(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, "a")
    multi = {name: make_run(tmp_path, name, protocol="everyday-multi") for name in "ab"}
    assert [row.folder for row in find_rows(["a", "b"], tmp_path)] == [multi["a"], multi["b"]]
    assert [row.folder for row in find_rows([str(multi["b"]), "a"], tmp_path)] == [multi["b"], multi["a"]]
    with pytest.raises(UserError, match="a has runs under everyday, everyday-multi; name one with --protocol"):
        find_rows(["a"], tmp_path)
    assert find_rows(["a"], tmp_path, "everyday-multi")[0].folder == multi["a"]
    with pytest.raises(UserError, match="b has no comparable runs under everyday in"):
        find_rows(["b"], tmp_path, "everyday")


def test_what_is_not_there_is_one_line(tmp_path: Path, make_run: MakeRun) -> None:
    with pytest.raises(UserError, match="'linear' is neither a run folder nor a system with a run in .*are none"):
        find_rows(["linear"], tmp_path)
    make_run(tmp_path, "linear")
    with pytest.raises(UserError, match="did you mean 'linear'"):
        find_rows(["linaer"], tmp_path)
    with pytest.raises(UserError, match="did you mean 'linear'"):
        find_rows(["linear:Linear"], tmp_path)
