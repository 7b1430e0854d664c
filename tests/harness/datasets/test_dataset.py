from pathlib import Path

from harness.audio.clip import Clip
from harness.datasets.dataset import Query, from_captions


def test_clips_and_queries_keep_their_order() -> None:
    dataset = from_captions("n", "s", Path("r"), {"b": ["x", "y"], "a": ["x"]}, Path("audio").joinpath)
    assert dataset.clips == (Clip("b", Path("audio/b")), Clip("a", Path("audio/a")))
    assert dataset.queries == (Query("x", 0), Query("y", 0), Query("x", 1))
    assert (dataset.name, dataset.split, dataset.root) == ("n", "s", Path("r"))
