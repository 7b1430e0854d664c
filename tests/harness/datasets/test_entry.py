import pytest

from harness.datasets.entry import PublishedFile
from harness.datasets.known import dataset_names, known_dataset


@pytest.mark.parametrize("name", dataset_names())
def test_an_entry_agrees_with_itself(name: str) -> None:
    entry = known_dataset(name)
    assert entry.name == name
    assert {entry.training, entry.validation, *entry.evaluation} - {None} <= entry.splits.keys()
    assert entry.files or entry.by_hand
    assert len({file.path for file in entry.files}) == len({file.url for file in entry.files}) == len(entry.files)
    for file in entry.files:
        assert len(file.md5) == 32
        assert set(file.md5) <= set("0123456789abcdef")
        assert file.url.startswith("https://")
        assert file.split in entry.splits
    assert {split.captions_md5 for split in entry.splits.values()} - {None} <= {file.md5 for file in entry.files}


def test_captions_are_counted_where_clips_are() -> None:
    counts = {name: split.captions for name, split in known_dataset("audiocaps").splits.items()}
    assert counts == {"train": 49838, "val": 2475, "test": 4875, "test-957": 4785, "val-v2": 2475, "test-v2": 4875}
    assert known_dataset("wavcaps").splits["train"].captions is None


def test_clotho_comes_from_its_record() -> None:
    archives = [file for file in known_dataset("clotho").files if file.is_archive]
    assert archives[0] == PublishedFile(
        "clotho_audio_evaluation.7z",
        "4569624ccadf96223f19cb59fe4f849f",
        "https://zenodo.org/records/4783391/files/clotho_audio_evaluation.7z?download=1",
        "evaluation",
    )
    assert [file.split for file in archives] == ["evaluation", "validation", "development"]
