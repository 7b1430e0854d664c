"""Estimates beside the truth, on a data set small enough to rank by hand."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from harness.audio.store import PcmStore
from harness.cli.app import build
from harness.datasets.dataset import from_captions
from harness.errors import UserError
from systems.training.data.training_set import TrainingSet
from systems.training.teachers.correspondences import Teacher
from systems.training.teachers.inspection import agreement, best_matches, expected_precision, find_caption, truth_of

CAPTIONS = {"a.wav": ["a dog", "barking"], "b.wav": ["a dog and rain"], "c.wav": ["rain", "a storm"]}
TRUTH = """query,audio_filenames
a dog,"['a.wav', 'b.wav']"
barking,"['a.wav', 'b.wav']"
a dog and rain,['b.wav']
rain,"['b.wav', 'c.wav']"
a storm,['c.wav']
"""


@pytest.fixture
def data(tmp_path: Path) -> TrainingSet:
    (tmp_path / "relevance_all.csv").write_text(TRUTH)
    dataset = from_captions("made", "all", tmp_path, CAPTIONS, tmp_path.joinpath)
    return TrainingSet((dataset,), (PcmStore(tmp_path, 32_000),))


def teacher(estimates: list[list[float]]) -> Teacher:
    """One whose cosines are these, captions by clips."""
    return Teacher("t", "", np.eye(3, dtype=np.float16), np.array(estimates, np.float16))


KNOWING = teacher([[0.9, 0.8, 0], [0.7, 0.9, 0], [0, 1, 0], [0.5, 0.25, 0.75], [0, 0, 1]])


def test_matches_best_first_beside_the_truth(data: TrainingSet) -> None:
    found = best_matches([KNOWING], data, 1, 2)
    assert [(match.clip, match.own, match.true) for match in found] == [("b.wav", False, True), ("a.wav", True, True)]
    assert found[0].estimate == pytest.approx(0.9, abs=1e-3)


def test_agreement_by_hand(data: TrainingSet) -> None:
    found = agreement([KNOWING], data)
    rain = (1 + 2 / 3) / 2
    assert found.estimated.mean == pytest.approx((1 + 1 + 1 + rain + 1) / 5)
    own_first_then_last = (1 + 2 / 3) / 2
    assert found.assumed.mean == pytest.approx((own_first_then_last * 3 + 2) / 5)
    assert found.matches == pytest.approx(8 / 5)
    # Of the two other clips: b for a dog, b for barking, b for rain (below c, which is its own).
    assert found.others_estimated.mean == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert found.others_assumed.mean == pytest.approx(3 / 4)
    assert found.estimated.low <= found.estimated.mean <= found.estimated.high


def test_what_a_random_order_has() -> None:
    for relevant, items in ((1, 5), (2, 5), (4, 6)):
        orders = list(itertools.combinations(range(1, items + 1), relevant))
        mean = np.mean([np.mean([(n + 1) / rank for n, rank in enumerate(ranks)]) for ranks in orders])
        assert expected_precision(relevant, items) == pytest.approx(mean)


def test_without_a_file_nothing_is_known(data: TrainingSet, tmp_path: Path) -> None:
    (tmp_path / "relevance_all.csv").unlink()
    assert truth_of(data) is None
    assert best_matches([KNOWING], data, 0, 1)[0].true is None
    with pytest.raises(UserError, match="what is true is known of `everyday` only"):
        agreement([KNOWING], data)


def test_a_caption_by_its_text_or_a_part_of_it(data: TrainingSet) -> None:
    assert find_caption(data, "rain") == 3
    assert find_caption(data, "STORM") == 4
    with pytest.raises(UserError, match="no caption is 'cat' or contains it"):
        find_caption(data, "cat")
    with pytest.raises(UserError, match="3 captions contain 'a ', the first: a dog; a dog and rain; a storm; give"):
        find_caption(data, "a ")


def test_the_commands(small_clotho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    training = "{data: [clotho], validation: clotho, teachers: [linear, random], supervised: 0}"
    Path("mine.yaml").write_text(f"base: tiny-passt\nname: mine\ntraining: {training}\n")
    runner, app = CliRunner(), build()

    def run(*arguments: str) -> str:
        done = runner.invoke(app, ["correspondences", *arguments, "--data-root", str(small_clotho), "--device", "cpu"])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "random: 24 clips, 120 captions, 36,864 bytes" in run("estimate", "mine.yaml")
    assert len(run("inspect", "mine.yaml", "A hum.", "--most", "3").splitlines()) == 4
    document = json.loads(run("inspect", "mine.yaml", "A hum.", "--json"))
    assert len(document["matches"]) == 10
    assert document["matches"][0]["true"] is None
    done = runner.invoke(app, ["correspondences", "agreement", "mine.yaml", "--data-root", str(small_clotho)])
    assert done.exit_code == 2
    assert "is known of `everyday` only" in done.stderr
    done = runner.invoke(app, ["correspondences", "estimate", "linear"])
    assert done.exit_code == 2
