"""Outputs in the order of a task: ranked lists as scores, captions ranked for clips, and exact ties."""

from pathlib import Path

import numpy as np
import pytest

from harness.audio.clip import Clip
from harness.errors import UserError
from harness.measures.ranking import rank_tiles
from harness.predictions.outputs import read_outputs
from harness.predictions.ranked_list import write_ranked_list
from harness.predictions.score_matrix import write_score_matrix
from harness.predictions.scoring import score_file
from harness.protocols.named import Direction, Protocol
from harness.protocols.relevance import Relevance
from harness.protocols.task import RetrievalTask

CLIPS = ("a.wav", "b.wav", "c.wav", "d.wav")
CAPTIONS = ("rain", "wind, and/or rain", "rain", "a dog", "birds")


def task(direction: Direction, relevant: list[list[int]]) -> RetrievalTask:
    clips = tuple(Clip(name, Path(name)) for name in CLIPS)
    protocol = Protocol("tiny", "folder", "all", direction, ("mAP@2", "Hit@1"), submission=None)
    sources = CLIPS if direction == "audio-to-text" else CAPTIONS
    return RetrievalTask(protocol, clips, CAPTIONS, Relevance.from_lists(relevant), sources)


TEXT_ASKS = task("text-to-audio", [[0], [1], [2], [3], [3]])
CLIPS_ASK = task("audio-to-text", [[0], [1], [2], [3, 4]])


def test_what_a_list_leaves_out_ties_at_its_end(tmp_path: Path) -> None:
    lists = [["a.wav", "b.wav"], ["a.wav", "b.wav"], ["d.wav", "a.wav"], ["d.wav", "a.wav"]]
    write_ranked_list(tmp_path / "x.csv", ["rain", CAPTIONS[1], "a dog", "birds"], lists)
    outputs = read_outputs(tmp_path / "x.csv", TEXT_ASKS)
    assert (outputs.depth, outputs.arrays()["scores"][1].tolist()) == (2, [1.0, 0.5, 0.0, 0.0])
    ranks = rank_tiles(outputs.tiles(), TEXT_ASKS.relevance)
    # The caption `rain` of the clip c.wav gets the list of the same words, in which c.wav is not.
    assert ranks.optimistic.tolist() == [1, 2, 3, 1, 1]
    assert ranks.pessimistic.tolist() == [1, 2, 4, 1, 1]


def test_captions_ranked_for_clips(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    columns = ("file_name", "caption_{rank}")
    lists = [["rain", "a dog"], ["a dog", CAPTIONS[1]], ["a dog", "rain"], ["birds", "rain"]]
    write_ranked_list(path, CLIPS, lists, columns)
    scores = score_file(path, CLIPS_ASK)
    # `rain` is two captions that nobody can tell apart: the right one is first in one order, second in the other.
    assert scores.ranks.optimistic.tolist() == [1, 2, 2, 1, 4]
    assert scores.ranks.pessimistic.tolist() == [2, 2, 3, 1, 5]
    assert {one.name: (one.value, one.optimistic) for one in scores.measures} == {
        "mAP@2": pytest.approx((0.375, 0.625)),
        "Hit@1": (0.25, 0.5),
    }
    write_ranked_list(path, CLIPS, [["rain", "a cat"], *lists[1:]], columns)
    with pytest.raises(UserError, match="ranks what tiny does not have: no caption reads 'a cat'"):
        score_file(path, CLIPS_ASK)
    with pytest.raises(UserError, match="protocol tiny ranks clips, and .*x.csv ranks the other side"):
        read_outputs(path, TEXT_ASKS)


def test_a_matrix_file_answers_both_directions(tmp_path: Path) -> None:
    texts = list(dict.fromkeys(CAPTIONS))
    matrix = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    write_score_matrix(tmp_path / "x.csv", texts, CLIPS[::-1], matrix)
    found = score_file(tmp_path / "x.csv", CLIPS_ASK)
    whole = matrix[[texts.index(text) for text in CAPTIONS]][:, ::-1]
    expected = rank_tiles(iter([(slice(0, 4), np.ascontiguousarray(whole.T))]), CLIPS_ASK.relevance)
    np.testing.assert_array_equal(found.ranks.pessimistic, expected.pessimistic)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_equal_clips_tie_exactly(kind: type) -> None:
    """Whatever the width, the type and the length of the vectors: equal clips are equal."""
    random = np.random.default_rng(1)
    audio = np.repeat(random.standard_normal((1, 517)), 4, axis=0).astype(kind)
    text = random.standard_normal((5, 517)).astype(kind)
    for source in ((text, audio), (text.astype(np.float64) @ audio.astype(np.float64).T)[:, [0]].repeat(4, axis=1)):
        ranks = rank_tiles(read_outputs(source, TEXT_ASKS).tiles(), TEXT_ASKS.relevance)
        assert (set(ranks.optimistic.tolist()), set(ranks.pessimistic.tolist())) == ({1}, {4})
