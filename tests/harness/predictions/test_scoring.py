import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.clip import Clip
from harness.datasets.known import load
from harness.errors import UserError
from harness.measures.ranking import rank_scores, top_k
from harness.predictions.ranked_list import read_ranked_list, write_ranked_list
from harness.predictions.score_matrix import write_score_matrix
from harness.predictions.scoring import Score, score_file
from harness.protocols.description import get_protocol
from harness.protocols.named import Direction, Protocol
from harness.protocols.relevance import Relevance
from harness.protocols.task import RetrievalTask, pose

MEASURES = ("mAP@3", "R@1", "R@3")


def make_task(
    captions: Sequence[str],
    relevant: Sequence[Sequence[int]],
    clips: Sequence[str],
    measures: tuple[str, ...] = MEASURES,
    direction: Direction = "text-to-audio",
) -> RetrievalTask:
    return RetrievalTask(
        Protocol("tiny", "folder", "all", direction, measures),
        tuple(Clip(name, Path(name)) for name in clips),
        tuple(captions),
        Relevance.from_lists(relevant),
        np.array([row[0] for row in relevant]),
    )


def values(scores: Score) -> dict[str, float]:
    return {measure.name: measure.value for measure in scores.measures}


CLIPS = ("a.wav", " b.wav", "c .wav", "d&amp;e.wav")
TASK = make_task(["Rain", "Wind, ", "Rain"], [[0], [1, 3], [2]], CLIPS)


def test_against_figures_worked_out_by_hand(tmp_path: Path) -> None:
    lists = [["c .wav", "a.wav", " b.wav"], ["d&amp;e.wav", "a.wav", " b.wav"]]
    write_ranked_list(tmp_path / "lists.csv", ["Rain", "Wind, "], lists)
    scores = score_file(tmp_path / "lists.csv", TASK)
    expected = [[1 / 2, 0, 1], [(1 / 1 + 2 / 3) / 2, 1 / 2, 1], [1, 1, 1]]
    np.testing.assert_allclose(scores.per_query, expected, atol=1e-12)
    assert values(scores) == pytest.approx(dict(zip(MEASURES, np.mean(expected, axis=0), strict=True)))
    assert (scores.format, scores.surplus, scores.left_out) == ("ranked-list", 0, ())


def test_rows_of_one_text_serve_its_queries_in_order(tmp_path: Path) -> None:
    write_ranked_list(tmp_path / "lists.csv", ["Rain", "Wind, ", "Rain"], [["a.wav"], [" b.wav"], ["c .wav"]])
    assert values(score_file(tmp_path / "lists.csv", TASK)) == {"R@1": pytest.approx((1 + 1 / 2 + 1) / 3)}


def test_names_measures_deeper_than_the_lists(tmp_path: Path) -> None:
    write_ranked_list(tmp_path / "lists.csv", ["Rain", "Wind, "], [["a.wav", "c .wav"]] * 2)
    scores = score_file(tmp_path / "lists.csv", TASK)
    assert scores.left_out == ("mAP@3", "R@3")
    assert list(values(scores)) == ["R@1"]
    assert "too short: mAP@3, R@3" in scores.to_text()


def test_a_list_of_every_clip_is_deep_enough(tmp_path: Path) -> None:
    task = make_task(["Rain"], [[1]], ["a.wav", "b.wav"], ("mAP@10",))
    write_ranked_list(tmp_path / "lists.csv", ["Rain"], [["a.wav", "b.wav"]])
    assert values(score_file(tmp_path / "lists.csv", task)) == {"mAP@10": 0.5}


def test_refuses_lists_too_short_for_any_measure(tmp_path: Path) -> None:
    task = make_task(["Rain"], [[1]], ["a.wav", "b.wav"], ("mAP@10", "R@5"))
    write_ranked_list(tmp_path / "lists.csv", ["Rain"], [["a.wav"]])
    with pytest.raises(UserError, match=r"lists of 1 clips are too short for mAP@10, R@5"):
        score_file(tmp_path / "lists.csv", task)


