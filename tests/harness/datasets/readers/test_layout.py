from pathlib import Path

import pytest

from harness.datasets.readers.layout import find_file
from harness.errors import UserError


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.mark.parametrize("place", ["", "clotho", "clotho_v2", "CLOTHO_v2.1", "Clotho data"])
def test_the_data_root_and_its_subfolders_are_searched(tmp_path: Path, place: str) -> None:
    put(tmp_path / place / "x.csv", tmp_path / "other" / "x.csv")
    assert find_file(tmp_path, "clotho", ("x.csv",)) == tmp_path / place / "x.csv"


def test_the_first_candidate_goes_first(tmp_path: Path) -> None:
    put(tmp_path / "b.csv", tmp_path / "sub" / "a.csv")
    assert find_file(tmp_path, "clotho", ("sub/a.csv", "b.csv")) == tmp_path / "sub" / "a.csv"


def test_a_missing_file_says_where_it_was_sought_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^a.csv or b/a.csv not found in .* or a subfolder clotho\*;") as caught:
        find_file(tmp_path, "clotho", ("a.csv", "b/a.csv"))
    assert "`lbar data fetch clotho`" in str(caught.value)
    with pytest.raises(UserError, match=r"as .*absent does not exist"):
        find_file(tmp_path / "absent", "clotho", ("a.csv",))


def test_two_copies_are_not_chosen_from(tmp_path: Path) -> None:
    put(tmp_path / "clotho" / "x.csv", tmp_path / "clotho_v1" / "x.csv")
    with pytest.raises(UserError, match=r"several times: .*clotho/x.csv and .*clotho_v1/x.csv"):
        find_file(tmp_path, "clotho", ("x.csv",))


def test_two_names_of_one_folder_are_one_copy(tmp_path: Path) -> None:
    put(tmp_path / "clotho" / "x.csv")
    (tmp_path / "clotho_latest").symlink_to(tmp_path / "clotho")
    assert find_file(tmp_path, "clotho", ("x.csv",)).is_file()


def test_in_one_folder_copies_are_one_and_others_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "b.csv", tmp_path / "sub" / "a.csv")
    for path in (tmp_path / "b.csv", tmp_path / "sub" / "a.csv"):
        path.write_text("the same")
    assert find_file(tmp_path, "clotho", ("sub/a.csv", "b.csv")) == tmp_path / "sub" / "a.csv"
    (tmp_path / "b.csv").write_text("another")
    with pytest.raises(UserError, match=r"several times: .*sub/a.csv and .*b.csv; give one folder .*, or move"):
        find_file(tmp_path, "clotho", ("sub/a.csv", "b.csv"))


def test_the_file_that_is_nearly_called_so_is_named(tmp_path: Path) -> None:
    put(tmp_path / "clotho" / "Captions_evaluation (1).csv", tmp_path / "clotho" / "other.csv")
    with pytest.raises(UserError, match=r"\(the nearest is .*/clotho/Captions_evaluation \(1\).csv\); get it with"):
        find_file(tmp_path, "clotho", ("captions_evaluation.csv", "x.csv"))
