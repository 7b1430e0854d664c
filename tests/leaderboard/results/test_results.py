"""Results that were handed in: all of them are sound, a corrupted one is found out, and they are small."""

import csv
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from harness.cli.app import build
from harness.datasets.known import load
from harness.errors import UserError
from harness.evaluation.keeping import keep_outputs
from harness.machine.files.checksums import write_checksums
from harness.protocols.named import PROTOCOLS
from harness.protocols.task import pose
from leaderboard.board.frame import board
from leaderboard.comparison.comparing import compare
from leaderboard.results.adding import add
from leaderboard.results.known_data import KNOWN, known_data, known_data_of
from leaderboard.results.result import MOST_BYTES, RESULTS
from leaderboard.results.verifying import verify, verify_all

BASELINE = "baseline-2022-clotho-dcase2024"
MULTI = "linear-everyday-multi"


def test_every_result_is_sound() -> None:
    """What CI asks of a pull request with a result."""
    assert {name: found for name, found in verify_all(RESULTS).items() if found} == {}


def test_results_are_small_and_hold_no_captions_of_others() -> None:
    sizes = {folder.name: sum(file.stat().st_size for file in folder.iterdir()) for folder in sorted(RESULTS.glob("*"))}
    assert max(sizes.values()) < MOST_BYTES / 3
    assert sizes[BASELINE] < 80_000
    for folder in RESULTS.glob("*-clotho-*"):
        columns = pq.read_schema(folder / "per_query.parquet").names
        assert columns[:4] == ["text_sha256", "cluster", "rank_pessimistic", "rank_optimistic"]


@pytest.mark.slow
def test_what_is_known_of_the_bundled_benchmark() -> None:
    for name in ("everyday", "everyday-multi", "everyday-a2t"):
        rules = PROTOCOLS[name]
        assert known_data()[name] == known_data_of(pose(rules, load(rules.dataset, rules.split, Path()))), KNOWN


