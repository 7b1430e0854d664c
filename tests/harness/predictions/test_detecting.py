from pathlib import Path

import pytest

from harness.errors import UserError
from harness.predictions.writing import detect


@pytest.mark.parametrize(
    ("header", "format_name"),
    [
        ("caption,file_name_1,file_name_2", "ranked-list"),
        ("caption,fname_1", "ranked-list"),
        ("0,1,2,3,4,5,6,7,8,9,10", "ranked-list"),
        ('index,"Rain, wind.wav",caption', "score-matrix"),
    ],
)
def test_goes_by_the_header(tmp_path: Path, header: str, format_name: str) -> None:
    (tmp_path / "file.csv").write_text(f"\ufeff{header}\r\nanything\r\n", encoding="utf-8")
    assert detect(tmp_path / "file.csv") == format_name


@pytest.mark.parametrize("content", ["", "index\n", "query,a.wav\n", "Rain falls,a.wav,b.wav\n"])
def test_says_what_it_found_and_expected(tmp_path: Path, content: str) -> None:
    (tmp_path / "file.csv").write_text(content)
    with pytest.raises(
        UserError, match=r"file.csv: line 1: the header is .*; expected caption,file_name_1.* or index,<clip>"
    ):
        detect(tmp_path / "file.csv")


@pytest.mark.parametrize(("separator", "named"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_are_named(tmp_path: Path, separator: str, named: str) -> None:
    path = tmp_path / "x.csv"
    for header in (("caption", "file_name_1"), ("Caption", "fname_1", "fname_2"), ("index", "a, b.wav")):
        path.write_text(separator.join(header) + "\n")
        with pytest.raises(UserError) as caught:
            detect(path)
        assert str(caught.value) == (
            f"{path}: line 1: has {named} between its cells; expected commas: `lbar validate --fix` writes a copy that "
            "has them"
        )
