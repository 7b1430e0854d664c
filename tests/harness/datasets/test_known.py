import subprocess
import sys
from pathlib import Path

import pytest

from harness.datasets.known import dataset_names, load, selected_splits, splits_for, training_split
from harness.errors import UserError


def test_an_unknown_data_set_or_split_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown data set 'clohto'; did you mean 'clotho'\? Known are audiocaps, clo"):
        load("clohto", "evaluation", tmp_path)
    with pytest.raises(UserError, match=r"clotho has no split 'test'; known are development, validation, evaluation"):
        load("clotho", "test", tmp_path)


def test_all_splits_are_selected_unless_some_are_given() -> None:
    assert selected_splits("clotho") == ("development", "validation", "evaluation")
    assert selected_splits("clotho", ["evaluation"]) == ("evaluation",)


def test_what_is_trained_on_and_chosen_by() -> None:
    assert dataset_names() == ("audiocaps", "clotho", "everyday", "everyday-pretraining", "folder", "wavcaps")
    assert splits_for("training") == {
        "audiocaps": "train",
        "clotho": "development",
        "everyday": "development",
        "everyday-pretraining": "training",
        "folder": "all",
        "wavcaps": "train",
    }
    assert splits_for("validation") == {
        "audiocaps": "val",
        "clotho": "validation",
        "everyday": "validation",
        "folder": "all",
    }


def test_a_name_among_training_data_may_say_the_split() -> None:
    assert training_split("clotho") == ("clotho", "development")
    assert training_split("audiocaps/val") == ("audiocaps", "val")
    with pytest.raises(UserError, match="audiocaps has no split 'tets'; did you mean 'test'"):
        training_split("audiocaps/tets")
    with pytest.raises(UserError, match="'audiocups/val' has no split for training; did you mean|known are"):
        training_split("audiocups/val")


@pytest.mark.parametrize(
    ("asked", "loaded"), [("dataset_names()", "numpy"), ("splits_for('training')", "harness.datasets.everyday")]
)
def test_nothing_is_imported_that_is_not_asked_for(asked: str, loaded: str) -> None:
    code = f"import sys; from harness.datasets.known import *; {asked}; assert {loaded!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "split", "clips", "captions"),
    [
        ("clotho", "development", 3839, 19195),
        ("clotho", "validation", 1045, 5225),
        ("clotho", "evaluation", 1045, 5225),
        ("audiocaps", "train", 49838, 49838),
        ("audiocaps", "val", 495, 2475),
        ("audiocaps", "test", 975, 4875),
        ("audiocaps", "test-957", 957, 4785),
        ("audiocaps", "val-v2", 495, 2475),
        ("audiocaps", "test-v2", 975, 4875),
    ],
)
def test_real_counts(shared: Path, name: str, split: str, clips: int, captions: int) -> None:
    from_parent, from_folder = (load(name, split, root) for root in (shared / "data", shared / "data" / name))
    assert from_parent == from_folder
    assert (len(from_folder.clips), len(from_folder.queries)) == (clips, captions)
    assert from_folder.root == shared / "data" / name
