"""What the page is built from and what becomes of what cannot be shown, without a browser."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from harness import datasets
from harness.errors import UserError
from harness.protocols.description import get_protocol
from harness.protocols.task import pose
from harness.runs.records import DatasetRecord
from leaderboard.board.entries import standings
from leaderboard.report.board_data import board_document
from leaderboard.report.clips import find_material
from leaderboard.report.curves import read_curves
from leaderboard.report.encoding import coded, packed, script, to_json
from leaderboard.report.site import build
from leaderboard.results.result import RESULTS
from leaderboard.runs.collecting import collect

MakeRun = Callable[..., Path]


def built(tmp_path: Path) -> list[str]:
    board = collect(tmp_path / "runs")
    return build(standings(board), board.set_aside, tmp_path / "site", tmp_path / "data")


def inlined(path: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def received(path: Path) -> Any:
    return json.loads(path.read_text().partition(",")[2].rstrip(");\n"))


def unpacked(numbers: dict[str, Any]) -> list[int]:
    kind = {1: np.uint8, 2: np.uint16, 4: np.uint32}[numbers["w"]]
    values: list[int] = np.frombuffer(base64.b64decode(numbers["b"]), kind).tolist()
    return values


def test_the_page_rounds_what_the_record_says(tmp_path: Path, make_run: MakeRun) -> None:
    """A value that was rounded before is rounded twice: 0.7104992 would be 0.710 in a terminal and 0.711 here."""
    make_run(tmp_path / "runs", "a")
    found = collect(tmp_path / "runs")
    (said,) = board_document(standings(found), found.set_aside)["standings"][0]["entries"]
    record = found.rows[0].record
    assert said["values"] == [[one.value, one.low, one.high] for one in record.measures]
    assert said["tied"] == record.tied_fraction


def test_the_scripts_hold_what_the_tables_hold(tmp_path: Path, make_run: MakeRun) -> None:
    folder = make_run(tmp_path / "runs", "a", protocol="clotho-dcase2024", clips=300)
    problems = built(tmp_path)
    assert len(problems) == 1
    assert problems[0].startswith("clotho-dcase2024: no audio and no further relevance:")
    (answers,) = (tmp_path / "site" / "data").rglob("a-*.js")
    document = received(answers)
    table = pq.read_table(folder / "per_query.parquet")
    assert unpacked(document["rank"]) == table["rank_pessimistic"].to_pylist()
    for name, one in document["measures"].items():
        assert [one["values"][index] for index in unpacked(one["which"])] == table[name].to_pylist()
    queries = received(answers.with_name("queries.js"))
    assert queries["texts"] == table["text"].to_pylist()
    best = [queries["items"][item] for item in unpacked(document["best"])]
    ranking = pq.read_table(folder / "ranking.parquet", columns=["rank", "item"]).to_pydict()
    assert best == [item for rank, item in zip(ranking["rank"], ranking["item"], strict=True) if rank <= 10]
    assert [queries["clips"][clip] for clip in unpacked(queries["clip"])] == table["clip"].to_pylist()
    assert [queries["items"][item] for (item,) in queries["right"]] == table["clip"].to_pylist()


def test_an_older_page_is_replaced_and_anything_else_refused(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path / "runs", "a")
    built(tmp_path)
    (tmp_path / "site" / "systems" / "stale.html").write_text("x")
    built(tmp_path)
    assert not (tmp_path / "site" / "systems" / "stale.html").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "site"]
    (tmp_path / "site" / "lbar-board.txt").unlink()
    with pytest.raises(UserError, match="holds something that is no page of this command"):
        built(tmp_path)
    assert (tmp_path / "site" / "index.html").exists()
    board = collect(tmp_path / "runs")
    with pytest.raises(UserError, match="cannot write"):
        build(standings(board), (), Path("/proc/nowhere/site"), tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="holds something"):
        build(standings(board), (), tmp_path / "file", tmp_path)


def test_a_build_that_fails_leaves_the_old_page(
    tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leaderboard.report import site

    make_run(tmp_path / "runs", "a")
    built(tmp_path)
    before = (tmp_path / "site" / "index.html").read_text()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site, "_replace", full)
    with pytest.raises(UserError, match="cannot write .*: No space left on device"):
        built(tmp_path)
    assert (tmp_path / "site" / "index.html").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "site"]


def test_a_system_whose_table_is_lost_keeps_its_page_and_a_damaged_one_stands_apart(
    tmp_path: Path, make_run: MakeRun
) -> None:
    folders = {name: make_run(tmp_path / "runs", name) for name in ("good", "lost", "broken", "unranked")}
    (folders["lost"] / "per_query.parquet").unlink()
    (folders["broken"] / "per_query.parquet").write_bytes(b"x")
    (folders["unranked"] / "ranking.parquet").unlink()
    problems = built(tmp_path)
    assert any(str(folders["lost"]) in line for line in problems)
    ((apart, why),) = inlined(tmp_path / "site" / "index.html")["apart"]
    assert apart == "broken, everyday"
    assert "per_query.parquet is damaged" in why
    assert any("ranking.parquet" in line for line in problems)
    answered = {path.name.split("-")[0]: inlined(path)["answered"] for path in (tmp_path / "site/systems").iterdir()}
    assert answered == {"good": True, "lost": False, "unranked": True}
    assert {path.name.split("-")[0] for path in (tmp_path / "site/data").rglob("*-*.js")} == {"good", "unranked"}


def test_no_runs_and_only_runs_apart_are_a_page_too(tmp_path: Path, make_run: MakeRun) -> None:
    (tmp_path / "runs").mkdir()
    built(tmp_path)
    document = inlined(tmp_path / "site" / "index.html")
    assert [document["standings"], document["apart"]] == [[], []]
    make_run(tmp_path / "runs", "apart", comparable=False, reasons=("why </script>",))
    built(tmp_path)
    assert inlined(tmp_path / "site" / "index.html")["apart"] == [["apart, everyday", "why </script>"]]


def test_what_is_likely_mislabelled_is_what_most_systems_agree_on(tmp_path: Path, make_run: MakeRun) -> None:
    for name in "abc":
        make_run(tmp_path / "runs", name, seed=1 if name != "c" else 2)
    built(tmp_path)
    queries = received(next((tmp_path / "site/data").rglob("queries.js")))
    tables = [pq.read_table(path) for path in sorted((tmp_path / "runs").glob("*/ranking.parquet"))]
    firsts = [
        [item for item, rank in zip(*table.select(["item", "rank"]).to_pydict().values(), strict=True) if rank == 1]
        for table in tables
    ]
    for query, item, votes in queries["suspects"]:
        name = queries["items"][item]
        assert votes == sum(one[query] == name for one in firsts) >= 2
        assert queries["right"][query] != [item]
    assert queries["suspects"]


def test_the_truth_and_the_audio_of_a_folder_are_found(tmp_path: Path, make_run: MakeRun) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "captions.csv").write_text("file_name,caption\na.wav,rain\nb.wav,wind\nb.wav,rain\n")
    for name, length in (("a.wav", 8000), ("b.wav", 16000)):
        soundfile.write(root / name, np.zeros(length), 16000)
    task = pose(get_protocol("folder"), datasets.load("folder", "all", root))
    dataset = DatasetRecord(name="folder", split="all", digest=task.digest, audio_digest=None, clips=2, queries=3)
    make_run(tmp_path / "runs", "a", protocol="folder", dataset=dataset)
    (standing,) = standings(collect(tmp_path / "runs"))
    material = find_material(standing, task.queries, root)
    assert material.seconds == {"a.wav": 0.5, "b.wav": 1.0}
    assert material.relevant == (("a.wav",), ("b.wav",), ("b.wav",))
    (root / "captions.csv").write_text("file_name,caption\na.wav,rain\nb.wav,storm\nb.wav,rain\n")
    assert "is not the one that was asked" in find_material(standing, task.queries, root).why_not
    assert "captions files" in find_material(standing, task.queries, tmp_path / "runs").why_not


def test_what_else_is_true_comes_from_the_other_annotations() -> None:
    """On the bundled benchmark all that is true of its scenes is known."""
    protocol = get_protocol("everyday")
    dataset = datasets.load("everyday", "evaluation", Path())
    task = pose(protocol, dataset)
    multi = pose(get_protocol("everyday-multi"), dataset)
    from leaderboard.board.entries import Standing

    record = DatasetRecord(
        name="everyday", split="evaluation", digest=task.digest, audio_digest=None, clips=200, queries=1000
    )
    standing = Standing(protocol=protocol, dataset=record, distinction="", measures=(), entries=())  # type: ignore[arg-type]
    material = find_material(standing, task.queries, Path())
    assert set(material.events.values()) <= set(range(1, 8))
    ends = multi.relevance.offsets
    for query in (0, 17, 999):
        everything = {multi.items[item] for item in multi.relevance.items[ends[query] : ends[query + 1]]}
        assert set(material.also_true.get(query, ())) | {task.sources[query]} == everything


def test_numbers_survive_the_way_into_the_browser() -> None:
    for numbers in ([0, 255], [0, 256], [70_000], []):
        assert unpacked(packed(np.array(numbers, dtype=np.int64))) == numbers
    values = np.array([0.1 + 0.2, 1 / 3, 0.0, 1 / 3])
    document = json.loads(to_json(coded(values)))
    assert [document["values"][index] for index in unpacked(document["which"])] == values.tolist()


def test_no_text_ends_the_script_it_is_in() -> None:
    text = "</script><!-- \u2028 \u2029 é"
    assert json.loads(to_json(text)) == text
    assert not set("<\u2028\u2029") & set(script(text, [text]))
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json(float("nan"))


def test_curves_are_shown_of_this_system_only(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    epochs = [{"number": 1, "loss": 2.0, "reached": 0.1}, {"number": 2, "loss": 1.0, "reached": 0.2}]
    trained = {"said": {"card": {"audio": {"width": 64}}}, "measure": "mAP@10", "epoch": 2, "epochs": epochs}
    path.write_text(json.dumps(trained))
    found = read_curves({"audio": {"width": 64}, "name": "x"}, path)
    assert found == {"measure": "mAP@10", "best": 2, "epochs": [1, 2], "loss": [2.0, 1.0], "reached": [0.1, 0.2]}
    assert read_curves({"audio": {"width": 32}}, path) is None
    path.write_text("[]")
    assert read_curves({}, path) is None
    assert read_curves({}, tmp_path / "absent") is None


def test_results_are_shown_with_who_handed_them_in(tmp_path: Path) -> None:
    """They have neither rankings nor the words of others' captions, and that is no problem to report."""
    board = collect(RESULTS).only(["clotho-dcase2024"])
    problems = build(standings(board, reported=True), board.set_aside, tmp_path / "site", tmp_path / "data")
    assert [line.partition(":")[0] for line in problems] == ["clotho-dcase2024"]
    (page,) = (tmp_path / "site" / "systems").glob("baseline-2022-*.html")
    facts = inlined(page)["facts"]
    assert (facts["Handed in by"], facts["Sampling rate"]) == ("the lbar contributors", "")
    assert facts["Leaks"].startswith("none known")
    (queries,) = (tmp_path / "site" / "data").rglob("queries.js")
    assert received(queries)["texts"][1] == "query 2, whose words are not in the results"
    first = inlined(tmp_path / "site" / "index.html")["standings"][0]["entries"]
    assert {"reported", "run"} >= {"reported" if "reported" in entry else "run" for entry in first}
