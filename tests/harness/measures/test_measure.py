import itertools
import json

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness.cli.app import build
from harness.errors import UserError
from harness.measures.kinds import MEASURES, Kind
from harness.measures.measure import Measure, parse_measure
from harness.measures.ranking import rank_scores, ranks_from_lists
from harness.protocols.named import PROTOCOLS, Protocol
from harness.protocols.relevance import Relevance

TREC = {"mAP": "map_cut", "R": "recall", "Hit": "success"}
CUTOFFS = (1, 3, 5, 10, 16)
TRIED = [Measure(kind, cutoff) for kind in TREC for cutoff in CUTOFFS]


def by_definition(measure, ranking, relevant):
    """The value for one query, from its ranked list."""
    precision_sum, found = 0.0, 0
    for rank, item in enumerate(ranking[: measure.cutoff], start=1):
        if item in relevant:
            found += 1
            precision_sum += found / rank
    values = {"mAP": precision_sum / len(relevant), "R": found / len(relevant), "Hit": float(found > 0)}
    return values[measure.kind]


@st.composite
def problems(draw):
    """Distinct scores of both signs, and some relevant items, for several queries."""
    queries, items = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = np.stack([rng.permutation(items) for _ in range(queries)]) - draw(st.integers(0, 50)) + 0.5
    relevant = [rng.choice(items, rng.integers(1, items + 1), replace=False).tolist() for _ in range(queries)]
    return scores.astype(np.float32), relevant


def trec_values(measure, run, relevant):
    evaluator = pytrec_eval.RelevanceEvaluator(
        {str(query): {str(item): 1 for item in items} for query, items in enumerate(relevant)},
        {f"{TREC[measure.kind]}.{measure.cutoff}"},
    )
    results = evaluator.evaluate({str(query): scored for query, scored in enumerate(run)})
    return [results[str(query)][f"{TREC[measure.kind]}_{measure.cutoff}"] for query in range(len(run))]