@given(data=st.data())
def test_a_matrix_is_ranked_as_its_scores_are(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Rows and columns shuffled, surplus rows, equal texts, negatives and ties."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    clips = [f"{n}.wav" for n in range(data.draw(st.integers(2, 12)))]
    texts = [f"caption {n % 7}, " for n in range(data.draw(st.integers(1, 10)))]
    relevant = [sorted(random.choice(len(clips), random.integers(1, len(clips)), replace=False)) for _ in texts]
    task = make_task(texts, relevant, clips, ("mAP@10", "R@1"))
    distinct = [*dict.fromkeys(texts), "surplus"]
    scores = random.integers(-3, 4, (len(distinct), len(clips))).astype(np.float32) / 1024
    rows, columns = random.permutation(len(distinct)), random.permutation(len(clips))
    path = tmp_path_factory.mktemp("matrix") / "scores.csv"
    write_score_matrix(
        path, [distinct[row] for row in rows], [clips[column] for column in columns], scores[rows][:, columns]
    )

    found = score_file(path, task)
    expected = rank_scores(scores[[distinct.index(text) for text in texts]], task.relevance)
    np.testing.assert_array_equal(found.ranks.pessimistic, expected.pessimistic)
    np.testing.assert_array_equal(found.ranks.optimistic, expected.optimistic)
    assert (found.format, found.surplus, found.left_out) == ("score-matrix", 1, ())


def test_blocks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    scores = random.standard_normal((10, 4)).astype(np.float32)
    task = make_task([str(n) for n in range(10)], [[n % 4] for n in range(10)], CLIPS)
    write_score_matrix(tmp_path / "scores.csv", task.queries, task.items, scores)
    whole = score_file(tmp_path / "scores.csv", task)
    monkeypatch.setattr("harness.predictions.scoring._SCORES_PER_BLOCK", 12)
    np.testing.assert_array_equal(score_file(tmp_path / "scores.csv", task).per_query, whole.per_query)


def test_a_matrix_and_its_lists_are_worth_the_same(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    best = top_k(scores, 3)[0]
    write_score_matrix(tmp_path / "scores.csv", ["Rain", "Wind, "], CLIPS, scores)
    write_ranked_list(tmp_path / "lists.csv", ["Rain", "Wind, "], [[CLIPS[item] for item in row] for row in best])
    matrix, lists = (score_file(tmp_path / name, TASK) for name in ("scores.csv", "lists.csv"))
    np.testing.assert_array_equal(matrix.per_query, lists.per_query)
    assert matrix.measures == lists.measures


def test_ties_count_against_the_file(tmp_path: Path) -> None:
    write_score_matrix(tmp_path / "scores.csv", ["Rain", "Wind, "], CLIPS, np.zeros((2, 4), np.float32))
    scores = score_file(tmp_path / "scores.csv", TASK)
    by_name = {measure.name: measure for measure in scores.measures}
    assert (by_name["R@1"].value, by_name["R@1"].optimistic) == (0, pytest.approx((1 + 1 / 2 + 1) / 3))
    assert "100.00% of the queries tie" in scores.to_text()


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        (
            ["caption,fname_1", "Rain,b.wav", '"Wind, ",d&e.wav'],
            [
                "no clip is called 'b.wav'; did you mean ' b.wav'?",
                "no clip is called 'd&e.wav'; did you mean 'd&amp;e.wav'?",
            ],
        ),
        (["caption,fname_1", "Rain,a.wav", "rain,a.wav"], ["no row for 'Wind, '"]),
        (
            ["index,a.wav, b.wav,c .wav,thunderstorm.wav", "Rain,1,2,3,4", '"Wind, ",1,2,3,4'],
            ["no clip is called 'thunderstorm.wav'"],
        ),
        (
            ["index,a.wav, b.wav", "Rain,1,2", '"Wind, ",1,2'],
            ["no column for the clip 'c .wav'", "no column for the clip 'd&amp;e.wav'"],
        ),
        (["index,a.wav, b.wav,c .wav,d&amp;e.wav", "Rain,1,2,3,4"], ["no row for 'Wind, '"]),
    ],
)
def test_names_what_does_not_answer_the_task(tmp_path: Path, rows: list[str], problems: list[str]) -> None:
    (tmp_path / "file.csv").write_text("\n".join(rows))
    with pytest.raises(UserError) as caught:
        score_file(tmp_path / "file.csv", TASK)
    found = caught.value.problems or (str(caught.value).removeprefix(f"{tmp_path / 'file.csv'}: "),)
    assert list(found) == problems


