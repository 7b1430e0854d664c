"""The queries of `everyday-intents`: true of what they are said to be true of, and the same on every machine."""

import ast
import csv
import re
from pathlib import Path

import pytest

from harness.datasets.everyday import intents
from harness.datasets.everyday.intents import KINDS, place_intents, queries_name, read_scenes, relevance_name
from harness.datasets.everyday.scenes import Scene
from harness.datasets.everyday.vocabulary import LABELS
from harness.datasets.known import load
from harness.errors import UserError
from harness.measures.measure import parse_measure
from harness.measures.ranking import rank_scores
from harness.protocols.description import get_protocol
from harness.protocols.task import RetrievalTask, pose


@pytest.fixture(scope="module")
def folder(session_cache: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_CACHE", str(session_cache))
        return load("everyday", "evaluation", Path()).root


@pytest.fixture(scope="module")
def scenes(folder: Path) -> tuple[Scene, ...]:
    return read_scenes(folder / "scenes_evaluation.json")


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_each_scene_has_a_query_that_is_true_of_it(kind: str, folder: Path, scenes: tuple[Scene, ...]) -> None:
    asked = rows(folder / queries_name(kind))
    assert [name for _, name in asked] == [scene.name for scene in scenes]
    assert len({text for text, _ in asked}) == len(scenes) == 200
    if kind == "negation":
        relevant = {(text, name) for text, name, gain in rows(folder / relevance_name(kind)) if gain == "1"}
    else:
        relevant = {
            (text, name) for text, cell in rows(folder / relevance_name(kind)) for name in ast.literal_eval(cell)
        }
    assert {(text, name) for text, name in asked} <= relevant


def heard(scene: Scene) -> set[str]:
    return {term for sound in scene.sounds for term in LABELS[sound.label].terms}


def test_a_negation_excludes_what_has_the_one_and_the_other(folder: Path, scenes: tuple[Scene, ...]) -> None:
    """Read back from the words, by nothing but the truth about the scenes."""
    by_name = {scene.name: heard(scene) for scene in scenes}
    written = intents.write_intents("negation", scenes)
    wanted = {one.text: (one.claims.mentions[0].term, one.excluded) for one in written}
    judged = rows(folder / relevance_name("negation"))
    for text, name, gain in judged:
        term, excluded = wanted[text]
        assert term in by_name[name]
        assert (gain == "-1") == (excluded in by_name[name])
    for text, (term, excluded) in wanted.items():
        assert re.search(r"\b(no|not|without)\b", text)
        assert sum(term in terms for terms in by_name.values()) == sum(row[0] == text for row in judged)
        assert any(row[0] == text and row[2] == "-1" for row in judged), f"{text}: nothing is excluded"
        assert excluded not in ("water", "train", "frogs", "alarm")


def test_the_files_are_made_again_where_they_are_damaged(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenes_evaluation.json").write_bytes((folder / "scenes_evaluation.json").read_bytes())
    place_intents(tmp_path)
    path = tmp_path / queries_name("question")
    before = path.read_bytes()
    path.write_bytes(before.replace(b"cat", b"dog"))
    place_intents(tmp_path)
    assert path.read_bytes() == before
    monkeypatch.setattr(intents, "DIGEST", "0" * 64)
    with pytest.raises(UserError, match="the queries of everyday-intents are not those of this version"):
        place_intents(tmp_path)


def posed(kind: str) -> RetrievalTask:
    protocol = get_protocol(f"everyday-intents-{kind}")
    return pose(protocol, load("everyday", "evaluation", Path()))


@pytest.mark.usefixtures("folder")
def test_protocols_ask_them_and_know_what_is_excluded() -> None:
    assert posed("question").relevance.counts.mean() > 3
    task = posed("negation")
    gains = task.relevance.gains
    assert gains is not None
    # A system that hears everything but no negation: all scenes with the sound are equal to it.
    deaf = [[0.0] * len(task.items) for _ in task.queries]
    perfect = [[0.0] * len(task.items) for _ in task.queries]
    for query in range(len(task.queries)):
        for pair in range(task.relevance.offsets[query], task.relevance.offsets[query + 1]):
            deaf[query][task.relevance.items[pair]] = 1.0
            perfect[query][task.relevance.items[pair]] = gains[pair]
    import numpy as np

    for scores, worst, best in ((perfect, 1.0, 1.0), (deaf, 0.0, 1.0)):
        ranks = rank_scores(np.array(scores), task.relevance)
        measure = parse_measure("RightRank")
        assert (measure(ranks).mean(), measure(ranks, "optimistic").mean()) == (worst, best)
    hnsr = parse_measure("HNSR@10")
    assert hnsr(rank_scores(np.array(perfect), task.relevance)).mean() == 1
    assert hnsr(rank_scores(np.array(deaf), task.relevance)).mean() == 0