@settings(max_examples=100, deadline=None)
@given(problems(), st.sampled_from(TRIED))
def test_values_are_those_of_trec_eval_and_of_the_definition(problem, measure):
    scores, relevant = problem
    values = measure(rank_scores(scores, Relevance.from_lists(relevant)))
    run = [{str(item): float(score) for item, score in enumerate(row)} for row in scores]
    np.testing.assert_allclose(values, trec_values(measure, run, relevant), atol=1e-9)
    rankings = np.argsort(-scores, axis=1).tolist()
    expected = [by_definition(measure, *one) for one in zip(rankings, relevant, strict=True)]
    np.testing.assert_allclose(values, expected, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(problems(), st.sampled_from(TRIED), st.randoms(use_true_random=False))
def test_lists_of_unequal_length_are_scored_like_trec_eval_scores_them(problem, measure, random):
    scores, relevant = problem
    lists = [row[: random.randint(1, len(row))] for row in np.argsort(-scores, axis=1).tolist()]
    values = measure(ranks_from_lists(lists, Relevance.from_lists(relevant), scores.shape[1]))
    run = [{str(item): -float(rank) for rank, item in enumerate(row)} for row in lists]
    np.testing.assert_allclose(values, trec_values(measure, run, relevant), atol=1e-9)
    expected = [by_definition(measure, *one) for one in zip(lists, relevant, strict=True)]
    np.testing.assert_allclose(values, expected, atol=1e-9)


@settings(deadline=None)
@given(
    st.lists(st.integers(-1, 1), min_size=1, max_size=6),
    st.data(),
    st.sampled_from([Measure(kind, cutoff) for kind in TREC for cutoff in (1, 2, 4)]),
)
def test_the_bounds_hold_every_way_to_break_ties_and_are_reached(row, data, measure):
    relevant = data.draw(st.lists(st.integers(0, len(row) - 1), min_size=1, unique=True))
    ranks = rank_scores(np.array([row], np.float32), Relevance.from_lists([relevant]))
    orders = [
        order
        for order in itertools.permutations(range(len(row)))
        if all(row[better] >= row[worse] for better, worse in itertools.pairwise(order))
    ]
    values = [by_definition(measure, order, relevant) for order in orders]
    assert measure(ranks, ties="pessimistic").item() == pytest.approx(min(values), abs=1e-12)
    assert measure(ranks, ties="optimistic").item() == pytest.approx(max(values), abs=1e-12)


def test_a_constant_system_earns_nothing():
    ranks = rank_scores(np.zeros((4, 1045), np.float32), Relevance.from_lists([[7]] * 4))
    assert [parse_measure(name)(ranks).sum() for name in ("R@1", "R@10", "mAP@10", "Hit@10")] == [0, 0, 0, 0]


def test_torchmetrics_disagrees_on_negative_scores_and_on_the_divisor():
    """Why its retrieval metrics are not used: see `RetrievalMAP` and its treatment of `preds <= 0`."""
    import torch
    from torchmetrics.retrieval import RetrievalMAP

    def theirs(scores, relevant):
        target = torch.zeros(len(scores), dtype=torch.bool)
        target[relevant] = True
        index = torch.zeros(len(scores), dtype=torch.long)
        return RetrievalMAP(top_k=10)(torch.tensor(scores), target, indexes=index).item()

    def ours(scores, relevant):
        ranks = rank_scores(np.array([scores], np.float32), Relevance.from_lists([relevant]))
        return parse_measure("mAP@10")(ranks).item()

    falling = [1.0 - 0.01 * item for item in range(30)]
    negative = [score - 2 for score in falling]
    assert (ours(falling, [1]), theirs(falling, [1])) == (0.5, 0.5)
    assert (ours(negative, [1]), theirs(negative, [1])) == (0.5, 0.0)
    one_of_five_found = [0, 20, 21, 22, 23]
    assert (ours(falling, one_of_five_found), theirs(falling, one_of_five_found)) == (0.2, 1.0)


def test_measures_are_values():
    names = ["mAP@10", "R@10", "R@5", "Hit@1", "mAP@16"]
    measures = [parse_measure(name) for name in names]
    assert [str(measure) for measure in measures] == names
    assert [str(measure) for measure in sorted(measures)] == ["Hit@1", "R@5", "R@10", "mAP@10", "mAP@16"]
    assert {parse_measure("R@5"): 1} == {Measure("R", 5): 1}


@pytest.mark.parametrize(
    "text",
    ["", "mAP", "MedR@5", "Rprec@3", "MRR@0", "map@10", "R@0", "R@-1", "R@05", "R@5.0", " R@5", "R@5\n", "P@10", "R@٣"],
)
def test_an_unknown_measure_is_refused_with_the_known_ones(text):
    known = "known are mAP@k, R@k, Hit@k, nDCG@k, GAP@k, MRR@k, MedR, Rprec, HNSR@k, RightRank"
    with pytest.raises(UserError, match=known):
        parse_measure(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [("map@10", "mAP@10"), ("hits@5", "Hit@5"), ("r@1", "R@1"), ("ndcg@10", "nDCG@10"), ("mrr", "MRR@10")],
)
def test_a_measure_that_is_misspelt_is_refused_with_the_nearest(text, near):
    with pytest.raises(UserError, match=f"unknown measure {text!r}; did you mean {near}[?]"):
        parse_measure(text)


def reciprocal_rank(found, cutoff):
    """RR@k = 1 / r of the first relevant item where r <= k, else 0."""
    return np.where(found.first <= cutoff, 1 / found.first, 0.0)


def test_one_more_measure_is_one_entry_that_every_command_knows(tmp_path, monkeypatch):
    """Under a protocol that asks for it: an evaluation's record, `lbar score`, the board, a comparison."""
    monkeypatch.setitem(MEASURES, "RR", Kind(reciprocal_rank, "1 / r", "this test"))
    rules = Protocol("everyday-rr", "everyday", "evaluation", measures=("RR@10", "mAP@10"))
    monkeypatch.setitem(PROTOCOLS, rules.name, rules)

    def lbar(*arguments):
        done = CliRunner().invoke(build(), [*arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    place = ("--out", str(tmp_path), "--protocol", rules.name)
    linear, other = json.loads(lbar("eval", "linear", "random", *place, "--json"))
    found = {measure["name"]: measure["value"] for measure in linear["measures"]}
    assert list(found) == ["RR@10", "mAP@10"]
    assert found["RR@10"] == pytest.approx(found["mAP@10"]), "with one relevant clip they are the same"
    assert other["measures"][0]["value"] < found["RR@10"]
    (output,) = tmp_path.glob("*linear*/*.output.csv")
    assert f"{found['RR@10']:.4f}" in lbar("score", str(output), "--protocol", rules.name)
    assert "RR@10" in lbar("board", *place)
    assert "RR@10" in lbar("compare", "linear", "random", *place)