def test_a_named_format_is_held_to(tmp_path: Path) -> None:
    write_ranked_list(tmp_path / "lists.csv", ["Rain", "Wind, "], [["a.wav"]] * 2)
    with pytest.raises(UserError, match="expected index,"):
        score_file(tmp_path / "lists.csv", TASK, "score-matrix")
    with pytest.raises(UserError, match=r"unknown format 'matrix'; did you mean 'score-matrix'\? Known are auto,"):
        score_file(tmp_path / "lists.csv", TASK, "matrix")


def test_a_file_that_ranks_the_other_side_is_refused(tmp_path: Path) -> None:
    write_ranked_list(tmp_path / "clips.csv", ["Rain"], [["a.wav"]])
    task = make_task(["Rain"], [[0]], ["a.wav"], direction="audio-to-text")
    with pytest.raises(UserError, match="ranks captions, and .*clips.csv ranks the other side: choose a protocol of"):
        score_file(tmp_path / "clips.csv", task)


def test_json_knows_everything_but_the_queries(tmp_path: Path) -> None:
    write_ranked_list(tmp_path / "lists.csv", ["Rain", "Wind, ", "x"], [["a.wav"]] * 3)
    document = json.loads(json.dumps(score_file(tmp_path / "lists.csv", TASK).to_json()))
    assert {key: document[key] for key in ("protocol", "format", "queries", "surplus", "left_out")} == {
        "protocol": "tiny",
        "format": "ranked-list",
        "queries": 3,
        "surplus": 1,
        "left_out": ["mAP@3", "R@3"],
    }
    assert set(document["measures"][0]) == {"name", "value", "optimistic", "low", "high"}


@pytest.fixture
def baseline(shared: Path) -> Path:
    return shared / "data/dcase/baseline_dcase2022.test.output.csv"


@pytest.fixture
def clotho(shared: Path, tmp_path: Path) -> Callable[[str], RetrievalTask]:
    """The evaluation split under a protocol, from a data root without audio."""
    root = tmp_path / "data"
    (root / "clotho").mkdir(parents=True)
    for source in ("clotho/clotho_captions_evaluation.csv", "dcase/metadata_eval.csv"):
        (root / "clotho" / Path(source).name).symlink_to(shared / "data" / source)

    def task(name: str) -> RetrievalTask:
        protocol = get_protocol(name)
        return pose(protocol, load(protocol.dataset, protocol.split, root))

    return task


@pytest.mark.shared
def test_the_baseline_of_2022(clotho: Callable[[str], RetrievalTask], baseline: Path) -> None:
    scores = score_file(baseline, clotho("clotho-dcase2024"))
    rounded = {name: round(value, 4) for name, value in values(scores).items()}
    assert rounded == {"mAP@10": 0.0679, "R@1": 0.0316, "R@5": 0.1095, "R@10": 0.1883}
    assert (len(scores.per_query), scores.surplus, scores.left_out) == (5225, 0, ())


@pytest.mark.shared
def test_the_baseline_of_2022_with_several_relevant_clips(
    clotho: Callable[[str], RetrievalTask], baseline: Path
) -> None:
    scores = score_file(baseline, clotho("clotho-dcase2025"))
    assert round(values(scores)["mAP@10"], 4) == 0.0834
    assert (len(scores.per_query), scores.surplus, scores.left_out) == (1037, 4188, ("mAP@16",))


