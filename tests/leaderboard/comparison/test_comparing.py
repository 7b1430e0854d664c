import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import UserError
from harness.machine import CHECKSUMS
from harness.measures.measure import parse_measure
from harness.measures.ranking import Ranks
from harness.runs.records import EvaluationRecord
from harness.runs.run_folder import read_record
from leaderboard.comparison.comparing import against_published, compare_answers, compare_rows, groups_by_primary
from leaderboard.runs.answers import Answers, read_answers
from leaderboard.runs.collecting import Row
from leaderboard.runs.published_results import Figure, Published

HISTORIC = Path(__file__).parents[2] / "data" / "evaluation_v1.json"
MakeRun = Callable[..., Path]


def row(folder: Path) -> Row:
    return Row(folder, read_record(folder))


def shuffled(folder: Path, seed: int = 0) -> None:
    """The same answers, the queries in another order."""
    (folder / CHECKSUMS).unlink()
    table = pq.read_table(folder / "per_query.parquet")
    pq.write_table(table.take(np.random.default_rng(seed).permutation(len(table))), folder / "per_query.parquet")


def test_three_systems_by_every_measure(tmp_path: Path, make_run: MakeRun) -> None:
    rows = [row(make_run(tmp_path, name, quality=q, clips=200)) for name, q in (("b", 0.5), ("c", -1.0), ("a", 0.55))]
    result = compare_rows(rows)
    assert result.systems == ("a", "b", "c")
    assert len(result.differences) == 3 * 4
    tables = {one.record.system.name: pq.read_table(one.folder / "per_query.parquet") for one in rows}
    for one in result.differences:
        difference = tables[one.first][one.measure].to_numpy() - tables[one.second][one.measure].to_numpy()
        assert one.value == pytest.approx(difference.mean(), abs=1e-12)
        assert (one.won, one.lost, one.tied) == (
            (difference > 0).sum(),
            (difference < 0).sum(),
            (difference == 0).sum(),
        )
        assert one.low <= one.value <= one.high
        assert one.p_value <= one.corrected <= 1
        # Interval and test are two ways to the same answer, but for cases in between and for the correction.
        assert not (one.told_apart and one.low < -0.005 and one.high > 0.005)
    assert result.groups["mAP@10"] == ("a", "a", "b")


def test_shuffled_queries_of_one_system_are_the_same_answers(tmp_path: Path, make_run: MakeRun) -> None:
    first, second = make_run(tmp_path, "one", seed=1), make_run(tmp_path, "two", seed=1)
    shuffled(second)
    result = compare_rows([row(first), row(second)])
    assert {(one.value, one.low, one.high, one.p_value, one.won, one.lost) for one in result.differences} == {
        (0, 0, 0, 1, 0, 0)
    }
    assert set(result.groups["R@1"]) == {"a"}


def test_a_caption_that_is_there_twice_is_two_queries(tmp_path: Path, make_run: MakeRun) -> None:
    texts = ["rain", "rain", "wind"] * 4
    folders = [make_run(tmp_path, name, clips=4, captions=3, texts=texts) for name in ("one", "two")]
    shuffled(folders[1])
    answers = read_answers([row(folder) for folder in folders])
    assert answers.queries == tuple(texts)
    assert answers.values.shape == (4, 12, 2)


def simulated(rng: np.random.Generator, clips: int = 100, captions: int = 5) -> Answers:
    """Two systems of one quality that differ by chance: on some clips one happens to be better, on others the other."""
    source = np.repeat(np.arange(clips), captions)
    hard = rng.standard_normal(clips)[source]
    rank = np.stack(
        [
            np.ceil(np.exp(1.5 + hard + 0.8 * rng.standard_normal(clips)[source] + rng.standard_normal(len(source))))
            for _ in "ab"
        ],
        axis=1,
    ).astype(np.int64)
    names = ("mAP@10", "R@1", "R@5", "R@10")
    offsets = np.arange(len(source) + 1)
    values = np.stack(
        [np.stack([parse_measure(name)(Ranks(offsets, one, one)) for one in rank.T], axis=1) for name in names]
    )
    return Answers((), tuple(map(str, source)), source, names, values, np.stack([rank, rank]))