@pytest.mark.shared
def test_what_is_known_of_the_published_data_sets(shared: Path, tmp_path: Path) -> None:
    for folder, source in (
        ("clotho", "clotho/clotho_captions_evaluation.csv"),
        ("clotho", "dcase/metadata_eval.csv"),
        ("audiocaps", "audiocaps/v1_test.csv"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / Path(source).name).symlink_to(shared / "data" / source)
    for name in ("clotho-dcase2024", "clotho-dcase2025", "clotho-a2t", "audiocaps"):
        rules = PROTOCOLS[name]
        assert known_data()[name] == known_data_of(pose(rules, load(rules.dataset, rules.split, tmp_path)))


Change = Callable[[Path], object]
TOO_HIGH = {"value": 0.07, "optimistic": 0.07}


def in_record(**changes: Any) -> Change:
    """Changes fields of a record, `measures__0__low` standing for one within, and writes its checksum anew."""

    def change(folder: Path) -> None:
        record = json.loads((folder / "record.json").read_text())
        for path, value in changes.items():
            *parents, last = (int(part) if part.isdigit() else part for part in path.split("__"))
            place = record
            for parent in parents:
                place = place[parent]
            place[last] = value(place[last]) if callable(value) else value
        (folder / "record.json").write_text(json.dumps(record))
        write_checksums(folder, ["record.json"])

    return change


def in_table(edit: Callable[[Any], Any]) -> Change:
    """Changes the table, and writes its checksum anew."""

    def change(folder: Path) -> None:
        table = pq.read_table(folder / "per_query.parquet")
        edited = pa.Table.from_pandas(edit(table.to_pandas()), table.schema, preserve_index=False)
        pq.write_table(edited, folder / "per_query.parquet")
        write_checksums(folder, ["per_query.parquet"])

    return change


def in_words(**changes: str | None) -> Change:
    def change(folder: Path) -> None:
        said = yaml.safe_load((folder / "result.yaml").read_text()) | changes
        said = {field: text for field, text in said.items() if text is not None}
        (folder / "result.yaml").write_text(yaml.safe_dump(said))

    return change


def flipped(name: str) -> Change:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def better(frame: Any) -> Any:
    """Two queries change places in their ranks: every mean stays as it is."""
    hit, miss = frame.index[frame["rank_pessimistic"] == 1][0], frame.index[frame["rank_pessimistic"] > 50][0]
    columns = [name for name in frame.columns if name not in ("text_sha256", "cluster", "text", "clip")]
    frame.loc[[hit, miss], columns] = frame.loc[[miss, hit], columns].to_numpy()
    return frame


def raised(column: str) -> Callable[[Any], Any]:
    """One query's value is raised and another's lowered: the mean stays as it is."""

    def edit(frame: Any) -> Any:
        low, high = frame.index[frame[column] == 0][0], frame.index[frame[column] > 0][0]
        frame.loc[[low, high], column] = frame.loc[[high, low], column].to_numpy()
        return frame

    return edit


CORRUPTED: Mapping[str, tuple[str, Change, str]] = {
    "a byte of the table": (BASELINE, flipped("per_query.parquet"), "per_query.parquet is damaged, or was changed"),
    "a byte of the record": (BASELINE, flipped("record.json"), "record.json is damaged, or was changed"),
    "no table": (BASELINE, lambda folder: (folder / "per_query.parquet").unlink(), "lacks per_query.parquet"),
    "no words": (BASELINE, lambda folder: (folder / "result.yaml").unlink(), "lacks result.yaml"),
    "another file": (BASELINE, lambda folder: (folder / "notes.txt").write_text("x"), "holds notes.txt, which is no"),
    "too large": (BASELINE, lambda f: (f / "result.yaml").write_text("#" * MOST_BYTES), "bytes; expected at most 300"),
    "a higher mean": (
        BASELINE,
        in_record(measures__0=lambda one: one | TOO_HIGH),
        "gives mAP@10 0.0679 where the record",
    ),
    "a narrower interval": (BASELINE, in_record(measures__1__low=0.0300), "R@1: the interval is 0.0255 to 0.0381"),
    "other ties": (BASELINE, in_record(tied_fraction=0.0), "0.8117 of its queries tie, where the record says 0.0000"),
    "another bound": (BASELINE, in_record(measures__3__optimistic=0.2), "R@10: with ties in its favour it is another"),
    "other rules": (BASELINE, in_record(protocol__digest="0" * 64), "evaluated under other rules of clotho-dcase2024"),
    "an unknown protocol": (BASELINE, in_record(protocol__name="clotho-2"), "no protocol clotho-2"),
    "a measure less": (
        BASELINE,
        in_record(measures=lambda some: some[:3]),
        "those of clotho-dcase2024 are mAP@10, R@1,",
    ),
    "other data": (BASELINE, in_record(dataset__digest="0" * 64), "1,045 clips under the digest 00000000; those of"),
    "not comparable": (BASELINE, in_record(comparable=False, reasons=["2 clips less"]), "compared: 2 clips less"),
    "another system": (BASELINE, in_record(system__name="mine"), "is of mine-clotho-dcase2024, by its record"),
    "queries left out": (BASELINE, in_table(lambda frame: frame[:-5]), "has 5,220 queries|gives mAP@10"),
    "queries in another order": (BASELINE, in_table(lambda frame: frame[::-1]), "its queries, or their order, are not"),
    "answers exchanged": (BASELINE, in_table(better), "the interval is .* by its queries"),
    "a value that no rank gives": (BASELINE, in_table(raised("R@10")), "R@10 of 2 queries does not follow from their"),
    "the same where several clips answer": (MULTI, in_table(raised("mAP@10")), "mAP@10 of 2 queries does not follow"),
    "nobody": (BASELINE, in_words(by=None), "result.yaml does not fit: by: Field required"),
    "leaks not said": (BASELINE, in_words(leaks=""), "does not fit: leaks: String should have at least 1 character"),
    "another licence": (BASELINE, in_words(licence="MIT"), "does not fit: licence: Input should be 'CC0-1.0', found"),
}


@pytest.mark.parametrize("kind", CORRUPTED)
def test_a_corrupted_copy_is_found_by_name(kind: str, tmp_path: Path) -> None:
    name, corrupt, message = CORRUPTED[kind]
    shutil.copytree(RESULTS / name, tmp_path / name)
    corrupt(tmp_path / name)
    found = verify_all(tmp_path)
    assert list(found) == [name]
    assert any(re.search(message, line) for line in found[name]), found


def test_one_run_under_two_names(tmp_path: Path) -> None:
    for name in (BASELINE, "copy-clotho-dcase2024"):
        shutil.copytree(RESULTS / BASELINE, tmp_path / name)
    found = verify_all(tmp_path)
    assert found["copy-clotho-dcase2024"][-1] == f"is the same run as {BASELINE}; take one out"


def test_two_results_are_compared_and_shown_without_any_run(tmp_path: Path) -> None:
    difference = compare("linear", "random", out=tmp_path, protocol="everyday-multi").differences[0]
    assert (difference.first, difference.second, difference.told_apart) == ("linear", "random", True)
    assert difference.low < difference.value < difference.high
    frame = board(tmp_path, results=True, protocol="everyday")
    assert {"linear", "random"} <= set(frame["system"])


@pytest.mark.shared
def test_mine_is_compared_with_a_published_output_query_by_query(shared: Path, tmp_path: Path) -> None:
    """What is compared are the ranks of the same queries, though the result has none of their words."""
    (tmp_path / "clotho").mkdir()
    source = shared / "data/clotho/clotho_captions_evaluation.csv"
    (tmp_path / "clotho" / source.name).symlink_to(source)
    published = shared / "data/dcase/baseline_dcase2022.test.output.csv"
    with published.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    with (tmp_path / "backwards.csv").open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([header, *([text, *ranked[::-1]] for text, *ranked in rows[::-1])])
    keep_outputs(tmp_path / "backwards.csv", "clotho-dcase2024", "mine", data_root=tmp_path, out=tmp_path / "runs")
    found = compare("mine", "baseline-2022", out=tmp_path / "runs", protocol="clotho-dcase2024").differences
    by_name = {one.measure: one for one in found}
    assert (by_name["R@10"].value, by_name["R@10"].tied) == (0.0, 5225)
    # Of 5,225 queries the right clip is first for 165; the others were better backwards, or the same.
    assert (by_name["R@1"].first, by_name["R@1"].won) == ("baseline-2022", 165)
    assert by_name["mAP@10"].low <= by_name["mAP@10"].value <= by_name["mAP@10"].high
    assert 0 < by_name["mAP@10"].corrected <= 1


@pytest.fixture
def lbar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)
    app, runner = build(), CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


