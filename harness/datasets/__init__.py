"""Data sets: recordings, captions, and which caption was written for which recording."""

from harness.audio.clip import Clip
from harness.datasets.dataset import Query, RetrievalDataset
from harness.datasets.known import SPLITS, load, selected_splits

__all__ = ["SPLITS", "Clip", "Query", "RetrievalDataset", "load", "selected_splits"]