@pytest.mark.shared
@pytest.mark.parametrize("label", ["fname_", "number"])
def test_header_line_end_and_bom_do_not_change_the_score(
    clotho: Callable[[str], RetrievalTask], baseline: Path, tmp_path: Path, label: str
) -> None:
    _, _, body = baseline.read_bytes().partition(b"\n")
    columns = range(1, 11)
    header = ["0", *map(str, columns)] if label == "number" else ["caption", *(f"{label}{n}" for n in columns)]
    variant = tmp_path / "variant.csv"
    variant.write_bytes(b"\xef\xbb\xbf" + ",".join(header).encode() + b"\r\n" + body.replace(b"\n", b"\r\n"))
    assert read_ranked_list(variant) == read_ranked_list(baseline)
    task = clotho("clotho-dcase2024")
    assert score_file(variant, task).measures == score_file(baseline, task).measures


@pytest.mark.shared
def test_captions_that_several_clips_share(shared: Path, tmp_path: Path) -> None:
    """AudioCaps: 4,875 captions, 4,633 of them distinct. Only a row per caption can name each one's own clip first."""
    (tmp_path / "audiocaps").mkdir()
    (tmp_path / "audiocaps" / "v1_test.csv").symlink_to(shared / "data/audiocaps/v1_test.csv")
    task = pose(get_protocol("audiocaps"), load("audiocaps", "test", tmp_path))
    own = [[task.items[clip]] for clip in task.relevance.items]
    write_ranked_list(tmp_path / "all.csv", task.queries, own)
    distinct = dict(zip(reversed(task.queries), reversed(own), strict=True))
    write_ranked_list(tmp_path / "distinct.csv", list(distinct), list(distinct.values()))
    hits = sum(distinct[text] == names for text, names in zip(task.queries, own, strict=True))
    assert (len(distinct), hits) == (4633, 4729)
    assert values(score_file(tmp_path / "all.csv", task)) == {"R@1": 1}
    assert values(score_file(tmp_path / "distinct.csv", task)) == {"R@1": pytest.approx(hits / 4875)}


def answers(folder: Path, sign: float) -> tuple[RetrievalTask, Path, Path]:
    """Forty queries for twenty clips; scores and lists, the wrong way round where `sign` is -1."""
    clips = [f"{n}.wav" for n in range(20)]
    task = make_task([f"caption {n}" for n in range(40)], [[n % 20] for n in range(40)], clips, ("mAP@10", "R@1"))
    scores = np.random.default_rng(0).standard_normal((40, 20)).astype(np.float32)
    scores[np.arange(40), np.arange(40) % 20] += 2
    write_score_matrix(folder / "scores.csv", task.queries, clips, sign * scores)
    best = top_k(sign * scores, 10)[0]
    write_ranked_list(folder / "lists.csv", task.queries, [[clips[clip] for clip in row] for row in best])
    return task, folder / "scores.csv", folder / "lists.csv"


def test_a_matrix_of_distances_and_lists_with_the_worst_first_are_said_to_be_worse_than_chance(tmp_path: Path) -> None:
    for path, advice in zip(answers(tmp_path, -1)[1:], ("distances", "the other way round"), strict=True):
        result = score_file(path, answers(tmp_path, -1)[0])
        assert result.below_chance is not None
        (line,) = [line for line in result.to_text().splitlines() if "worse than chance" in line]
        assert line.startswith(f"worse than chance: mAP@10 {result.measures[0].value:.4f}, and a random order has 0.14")
        assert advice in line
        said = json.loads(json.dumps(result.to_json()))["below_chance"]
        assert said["measure"] == "mAP@10"
        assert said["value"] == pytest.approx(result.measures[0].value)
        assert said["chance"] == pytest.approx(0.1464, abs=0.005)
        assert said["p_value"] <= 0.001


def test_what_is_right_is_not_said_to_be_worse_than_chance(tmp_path: Path) -> None:
    task, *paths = answers(tmp_path, 1)
    for path in paths:
        result = score_file(path, task)
        assert (result.below_chance, result.to_json()["below_chance"]) == (None, None)
        assert "chance" not in result.to_text()


def test_a_matrix_the_other_way_round_is_one_line(tmp_path: Path) -> None:
    write_score_matrix(tmp_path / "scores.csv", CLIPS, ["Rain", "Wind, "], np.zeros((4, 2), np.float32))
    with pytest.raises(UserError, match=r"has a row per clip and a column per query; .* transpose it$") as caught:
        score_file(tmp_path / "scores.csv", TASK)
    assert caught.value.problems == ()
