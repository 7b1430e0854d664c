from pathlib import Path

import pytest

from harness.audio import PcmStore
from harness.datasets import load
from systems.training.data.training_set import TrainingSet


@pytest.fixture(scope="module")
def data(small_clotho: Path, session_cache: Path) -> TrainingSet:
    """The small Clotho's development split, decoded."""
    dataset = load("clotho", "development", small_clotho)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_CACHE", str(session_cache))
        store = PcmStore.of("clotho", 32_000)
        assert store.ensure(dataset.clips) == []
    return TrainingSet((dataset,), (store,))
