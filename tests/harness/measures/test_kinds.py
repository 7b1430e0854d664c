"""The measures beside mAP, R and Hit agree with another lineage, and their bounds hold for every way to break ties."""

import itertools

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from harness.errors import UserError
from harness.measures.kinds import MEASURES
from harness.measures.measure import measures_of, parse_measure
from harness.measures.ranking import Ranks, rank_scores, ranks_from_lists
from harness.measures.summary import summarise
from harness.protocols.named import Protocol
from harness.protocols.relevance import Relevance

CUTOFFS = (1, 3, 10)


@st.composite
def graded_problems(draw):
    """Distinct scores, and grades from 0 to 4 of which each query has one above 0, for several queries."""
    queries, items = draw(st.integers(1, 5)), draw(st.integers(2, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = np.stack([rng.permutation(items) for _ in range(queries)]) - 3.5
    gains = rng.integers(0, 5, (queries, items))
    gains[range(queries), rng.integers(0, items, queries)] = 3
    return scores, gains


def relevance_of(gains, level=0.0):
    return Relevance.graded(({item: float(gain) for item, gain in enumerate(row)} for row in gains), level)


def trec(name, scores, gains, level=1):
    """A measure of trec_eval for each query, 0 where no item reaches the level."""
    judged = {str(query): {str(item): int(gain) for item, gain in enumerate(row)} for query, row in enumerate(gains)}
    run = {str(query): {str(item): float(one) for item, one in enumerate(row)} for query, row in enumerate(scores)}
    results = pytrec_eval.RelevanceEvaluator(judged, {name}, relevance_level=level).evaluate(run)
    return np.array([results[str(query)][name.replace(".", "_")] for query in range(len(scores))])


@settings(max_examples=60)
@given(graded_problems(), st.sampled_from(CUTOFFS))
def test_ndcg_is_that_of_scikit_learn_and_of_trec_eval(problem, k):
    scores, gains = problem
    values = parse_measure(f"nDCG@{k}")(rank_scores(scores, relevance_of(gains)))
    theirs = [ndcg_score([row], [scored], k=k) for row, scored in zip(gains, scores, strict=True)]
    np.testing.assert_allclose(values, theirs, atol=1e-9)
    np.testing.assert_allclose(values, trec(f"ndcg_cut.{k}", scores, gains), atol=1e-9)


@settings(max_examples=60)
@given(graded_problems(), st.sampled_from(CUTOFFS))
def test_graded_ap_is_trec_evals_ap_at_every_threshold_weighted_by_the_items_above(problem, k):
    scores, gains = problem
    above = np.array([(gains >= level).sum(axis=1) for level in range(1, 5)])
    aps = np.array([trec(f"map_cut.{k}", scores, gains, level) for level in range(1, 5)])
    values = parse_measure(f"GAP@{k}")(rank_scores(scores, relevance_of(gains)))
    np.testing.assert_allclose(values, (above * aps).sum(axis=0) / above.sum(axis=0), atol=1e-9)


@settings(max_examples=60)
@given(graded_problems(), st.sampled_from([1, 3]))
def test_measures_without_grades_go_by_the_level(problem, level):
    scores, gains = problem
    ranks = rank_scores(scores, relevance_of(gains, level))
    for ours, theirs in {"mAP@3": "map_cut.3", "R@3": "recall.3", "MRR": "recip_rank", "Rprec": "Rprec"}.items():
        np.testing.assert_allclose(
            parse_measure(ours)(ranks), trec(theirs, scores, gains, level), atol=1e-9, err_msg=ours
        )


@settings(max_examples=60)
@given(graded_problems())
def test_the_median_rank_is_that_of_the_definition(problem):
    scores, gains = problem
    orders = np.argsort(-scores, axis=1)
    firsts = [
        1 + next(place for place, item in enumerate(order) if row[item])
        for order, row in zip(orders, gains, strict=True)
    ]
    measure = parse_measure("MedR")
    assert measure.of_all(measure(rank_scores(scores, relevance_of(gains)))) == np.median(firsts)


def graded_ap(order, gains, k):
    """By the definition of Robertson et al., with the gains as the sums of their thresholds' probabilities."""
    found = [gains[item] for item in order]
    shared = [sum(min(found[m], found[n]) for m in range(n + 1)) / (n + 1) for n in range(min(k, len(found)))]
    return sum(shared) / sum(gains)


def dcg(gains, k):
    return sum(gain / np.log2(place + 2) for place, gain in enumerate(gains[:k]))


@settings(max_examples=60)
@given(st.lists(st.integers(-1, 1), min_size=2, max_size=6), st.data(), st.sampled_from([1, 2, 4]), st.booleans())
def test_the_bounds_of_graded_measures_hold_every_way_to_break_ties_and_are_reached(row, data, k, all_judged):
    gains = data.draw(st.lists(st.integers(0, 3), min_size=len(row), max_size=len(row)).filter(any))
    judged = {item: float(gain) for item, gain in enumerate(gains) if gain or all_judged}
    ranks = rank_scores(np.array([row], np.float32), Relevance.graded([judged], 0.0))
    orders = [
        order
        for order in itertools.permutations(range(len(row)))
        if all(row[better] >= row[worse] for better, worse in itertools.pairwise(order))
    ]
    best = dcg(sorted(gains, reverse=True), k)
    for name, of_order in {
        f"GAP@{k}": lambda order: graded_ap(order, gains, k),
        f"nDCG@{k}": lambda order: dcg([gains[item] for item in order], k) / best,
    }.items():
        values = [of_order(order) for order in orders]
        assert parse_measure(name)(ranks, "pessimistic").item() == pytest.approx(min(values), abs=1e-12)
        assert parse_measure(name)(ranks, "optimistic").item() == pytest.approx(max(values), abs=1e-12)


@settings(max_examples=60)
@given(graded_problems())
def test_judged_items_may_be_ranked_among_themselves(problem):
    """As if the others did not exist, from scores as from whole lists."""
    scores, gains = problem
    judged = [{item: float(gain) for item, gain in enumerate(row) if gain or item % 2} for row in gains]
    among = Relevance.graded(judged, 2.0, judged_only=True)
    for name in ("mAP@3", "nDCG@3", "GAP@3"):
        alone = [
            parse_measure(name)(
                rank_scores(scores[query, list(row)][None], Relevance.graded([dict(enumerate(row.values()))], 2.0))
            ).item()
            for query, row in enumerate(judged)
        ]
        np.testing.assert_allclose(parse_measure(name)(rank_scores(scores, among)), alone, atol=1e-12)
        lists = ranks_from_lists(np.argsort(-scores, axis=1).tolist(), among, scores.shape[1])
        np.testing.assert_allclose(parse_measure(name)(lists), alone, atol=1e-12)


def test_a_query_without_an_item_that_is_relevant_enough_counts_nothing():
    ranks = rank_scores(np.array([[3.0, 2.0], [3.0, 2.0]]), Relevance.graded([{0: 9.0}, {0: 60.0}], level=50))
    assert [parse_measure(name)(ranks).tolist() for name in ("mAP@10", "nDCG@10")] == [[0, 1], [1, 1]]
    nobody = rank_scores(np.array([[3.0, 2.0]]), Relevance.graded([{0: 9.0}], level=50))
    assert parse_measure("Hit@1")(nobody).tolist() == [0]


def test_a_median_has_an_interval_over_clips():
    values, clips = np.array([1, 1, 2, 3, 8, 9, 9, 20]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    ranks = Ranks(np.arange(9), values, values + 1)
    (record,) = summarise(ranks, [parse_measure("MedR")], clips)
    assert (record.value, record.optimistic) == (6.5, 5.5)
    assert record.low <= record.value <= record.high


@pytest.mark.parametrize("kind", MEASURES.values(), ids=MEASURES)
def test_every_measure_says_what_it_is_and_where_it_comes_from(kind):
    assert kind.formula
    assert kind.source


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        (("mPA@10",), r"protocol mine: unknown measure 'mPA@10'; did you mean mAP@10\?"),
        (("MedR", "mAP@10"), "protocol mine: its first measure, .* is MedR; expected one that is a mean"),
        ((), "its first measure, .* is missing"),
        (("R@1", "mAP@10", "R@1"), "protocol mine: measures has R@1 twice"),
    ],
)
def test_the_measures_of_a_protocol_that_cannot_be_are_refused(measures, said):
    with pytest.raises(UserError, match=said):
        measures_of(Protocol("mine", "everyday", "evaluation", measures=measures))


def shut_out(order, gains, k):
    """HNSR@k by its definition: a relevant item is among the first k, and no excluded one."""
    first = [gains[item] for item in order[:k]]
    return float(max(first) > 0 and min(first) >= 0)


def right_rank(order, gains):
    """The share of pairs of a relevant and an excluded item that stand in the right order."""
    place = {item: rank for rank, item in enumerate(order)}
    good = [item for item, gain in enumerate(gains) if gain > 0]
    bad = [item for item, gain in enumerate(gains) if gain < 0]
    pairs = [place[one] < place[other] for one in good for other in bad]
    return sum(pairs) / len(pairs) if pairs else 1.0


@settings(max_examples=80)
@given(st.lists(st.integers(-1, 1), min_size=2, max_size=6), st.data(), st.sampled_from([1, 2, 4]), st.booleans())
def test_measures_of_negation_are_their_definitions_and_their_bounds_are_reached(row, data, k, all_judged):
    marks = st.lists(st.integers(-1, 1), min_size=len(row), max_size=len(row))
    gains = data.draw(marks.filter(lambda drawn: 1 in drawn))
    judged = {item: float(gain) for item, gain in enumerate(gains) if gain or all_judged}
    ranks = rank_scores(np.array([row, row], np.float32), Relevance.graded([judged, judged], 1.0))
    orders = [
        order
        for order in itertools.permutations(range(len(row)))
        if all(row[better] >= row[worse] for better, worse in itertools.pairwise(order))
    ]
    for name, of_order in {
        f"HNSR@{k}": lambda order: shut_out(order, gains, k),
        "RightRank": lambda order: right_rank(order, gains),
    }.items():
        values = [of_order(order) for order in orders]
        assert parse_measure(name)(ranks, "pessimistic") == pytest.approx([min(values)] * 2, abs=1e-12)
        assert parse_measure(name)(ranks, "optimistic") == pytest.approx([max(values)] * 2, abs=1e-12)
