from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.runs.run_folder import read_record
from leaderboard.board.entries import Standing, matching, sort, sort_all, standings
from leaderboard.board.table import has_groups
from leaderboard.comparison.comparing import compare
from leaderboard.runs.collecting import collect

MakeRun = Callable[..., Path]


def names(standing: Standing) -> list[str]:
    return [entry.label for entry in standing.entries]


def test_standings_follow_the_protocols_and_places_the_primary_measure(tmp_path: Path, make_run: MakeRun) -> None:
    for name, quality, seed in (("s0", 0, 1), ("s1", 1, 2), ("s2", 1, 2), ("s3", 0.5, 1)):
        make_run(tmp_path, name, quality=quality, seed=seed)
    make_run(tmp_path, "a", protocol="clotho-dcase2024")
    make_run(tmp_path, "b", protocol="everyday-multi")
    found = standings(collect(tmp_path))
    assert [one.protocol.name for one in found] == ["everyday", "everyday-multi", "clotho-dcase2024"]
    assert [(entry.place, entry.label) for entry in found[0].entries] == [(1, "s1"), (1, "s2"), (3, "s3"), (4, "s0")]


def test_who_cannot_be_told_apart_shares_a_letter(tmp_path: Path, make_run: MakeRun) -> None:
    for name, quality in (("best", 1.0), ("twin", 0.98), ("worse", -2.0)):
        make_run(tmp_path, name, quality=quality, clips=100)
    (standing,) = standings(collect(tmp_path))
    assert {entry.label: entry.group for entry in standing.entries} == {"best": "a", "twin": "a", "worse": "b"}
    assert has_groups(standing)
    assert standing.notes == ()


def test_a_run_without_its_answers_stands_without_a_letter(tmp_path: Path, make_run: MakeRun) -> None:
    for name in ("a", "b", "c"):
        make_run(tmp_path, name, clips=100)
    lost = make_run(tmp_path, "lost", quality=9.0)
    (lost / "per_query.parquet").unlink()
    (standing,) = standings(collect(tmp_path))
    assert standing.entries[0].group == ""
    assert all(entry.group for entry in standing.entries[1:])
    assert standing.notes == (f"{lost} has no per_query.parquet, so lost cannot be compared with the others",)
    (lost / "per_query.parquet").write_bytes(b"x")
    board = collect(tmp_path)
    assert "lost" not in names(standings(board)[0])
    assert [(aside.folder, "is damaged" in aside.reason) for aside in board.set_aside] == [(lost, True)]


def test_published_results_stand_between_ours_without_a_place(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, "mine", protocol="clotho-dcase2024")
    (standing,) = standings(collect(tmp_path), reported=True)
    ours = standing.entries[names(standing).index("mine")]
    theirs = standing.entries[names(standing).index("DCASE 2024 baseline")]
    assert (ours.place, theirs.place) == (1, None)
    assert theirs.measures["mAP@10"].low is None
    primary = [entry.measures["mAP@10"].value for entry in standing.entries if "mAP@10" in entry.measures]
    assert primary == sorted(primary, reverse=True)
    assert [entry for entry in standing.entries if "mAP@10" not in entry.measures] == list(
        standing.entries[len(primary) :]
    )
    assert [entry.label for entry in standings(collect(tmp_path))[0].entries] == ["mine"]


def test_sorting_and_filtering_keep_the_places(tmp_path: Path, make_run: MakeRun) -> None:
    for index, name in enumerate(("c", "A", "b")):
        system = {"parameters": (30, 0, 10)[index], "trained_on": (("clotho",), (), ("clotho", "wavcaps"))[index]}
        make_run(tmp_path, name, quality=index, created=datetime(2026, 1, 3 - index, tzinfo=UTC), system=system)
    (standing,) = standings(collect(tmp_path))
    assert names(standing) == ["b", "A", "c"]
    assert names(sort(standing, "system")) == ["A", "b", "c"]
    assert names(sort(standing, "parameters")) == ["b", "c", "A"]
    assert names(sort(standing, "date")) == ["c", "A", "b"]
    assert names(sort(standing, "clips/s")) == ["b", "A", "c"]
    assert [entry.place for entry in sort(standing, "system").entries] == [2, 1, 3]
    with pytest.raises(UserError, match="unknown column 'speed'; known are mAP@10, R@1"):
        sort(standing, "speed")
    assert names(matching(standing, ["CLOTHO"])) == ["b", "c"]
    assert names(matching(standing, ["clotho", "wav"])) == ["b"]
    assert names(matching(standing, ["fp32"])) == ["b", "A", "c"]
    assert names(matching(standing, ["nothing of the kind"])) == []


def test_protocols_without_a_measure_stay_as_they_are(tmp_path: Path, make_run: MakeRun) -> None:
    for name in ("b", "a"):
        make_run(tmp_path, name)
        make_run(tmp_path, name, protocol="clotho-dcase2025")
    found = standings(collect(tmp_path))
    everyday, dcase = sort_all(found, "mAP@16")
    assert everyday == found[0]
    assert dcase.protocol.name == "clotho-dcase2025"
    with pytest.raises(UserError, match="unknown column 'mAP@99'"):
        sort_all(found, "mAP@99")
    assert sort_all([], "mAP@99") == []


def test_outputs_from_unknown_audio_stand_beside_runs_on_the_same_captions(tmp_path: Path, make_run: MakeRun) -> None:
    """They stand where most runs are, and the standing says so."""
    own = read_record(make_run(tmp_path, "mine", clips=100)).dataset
    make_run(tmp_path, "also", dataset=own)
    make_run(tmp_path, "elsewhere", quality=1.0, clips=100, dataset=own.model_copy(update={"audio_digest": None}))
    make_run(tmp_path, "louder", clips=100, dataset=own.model_copy(update={"audio_digest": "0" * 64}))
    found = {tuple(sorted(names(standing))): standing for standing in standings(collect(tmp_path), groups=False)}
    assert set(found) == {("also", "elsewhere", "mine"), ("louder",)}
    together = found["also", "elsewhere", "mine"]
    assert together.dataset == own
    assert together.notes == ("Made elsewhere, from audio files that are not known: elsewhere.",)
    assert compare("mine", "elsewhere", out=tmp_path).systems == ("elsewhere", "mine")
    with pytest.raises(UserError, match="differ in their audio files"):
        compare("mine", "louder", out=tmp_path)