def test_equal_systems_are_told_apart_in_at_most_5_of_100_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that `lbar compare` does, 400 times, by fewer resamples; any measure that is starred is a false alarm."""
    from leaderboard.comparison import comparing as comparison

    for name, fewer in (("bootstrap_means", 50), ("sign_flip_p_values", 999)):
        original = getattr(comparison, name)
        monkeypatch.setattr(comparison, name, lambda *args, f=original, n=fewer: f(*args, resamples=n))
    record = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))
    records = [record, record.model_copy(update={"system": record.system.model_copy(update={"name": "other"})})]
    rng = np.random.default_rng(0)
    alarms = [any(one.told_apart for one in compare_answers(simulated(rng), records).differences) for _ in range(400)]
    assert 0 < np.mean(alarms) <= 0.05


def test_the_boards_groups_are_those_of_the_primary_measure(tmp_path: Path, make_run: MakeRun) -> None:
    qualities = (1.2, 1.15, 0.2, -2.0)
    rows = [row(make_run(tmp_path, f"s{index}", quality=q, clips=150)) for index, q in enumerate(qualities)]
    assert groups_by_primary(read_answers(rows, ["mAP@10"]), "mAP@10") == ("a", "a", "b", "c")


def test_systems_of_one_name_are_told_by_their_digest(tmp_path: Path, make_run: MakeRun) -> None:
    rows = [row(make_run(tmp_path, "same", seed=seed, quality=-seed)) for seed in (1, 2)]
    result = compare_rows(rows)
    assert result.systems == tuple(f"same {one.record.system.digest[:8]}" for one in rows)  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"protocol": "everyday-multi"},
            r"differ in their protocol \(everyday and everyday-multi\); only runs of one protocol",
        ),
        ({"clips": 41}, "differ in their queries"),
        ({"comparable": False, "reasons": ("2 of 40 clips skipped",)}, "may not be compared: 2 of 40 clips skipped"),
    ],
)
def test_unequal_runs_are_refused(tmp_path: Path, make_run: MakeRun, changes: dict[str, object], said: str) -> None:
    first = row(make_run(tmp_path, "a"))
    second = row(make_run(tmp_path, "b", **changes))
    if "clips" in changes:
        dataset = second.record.dataset.model_copy(update={"digest": "ee" * 32})
        second = Row(second.folder, second.record.model_copy(update={"dataset": dataset}))
    with pytest.raises(UserError, match=said):
        compare_rows([first, second])
    with pytest.raises(UserError, match="are one run; name two"):
        compare_rows([first, first])


def test_tables_that_do_not_fit_are_one_line(tmp_path: Path, make_run: MakeRun) -> None:
    first, second = row(make_run(tmp_path, "a")), row(make_run(tmp_path, "b"))
    path = second.folder / "per_query.parquet"
    (second.folder / CHECKSUMS).unlink()
    table = pq.read_table(path)
    texts = table.column_names.index("text")
    pq.write_table(table.set_column(texts, "text", [["another", *table["text"].to_pylist()[1:]]]), path)
    with pytest.raises(UserError, match="did not answer the same queries"):
        compare_rows([first, second])
    pq.write_table(table.drop_columns(["R@5"]), path)
    with pytest.raises(UserError, match="has no column R@5"):
        compare_rows([first, second])
    path.write_bytes(b"no table")
    with pytest.raises(UserError, match="cannot read .*per_query.parquet"):
        compare_rows([first, second])
    path.unlink()
    with pytest.raises(UserError, match="cannot read .*per_query.parquet"):
        compare_rows([first, second])
    assert isinstance(table, pa.Table)


def result(**measures: str) -> Published:
    figures = {name.replace("_", "@"): Figure.read(printed) for name, printed in measures.items()}
    return Published("everyday", "theirs", 2024, "", figures, 0, "", "somewhere", "primary", "")


def test_a_published_figure_lies_within_above_or_below_as_exactly_as_it_was_printed() -> None:
    record = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))  # mAP@10 in [0.290, 0.334]
    verdicts = {
        printed: against_published(record, [result(mAP_10=printed)])[0].verdict
        for printed in ("33.41", "33", "34", "33.9", "28", "28.95", "29.0")
    }
    assert verdicts == {
        "33.41": "above",
        "33": "within",
        "34": "above",
        "33.9": "above",
        "28": "below",
        "28.95": "below",
        "29.0": "within",
    }
    assert against_published(record, [result(mAP_16="40")]) == ()


def test_any_number_of_systems_is_one_family(tmp_path: Path, make_run: MakeRun) -> None:
    rows = [row(make_run(tmp_path, f"s{index}", quality=index / 10)) for index in range(5)]
    together = compare_rows(rows)
    assert len(together.differences) == len(list(combinations(range(5), 2))) * 4
    alone = {
        (one.first, one.second, one.measure): one
        for pair in combinations(rows, 2)
        for one in compare_rows(pair).differences
    }
    for one in together.differences:
        assert one.corrected >= alone[one.first, one.second, one.measure].corrected - 1e-12
        assert one.p_value == pytest.approx(alone[one.first, one.second, one.measure].p_value)


def test_every_field_is_plain_for_json(tmp_path: Path, make_run: MakeRun) -> None:
    from leaderboard.comparison.comparison_table import to_json

    document = to_json(compare_rows([row(make_run(tmp_path, name)) for name in "ab"]), ())
    assert json.loads(json.dumps(document)) == document


def test_a_notebook_shows_the_systems_and_their_differences(tmp_path: Path, make_run: MakeRun) -> None:
    rows = [row(make_run(tmp_path, name, quality=q)) for name, q in (("<b>", -3.0), ("a", 3.0))]
    result = compare_rows(rows)
    first, second = (record.primary for record in result.records)
    assert repr(result) == f"Comparison(everyday, text-to-audio, 200 queries: a {first} a; <b> {second} b)"
    html = result._repr_html_()
    assert f'<th scope="row">a</th><td>{first.value:.3f} a</td>' in html
    assert '<th scope="row">a - &lt;b&gt;</th><td>mAP@10</td><td>+' in html
    assert html.count("<tr>") == 3 + 5
    alone = compare_rows(rows[1:])
    assert repr(alone) == f"Comparison(everyday, text-to-audio, 200 queries: a {first})"
    assert "Differences" not in alone._repr_html_()
