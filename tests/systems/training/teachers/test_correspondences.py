"""Estimates against their definition, kept by content, and teachers that cannot teach."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audio.clip import Array
from harness.audio.store import PcmStore
from harness.datasets.known import load
from harness.errors import UserError
from harness.evaluation.batches import EmbeddingJob
from harness.evaluation.rows.kept_rows import KeptRows
from harness.interface.systems import load_system
from harness.machine import cache_root
from harness.measures.similarity import unit_vectors
from systems.training.data.training_set import TrainingSet
from systems.training.teachers import correspondences
from systems.training.teachers.correspondences import Teacher, estimate, teach

MINE = """
from dataclasses import replace
import numpy as np
from systems.random import RandomSystem

class WithoutDigest(RandomSystem):
    info = replace(RandomSystem.info, digest=None)

class Reading(RandomSystem):
    info = replace(RandomSystem.info, uses=("keywords",))
    def embed_audio(self, clips, metadata):
        return self.embed_text([" ".join(one["keywords"]) for one in metadata])

class PairScorer:
    info = RandomSystem.info
    def score_pairs(self, captions, clips):
        return np.zeros(len(captions), np.float32)

class OwnScore(RandomSystem):
    def score(self, text, audio):
        return text @ audio.T
"""


@pytest.fixture
def data(small_clotho: Path, own_cache: Path) -> TrainingSet:
    dataset = load("clotho", "validation", small_clotho)
    store = PcmStore.of("clotho", 32_000)
    assert store.ensure(dataset.clips) == []
    return TrainingSet((dataset,), (store,))


def test_estimates_are_means_of_cosines(data: TrainingSet) -> None:
    teachers = teach(["linear", "random"], data, device="cpu")
    clips, captions = np.array([5, 0, 5]), np.array([1, 30, 7, 2])
    expected = np.zeros((3, 4))
    for name in ("linear", "random"):
        system = load_system(name, device="cpu")
        audio = unit_vectors(system.embed_audio([data.read(clip) for clip in clips]))
        text = unit_vectors(system.embed_text([data.captions[caption] for caption in captions]))
        expected += audio @ text.T / 2
    np.testing.assert_allclose(estimate(teachers, clips, captions, "cpu"), expected, atol=1e-3)


def test_bytes_are_two_a_number(data: TrainingSet) -> None:
    (teacher,) = teach(["random"], data, device="cpu")
    assert teacher.nbytes == 2 * 128 * (len(data.clips) + len(data.captions))
    assert isinstance(teacher.clips, np.memmap)


def test_nothing_is_computed_twice(data: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    first = teach(["random"], data, device="cpu")[0]
    monkeypatch.setattr(EmbeddingJob, "between", lambda *_: pytest.fail("computed again"))
    again = teach(["random"], data, device="cpu")[0]
    np.testing.assert_array_equal(first.clips, again.clips)


def test_workers_make_the_same_vectors(
    data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers_end: None
) -> None:
    (alone,) = teach(["random"], data, device="cpu", batch_size=4)
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(EmbeddingJob, "between", lambda *_: pytest.fail("computed here"))
    (spread,) = teach(["random"], data, device="cpu", batch_size=4, on="local:1")
    assert spread.clips.tobytes() == alone.clips.tobytes()
    assert spread.captions.tobytes() == alone.captions.tobytes()
    assert list((tmp_path / "other" / "correspondences").iterdir())


def test_each_process_of_a_training_makes_its_share(data: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """That shares become the whole is shown where they are made; here, that they are asked for."""
    (alone,) = teach(["random"], data, device="cpu")
    shutil.rmtree(cache_root() / "correspondences")
    asked: list[tuple[object, ...]] = []

    def in_shares(kept: KeptRows[Any], job: EmbeddingJob, *others: object) -> Callable[[Array], Iterable[Array]]:
        asked.append((kept.kind, job.count, *others))
        return lambda done: map(unit_vectors, job.batches(done))

    monkeypatch.setattr(correspondences, "in_shares", in_shares)
    monkeypatch.setattr(correspondences, "forget_shares", lambda kept, *others: asked.append((kept.kind, *others)))
    for name, value in {"RANK": "1", "WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    (shared,) = teach(["random"], data, device="cpu")
    assert shared.clips.tobytes() == alone.clips.tobytes()
    assert shared.captions.tobytes() == alone.captions.tobytes()
    counts = [len(data.clips), len(data.captions)]
    wanted = [[(np.float16, count, 1, 3, unit_vectors), (np.float16, 1, 3)] for count in counts]
    assert asked == [one for both in wanted for one in both]


def test_a_teacher_that_uses_keywords_gets_them(
    data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reading.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LBAR_TRUST", "1")
    root = shutil.copytree(data.datasets[0].root, tmp_path / "root", ignore=shutil.ignore_patterns("*.wav"))
    described = TrainingSet((replace(data.datasets[0], root=root),), data.stores)
    vectors = []
    for word in ("rain", "wind"):
        rows = [f"{clip.name},{word if clip.name == '3.wav' else 'sea'}" for _, clip in data.clips]
        (root / "clotho_metadata_validation.csv").write_text("\n".join(["file_name,keywords", *rows]))
        vectors.append(teach(["reading:Reading"], described, device="cpu")[0].clips)
    assert [
        index for index, _ in enumerate(data.clips) if not np.array_equal(vectors[0][index], vectors[1][index])
    ] == [[clip.name for _, clip in data.clips].index("3.wav")]


def test_other_captions_are_other_vectors(data: TrainingSet) -> None:
    first = teach(["random"], data, device="cpu")[0]
    (dataset,) = data.datasets
    queries = tuple(replace(query, text=f"{query.text} Again.") for query in dataset.queries)
    other = TrainingSet((replace(dataset, queries=queries),), data.stores)
    again = teach(["random"], other, device="cpu")[0]
    np.testing.assert_array_equal(first.clips, again.clips)
    assert not np.array_equal(first.captions, again.captions)


def test_teachers_of_several_widths() -> None:
    random = np.random.default_rng(0)
    teachers = [
        Teacher(str(width), "", *(random.standard_normal((count, width)).astype(np.float16) for count in (4, 6)))
        for width in (3, 5)
    ]
    found = estimate(teachers, np.arange(4), np.arange(6), "cpu").numpy()
    expected = sum(t.clips.astype(np.float64) @ t.captions.astype(np.float64).T for t in teachers) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "teacher 'nobody' cannot be used: unknown system 'nobody'"),
        ("passt-m3-clotho", "teacher 'passt-m3-clotho' cannot be used: passt-m3-clotho lacks what it needs"),
        ("mine:WithoutDigest", "teacher 'mine:WithoutDigest' has no info.digest, under which its embeddings could be"),
        ("mine:PairScorer", "teacher 'mine:PairScorer' scores pairs and has no embeddings; name systems that embed"),
        ("mine:OwnScore", "teacher 'mine:OwnScore' compares by a score of its own; estimates are means of cosines"),
        ("tone_system:ToneSystem", "teacher 'tone_system:ToneSystem' takes clips at 16000 Hz, training has 32000 Hz"),
    ],
)
def test_a_teacher_that_cannot_teach_is_named(data: TrainingSet, participant: Path, name: str, message: str) -> None:
    (participant / "mine.py").write_text(MINE)
    with pytest.raises(UserError) as caught:
        teach(["random", name], data, device="cpu")
    assert str(caught.value).startswith(message)
