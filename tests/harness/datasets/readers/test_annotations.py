from pathlib import Path

import pytest

from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.datasets.known import load
from harness.datasets.readers.annotations import read_annotations
from harness.errors import UserError


@pytest.fixture
def birds() -> RetrievalDataset:
    captions = {"a, b.wav": ["a bird", "a wren "], "c.wav": ["a bird", "rain"]}
    return from_captions("birds", "all", Path(), captions, Path)


def written(folder: Path, *rows: str) -> Path:
    path = folder / "relevant.csv"
    path.write_text("\n".join(["query,audio_filenames", *rows, ""]), encoding="utf-8")
    return path


@pytest.mark.shared
def test_the_annotations_of_dcase_2025(shared: Path) -> None:
    dataset = load("clotho", "evaluation", shared / "data")
    asked, relevant = read_annotations(shared / "data/dcase/metadata_eval.csv", dataset)
    assert (len(asked), sum(map(len, relevant))) == (1037, 3116)
    assert len(set(asked)) == 1037
    assert len({dataset.queries[index].clip for index in asked}) == 1013
    own_clip_kept = [dataset.queries[index].clip in clips for index, clips in zip(asked, relevant, strict=True)]
    assert own_clip_kept.count(True) == 991
    assert (min(map(len, relevant)), max(map(len, relevant))) == (1, 12)


def test_captions_and_names_are_compared_exactly(tmp_path: Path, birds: RetrievalDataset) -> None:
    path = written(tmp_path, "rain,\"['c.wav', 'a, b.wav']\"", "a wren ,\"['a, b.wav']\"")
    assert read_annotations(path, birds) == ([3, 1], [[1, 0], [0]])


def test_a_caption_of_two_clips_is_asked_once_per_row(tmp_path: Path, birds: RetrievalDataset) -> None:
    row = "a bird,\"['c.wav', 'a, b.wav']\""
    assert read_annotations(written(tmp_path, row), birds)[0] == [0]
    assert read_annotations(written(tmp_path, row, row), birds)[0] == [0, 2]
    with pytest.raises(UserError, match=r"line 4: 'a bird' is listed more often than birds all has it"):
        read_annotations(written(tmp_path, row, row, row), birds)


def test_all_problems_are_listed_with_their_lines(tmp_path: Path, birds: RetrievalDataset) -> None:
    path = written(
        tmp_path,
        "a wren,['c.wav']",
        "rain,\"['c.wav', 'd.wav', 'c.wav']\"",
        "a bird,c.wav",
        "a bird,[]",
        "a wren ,[3]",
    )
    with pytest.raises(UserError, match=r"relevant.csv: not annotations of birds all: 6 problems") as caught:
        read_annotations(path, birds)
    assert caught.value.problems == (
        "line 2: 'a wren' is no caption of birds all, to the letter",
        "line 3: 'd.wav' is no clip of birds all",
        "line 3: 'c.wav' is there twice",
        "line 4: expected file names as in ['a.wav', 'b.wav'], found 'c.wav'",
        "line 5: expected file names as in ['a.wav', 'b.wav'], found '[]'",
        "line 6: expected file names as in ['a.wav', 'b.wav'], found '[3]'",
    )


@pytest.mark.parametrize("cell", ["__import__('os').getcwd()", "[" * 5000, "'a'*9", ""])
def test_cells_are_data_not_code(tmp_path: Path, birds: RetrievalDataset, cell: str) -> None:
    with pytest.raises(UserError, match="line 2: expected file names"):
        read_annotations(written(tmp_path, f'rain,"{cell}"'), birds)


def test_an_empty_or_other_file(tmp_path: Path, birds: RetrievalDataset) -> None:
    with pytest.raises(UserError, match="no row below the header"):
        read_annotations(written(tmp_path), birds)
    (tmp_path / "other.csv").write_text("query\nrain\n")
    with pytest.raises(UserError, match="column audio_filenames is missing"):
        read_annotations(tmp_path / "other.csv", birds)
    with pytest.raises(UserError, match="No such file"):
        read_annotations(tmp_path / "absent.csv", birds)


def test_the_file_of_another_data_set_is_recognised(tmp_path: Path, birds: RetrievalDataset) -> None:
    path = written(tmp_path, *(f"a dog {number},['c.wav']" for number in range(9)))
    expected = (
        f"{path}: not annotations of birds all, as none of its queries is a caption there (the file of another "
        "split or edition?): 9 problems"
    )
    with pytest.raises(UserError) as caught:
        read_annotations(path, birds)
    assert str(caught.value) == expected
