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


def test_results_count_where_there_is_no_run_of_ones_own(tmp_path: Path, make_run: MakeRun) -> None:
    own, results = tmp_path / "runs", tmp_path / "results"
    mine = make_run(own, "mine")
    for protocol in ("everyday", "everyday-multi"):
        make_run(results, "linear", protocol=protocol)
        theirs = make_run(results, "mine", protocol=protocol, quality=1.0)
    # A run of one's own goes before a result of the same name, and needs no protocol to be named.
    assert [row.folder for row in find_rows(["mine"], own, results=results)] == [mine]
    assert [row.folder.parent for row in find_rows(["mine", "linear"], own, "everyday", results)] == [own, results]
    assert find_rows(["mine"], own, "everyday-multi", results)[0].folder == theirs
    with pytest.raises(UserError, match="have runs under everyday, everyday-multi; name one with --protocol"):
        find_rows(["mine", "linear"], own, results=results)
    with pytest.raises(UserError, match="'linaer' is neither .*did you mean 'linear'"):
        find_rows(["mine", "linaer"], own, results=results)
