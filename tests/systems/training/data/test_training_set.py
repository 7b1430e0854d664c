"""Training data: numbered through, drawn by a seed, divided among processes."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.store import PcmStore
from harness.datasets.known import load
from harness.errors import UserError
from systems.training.data.training_set import Draw, TrainingSet, crop_start, draws, load_split, share_of

OWNERS = np.array([0, 0, 1, 2, 2, 2, 3, 4])


@pytest.fixture
def mixture(small_clotho: Path, own_cache: Path) -> TrainingSet:
    datasets = tuple(load("clotho", split, small_clotho) for split in ("development", "validation"))
    stores = tuple(PcmStore.of("clotho", 32_000) for _ in datasets)
    for dataset, store in zip(datasets, stores, strict=True):
        assert store.ensure(dataset.clips) == []
    return TrainingSet(datasets, stores)


def test_a_mixture_is_numbered_through(mixture: TrainingSet) -> None:
    development, validation = mixture.datasets
    assert len(mixture.clips) == len(development.clips) + len(validation.clips)
    assert mixture.captions[-1] == validation.queries[-1].text
    assert mixture.owners[len(development.queries)] == len(development.clips) + validation.queries[0].clip
    last = len(mixture.clips) - 1
    whole = mixture.read(last)
    assert len(whole) == mixture.length(last)
    np.testing.assert_array_equal(mixture.read(last, 100, 50), whole[100:150])
    np.testing.assert_array_equal(mixture.read(last, 100), whole[100:])
    assert len(mixture.read(last, len(whole) - 10, 50)) == 10


def test_digests_follow_what_is_learned_from(mixture: TrainingSet) -> None:
    alone = TrainingSet(mixture.datasets[:1], mixture.stores[:1])
    assert alone.audio_digest != mixture.audio_digest
    assert alone.captions_digest != mixture.captions_digest


@given(st.integers(1, 8), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_of_pairs_has_each_once(batch: int, seed: int, epoch: int) -> None:
    steps = draws(OWNERS, batch, "one", seed, epoch)
    captions = np.concatenate([step.captions for step in steps])
    assert len(steps) == len(OWNERS) // batch
    assert len(set(captions.tolist())) == len(captions) == len(steps) * batch
    for step in steps:
        np.testing.assert_array_equal(step.clips, OWNERS[step.captions])


def test_an_epoch_of_clips_brings_all_their_captions() -> None:
    steps = draws(OWNERS, 2, "all", 0, 0)
    assert len(steps) == 2
    for step in steps:
        assert len(step.clips) == 2
        expected = [caption for clip in step.clips for caption in np.flatnonzero(clip == OWNERS)]
        np.testing.assert_array_equal(step.captions, expected)


def test_seed_and_epoch_decide_the_order() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate([step.captions for step in draws(OWNERS, 2, "one", seed, epoch)]).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


@pytest.mark.parametrize(("captions", "what"), [("one", "8 pairs"), ("all", "5 clips")])
def test_too_little_for_a_batch(captions: str, what: str) -> None:
    with pytest.raises(UserError, match=f"the training data have {what}, fewer than a batch of 9; lower `batch:`"):
        draws(OWNERS, 9, captions, 0, 0)  # type: ignore[arg-type]


@given(st.integers(1, 5), st.sampled_from(["one", "all"]), st.integers(1, 5))
def test_the_parts_of_the_processes_are_the_step(ranks: int, captions: str, batch: int) -> None:
    for step in draws(OWNERS, batch, captions, 1, 2):  # type: ignore[arg-type]
        if batch < ranks:
            with pytest.raises(UserError, match=f"a batch of {batch} is too small for {ranks} processes"):
                share_of(step, OWNERS, 0, ranks)
            continue
        parts = [share_of(step, OWNERS, rank, ranks) for rank in range(ranks)]
        for of in ("clips", "captions"):
            np.testing.assert_array_equal(np.concatenate([getattr(part, of) for part in parts]), getattr(step, of))
        assert max(Counter(len(part.clips) for part in parts)) - min(len(part.clips) for part in parts) <= 1
        for part in parts:
            np.testing.assert_array_equal(step.clips[part.first : part.first + len(part.clips)], part.clips)
            assert set(OWNERS[part.captions]) <= set(part.clips.tolist())


def test_a_clip_drawn_twice_stays_with_its_caption() -> None:
    step = Draw(np.array([2, 0, 2, 2]), np.array([3, 0, 4, 5]))
    part = share_of(step, OWNERS, 1, 2)
    np.testing.assert_array_equal(part.captions, [4, 5])


def test_a_crop_begins_anywhere_and_where_the_seed_says() -> None:
    starts = [crop_start(100, 60, (0, 1, step)) for step in range(500)]
    assert starts == [crop_start(100, 60, (0, 1, step)) for step in range(500)]
    assert (min(starts), max(starts)) == (0, 40)
    assert crop_start(60, 60, (0,)) == crop_start(10, 60, (0,)) == crop_start(100, None, (0,)) == 0


def test_a_data_set_without_such_a_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'wavcaps' has no split for validation; known are audiocaps, clotho"):
        load_split("wavcaps", "validation", tmp_path, lambda *_: lambda _: None)


def test_an_epoch_of_clips_brings_two_captions_of_each_and_others_in_the_next() -> None:
    seen: set[int] = set()
    for epoch in range(8):
        for step in draws(OWNERS, 2, "two", 0, epoch):
            counts = [min(int((clip == OWNERS).sum()), 2) for clip in step.clips]
            np.testing.assert_array_equal(OWNERS[step.captions], np.repeat(step.clips, counts))
            assert len(set(step.captions.tolist())) == len(step.captions)
            seen |= set(step.captions.tolist())
    assert seen == set(range(len(OWNERS)))
