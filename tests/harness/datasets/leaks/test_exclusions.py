from pathlib import Path

import pytest

from harness.datasets.leaks.exclusions import read_exclusions
from harness.errors import UserError


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("dcase/dcase2025_task6_excluded_freesound_ids.csv", 3079),
        ("wavcaps/aac_blacklist_audiocaps.full.csv", 51308),
        # One distinct entry each is "Not found".
        ("wavcaps/aac_blacklist_clotho.full.csv", 6905 - 1),
        ("wavcaps/aac_blacklist_clotho.full.v2.csv", 7942 - 1),
        ("wavcaps/blacklist_exclude_all_ac.json", 50725 + 5905 - 1),
        ("wavcaps/blacklist_exclude_test_ac.json", 1451 + 2078 - 1),
        ("wavcaps/blacklist_exclude_ub8k_esc50_vggsound.json", 15510 + 2219),
    ],
)
def test_real_lists(shared: Path, file: str, count: int) -> None:
    ids = read_exclusions(shared / "data" / file)
    assert len(ids) == count
    assert "Not found" not in ids


@pytest.mark.shared
def test_the_wide_list_contains_the_list_of_2025(shared: Path) -> None:
    wide = read_exclusions(shared / "data/wavcaps/aac_blacklist_clotho.full.v2.csv")
    assert read_exclusions(shared / "data/dcase/dcase2025_task6_excluded_freesound_ids.csv") <= wide


def test_ids_stay_text_and_end_at_the_first_dot(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("sound_id\n007\nNot found\n12.0\n")
    assert read_exclusions(path) == {"007", "12"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("list.csv", "sound_id\nNot found\n", "no FreeSound or AudioSet id in this list"),
        ("list.csv", "name\n1\n", "column sound_id is missing"),
        ("list.json", "{", "not an exclusion list"),
        ("list.json", "[1, 2]", "not an exclusion list"),
        ("list.json", '{"FreeSound": 3}', "not an exclusion list"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, name: str, content: str, expected: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=expected):
        read_exclusions(tmp_path / name)


def test_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent.json: cannot be read: No such file"):
        read_exclusions(tmp_path / "absent.json")