def test_what_is_not_said_or_not_the_protocols_is_not_added(
    lbar: Callable[..., Any], tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    run = make_run(tmp_path / "runs", "mine", protocol="everyday", quality=1.0)
    place = ("--folder", tmp_path / "results")
    done = lbar("results", "add", run, "--by", "us", *place)
    assert done.exit_code == 2
    assert "a result has to say more (--by, --about, --source, --leaks)" in done.stderr
    said = ("--by", "us", "--leaks", "none known", "--about", "ours", "--source", "here")
    done = lbar("results", "add", run, *said, *place)
    # It is a run of other queries than those of the protocol.
    assert done.exit_code == 2
    assert "cannot be a result" in done.stderr


def test_results_are_added_and_verified_by_command(lbar: Callable[..., Any], tmp_path: Path) -> None:
    """The folder of a result is a run folder in small, so one can be added to other results."""
    place = ("--folder", tmp_path / "results")
    done = lbar("results", "add", RESULTS / BASELINE, "--by", "us", "--leaks", "none", "--about", "a baseline", *place)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "results" / BASELINE
    assert done.stdout == f"{folder}: added, under CC0-1.0\n"
    assert pq.read_table(folder / "per_query.parquet").equals(pq.read_table(RESULTS / BASELINE / "per_query.parquet"))
    done = lbar("results", "add", RESULTS / BASELINE, "--by", "us", "--leaks", "we looked", *place)
    assert done.stdout == f"{folder}: replaced, under CC0-1.0\n"
    said = yaml.safe_load((folder / "result.yaml").read_text())
    assert (said["about"], said["leaks"], said["licence"]) == ("a baseline", "we looked", "CC0-1.0")
    done = lbar("results", "add", RESULTS / BASELINE, "--by", "them", *place)
    assert done.exit_code == 2
    assert "is there already, by 'us'; give your system another name" in done.stderr
    assert lbar("results", "verify", *place).stdout == f"{BASELINE}: sound\n"
    (folder / "notes.txt").write_text("x")
    done = lbar("results", "verify", BASELINE, *place)
    assert (done.exit_code, done.stdout) == (
        1,
        f"{BASELINE}: holds notes.txt, which is no file of a result; take it out\n",
    )
    assert json.loads(lbar("results", "verify", "--json", *place).stdout) == {BASELINE: verify(folder)}
    done = lbar("results", "verify", "baseline-2024", *place)
    assert (done.exit_code, "there is no result baseline-2024; did you mean" in done.stderr) == (2, True)


def test_a_run_whose_table_was_tampered_with_is_not_added(tmp_path: Path) -> None:
    shutil.copytree(RESULTS / BASELINE, tmp_path / "run")
    in_table(better)(tmp_path / "run")
    with pytest.raises(UserError, match="run cannot be a result"):
        add(tmp_path / "run", by="us", leaks="none", about="x y", source="here", results=tmp_path / "results")
    assert list((tmp_path / "results").iterdir()) == []
