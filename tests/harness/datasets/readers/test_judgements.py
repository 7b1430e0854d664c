"""Queries that are no captions, and grades: real files of others, and what may be wrong with such files."""

import json
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval

from harness.audio.clip import Clip
from harness.datasets.dataset import Query, RetrievalDataset
from harness.datasets.known import load
from harness.datasets.readers.judgements import placed_file, read_judgements, with_queries
from harness.errors import UserError
from harness.measures.measure import measures_of, parse_measure
from harness.measures.ranking import rank_scores
from harness.protocols.description import get_protocol
from harness.protocols.task import pose


@pytest.fixture
def birds(tmp_path: Path) -> RetrievalDataset:
    names = (" wren.wav", "Yab-cdefghij.wav", "owl &#39;x&#39; .wav")
    clips = tuple(Clip(name, tmp_path / name) for name in names)
    return RetrievalDataset("birds", "all", tmp_path, clips, tuple(Query(f"bird {index}", index) for index in range(3)))


def intents(path: Path, *pairs: tuple[str, str]) -> Path:
    lines = [json.dumps({"audio_id": name, "generated_query": text, "query_type": "question"}) for name, text in pairs]
    path.write_text("\n".join([*lines, ""]))
    return path


def test_user_intents_name_clips_in_other_ways(birds: RetrievalDataset, tmp_path: Path) -> None:
    pairs = (
        (" wren.wav", "What sings?"),
        ("ab-cdefghij", "Find a jay\u2028."),
        ("owl &#39;x&#39; ", "an owl"),
        ("wren", "w"),
    )
    asked = with_queries(birds, intents(tmp_path / "a.jsonl", *pairs))
    assert [(query.text, query.clip) for query in asked.queries] == [
        ("What sings?", 0),
        ("Find a jay\u2028.", 1),
        ("an owl", 2),
        ("w", 0),
    ]


def test_a_csv_has_queries_too(birds: RetrievalDataset, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("query,file_name\na wren?, wren.wav\n")
    assert with_queries(birds, tmp_path / "q.csv").queries == (Query("a wren?", 0),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"audio_id": "jay.wav", "generated_query": "x"}\n', "line 1: 'jay.wav' is no clip of birds all"),
        ('{"audio_id": " wren.wav"}\n', "line 1 is no query .KeyError: 'generated_query'."),
        ("\n{\n", "line 2 is no query .JSONDecodeError"),
        ("", "it has no query"),
        ('{"audio_id": " wren.wav", "generated_query": " "}\n', "line 1: the query is empty"),
    ],
)
def test_what_is_no_query_is_refused(birds: RetrievalDataset, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(UserError, match=said):
        with_queries(birds, tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("bird 9, wren.wav,3", "line 2: 'bird 9' is no query of birds all, to the letter"),
        ("bird 0,jay.wav,3", "line 2: 'jay.wav' is no clip of birds all"),
        ("bird 0, wren.wav,-1", "no clip is relevant to 'bird 0'"),
        ("bird 0, wren.wav,nan", "the relevance is 'nan'"),
        ("bird 0, wren.wav,much", "line 2: the relevance is 'much'; expected a number"),
        ("bird 0, wren.wav,0", "no clip is relevant to 'bird 0'"),
        ("bird 0, wren.wav,3\nbird 0, wren.wav,4", "line 3: ' wren.wav' is judged twice for 'bird 0'"),
    ],
)
def test_what_is_no_relevance_is_refused(birds: RetrievalDataset, tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "r.csv").write_text(f"query,file_name,relevance\n{row}\n")
    with pytest.raises(UserError, match=said):
        read_judgements(tmp_path / "r.csv", birds)


def test_a_file_is_beside_the_captions_or_above(birds: RetrievalDataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="UIQ/q.csv is neither in .* nor in one of the two folders above"):
        placed_file(birds, "UIQ/q.csv")
    (tmp_path.parent / "UIQ").mkdir(exist_ok=True)
    (tmp_path.parent / "UIQ" / "q.csv").touch()
    assert placed_file(birds, "UIQ/q.csv").samefile(tmp_path.parent / "UIQ" / "q.csv")


def test_tau_graded_relevances(shared: Path, tmp_path: Path) -> None:
    """Of 200 captions, 17 clips each: as many as were published, and trec_eval's figures for the judged clips alone."""
    for source in ("graded_relevances", "clotho"):
        for path in (shared / "data" / source).glob("*evaluation*"):
            (tmp_path / path.name).symlink_to(path)
    rules = get_protocol("clotho-graded2023")
    task = pose(rules, load("clotho", "evaluation", tmp_path))
    relevance = task.relevance
    assert (len(task.queries), set(task.ranked), relevance.judged_only) == (200, {17}, True)
    assert relevance.gains is not None
    assert (relevance.gains.min(), relevance.gains.max()) == (0, 100)
    random = np.random.default_rng(0)
    scores = random.permuted(np.tile(np.arange(1045.0), (200, 1)), axis=1)
    rows = np.split(relevance.items, relevance.offsets[1:-1])
    judged = {
        str(query): dict(zip(map(str, items), map(int, gains), strict=True))
        for query, (items, gains) in enumerate(
            zip(rows, np.split(relevance.gains, relevance.offsets[1:-1]), strict=True)
        )
    }
    run = {str(query): {str(item): scores[query, item] for item in items} for query, items in enumerate(rows)}

    def trec(measure: str, level: int) -> np.ndarray:
        found = pytrec_eval.RelevanceEvaluator(judged, {measure}, relevance_level=level).evaluate(run)
        return np.array([found[str(query)][measure.replace(".", "_")] for query in range(200)])

    ranks = rank_scores(scores, relevance)
    assert [str(one) for one in measures_of(rules)] == ["nDCG@10", "GAP@10", "mAP@10", "MRR", "Rprec"]
    for ours, theirs in {
        "nDCG@10": "ndcg_cut.10",
        "mAP@10": "map_cut.10",
        "MRR": "recip_rank",
        "Rprec": "Rprec",
    }.items():
        np.testing.assert_allclose(parse_measure(ours)(ranks), trec(theirs, 50), atol=1e-9, err_msg=ours)
    grades = [
        {level: sum(gain >= level for gain in row.values()) for level in range(1, 101)} for row in judged.values()
    ]
    above = np.array([list(row.values()) for row in grades], dtype=float).T
    aps = np.array([trec("map_cut.10", level) for level in range(1, 101)])
    np.testing.assert_allclose(parse_measure("GAP@10")(ranks), (above * aps).sum(axis=0) / above.sum(axis=0), atol=1e-9)


@pytest.mark.parametrize(
    "spelt", [str, lambda name: name.removesuffix(".wav"), str.strip], ids=["as it is", "bare", "stripped"]
)
def test_every_name_of_clotho_is_found_however_it_is_spelt(spelt, shared: Path, tmp_path: Path) -> None:
    """With the blanks, HTML entities and look-alike endings of the real file."""
    clotho = load("clotho", "evaluation", shared / "data")
    path = intents(
        tmp_path / "q.jsonl", *((spelt(clip.name), f"which is {index}?") for index, clip in enumerate(clotho.clips))
    )
    assert [query.clip for query in with_queries(clotho, path).queries] == list(range(1045))
