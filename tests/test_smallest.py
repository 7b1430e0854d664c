"""The smallest of everything: one clip, one caption, one query, one dimension, through every way in."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evaluation import evaluate, hidden_task, predict, read_scores
from harness.evaluation.options import Options
from harness.interface import SystemInfo
from harness.measures import (
    ExactIndex,
    holm,
    intervals,
    parse_measure,
    rank_tiles,
    score_tiles,
    sign_flip_p_values,
    summarise,
    top_k,
)
from harness.predictions import predictions_in
from harness.protocols import Protocol, Relevance, get_protocol
from leaderboard.board import standings
from leaderboard.comparison import compare_rows
from leaderboard.runs import collect, find_rows

ONE_OR_TWO = st.integers(1, 2)


@given(queries=ONE_OR_TWO, items=ONE_OR_TWO, width=st.sampled_from([1, 2, 3, 60]), seed=st.integers(0, 9))
def test_scores_ranks_and_measures(queries: int, items: int, width: int, seed: int) -> None:
    """Rows that were cut from larger arrays: of a single one numpy does not say where it ends."""
    text, audio = np.random.default_rng(seed).standard_normal((2, 4, 70)).astype(np.float32)
    text, audio = text[:queries, :width], audio[:items, :width]
    tiles = [(rows, scores.copy()) for rows, scores in score_tiles(text, audio)]
    cosines = text @ audio.T / np.outer(np.linalg.norm(text, axis=1), np.linalg.norm(audio, axis=1))
    np.testing.assert_allclose(np.concatenate([scores for _, scores in tiles]), cosines, atol=1e-5)
    ranks = rank_tiles(iter(tiles), Relevance.from_lists([[0]] * queries))
    first = 1 + (cosines > cosines[:, :1] + 1e-5).sum(axis=1)
    if items == 1 or abs(cosines[:, 0] - cosines[:, 1]).min() > 1e-4:
        assert ranks.pessimistic.tolist() == first.tolist()
    (measured,) = summarise(ranks, [parse_measure("R@1")], np.arange(queries))
    assert measured.low <= measured.value <= measured.high
    best, _ = top_k(cosines.astype(np.float32), 10)
    found, scores = ExactIndex(audio).search(text, 10)
    assert best.shape == found.shape == scores.shape == (queries, items)


def test_statistics_of_one_query() -> None:
    assert intervals([[0.25]], [0]).tolist() == [[0.25, 0.25]]
    assert sign_flip_p_values([[1.0, 0.0]], [0], [(0, 1)]).tolist() == [1]
    assert holm([0.5]).tolist() == [0.5]


class Embeds:
    """Any caption matches a clip the better the longer it is."""

    def __init__(self, width: int) -> None:
        self.info = SystemInfo(name=f"embeds {width}", sample_rate=16_000, digest=f"embeds {width}")
        self._numbers = np.arange(1, width + 1, dtype=np.float32)

    def embed_audio(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([self._numbers**2 * len(clip) for clip in clips], np.float32)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        # Cut from a larger array, as models do that return the first of many tokens.
        return np.array([[self._numbers, self._numbers] for _ in captions], np.float32)[:, 0]


class Scores(Embeds):
    """The same by a score of its own."""

    def score(self, text: np.ndarray, audio: np.ndarray) -> np.ndarray:
        return text @ audio.T


class Pairs:
    info = SystemInfo(name="pairs", sample_rate=16_000, digest="pairs")

    def score_pairs(self, captions: Sequence[str], clips: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([len(clip) for clip in clips], np.float32)


KINDS = {"1": lambda: Embeds(1), "60": lambda: Embeds(60), "score": lambda: Scores(1), "pairs": Pairs}


@pytest.fixture(params=KINDS)
def system(request: pytest.FixtureRequest) -> object:
    return KINDS[request.param]()


@pytest.fixture
def one_clip(tones: Callable[..., Path]) -> Path:
    root = tones((440,))
    (root / "captions.csv").write_text("file_name,caption_1\ntone 0.wav,a tone\n")
    return root


@pytest.mark.usefixtures("own_cache")
def test_one_clip_and_one_caption_from_files_to_the_board(one_clip: Path, tmp_path: Path, system: object) -> None:
    out, rules = tmp_path / "runs", Protocol("a2t", "folder", "all", "audio-to-text", submission=None)
    for protocol in (rules, get_protocol("folder")):
        for again in (False, True):
            run = evaluate(system, protocol, Options(data_root=one_clip, out=out, again=again))
            assert [(one.value, one.low, one.high) for one in run.record.measures] == [(1, 1, 1)] * 4
    other = evaluate(Embeds(2), get_protocol("folder"), Options(data_root=one_clip, out=out))
    difference, *_ = compare_rows(find_rows([run.folder.name, other.folder.name], out)).differences
    assert (difference.value, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)
    found = {standing.protocol.name: standing.entries for standing in standings(collect(out))}
    assert {name: len(entries) for name, entries in found.items()} == {"a2t": 1, "folder": 2}
    assert [entry.group for entry in found["folder"]] == ["a", "a"]


@pytest.mark.usefixtures("own_cache")
def test_one_clip_and_one_query_that_are_hidden(one_clip: Path, tmp_path: Path, system: object) -> None:
    (tmp_path / "queries.csv").write_text("caption\na tone\n")
    for form in ("ranked-list", "score-matrix"):
        options = Options(out=tmp_path / "runs", predictions=form)
        done = predict(system, hidden_task(tmp_path / "queries.csv", one_clip), options)
        assert read_scores(done.folder, done.record).shape == (1, 1)
        path = predictions_in(done.folder)
        assert path is not None
        assert len(path.read_text().splitlines()) == 2
