import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.readers.captions_csv import captions_by_clip, read_csv
from harness.errors import UserError

REAL_FILES = {
    "clotho/clotho_captions_development.csv": (3839, "\r\n"),
    "clotho/clotho_captions_validation.csv": (1045, "\r\n"),
    "clotho/clotho_captions_evaluation.csv": (1045, "\n"),
    "audiocaps/v1_train.csv": (49838, "\r\n"),
    "audiocaps/v1_val.csv": (2475, "\r\n"),
    "audiocaps/v1_test.csv": (4875, "\r\n"),
    "audiocaps/v2_val.csv": (2475, "\n"),
    "audiocaps/v2_test.csv": (4875, "\n"),
    "audiocaps/wavcaps_957_test.csv": (957, "\n"),
    "dcase/metadata_eval.csv": (1037, "\n"),
}


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "captions.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        captions_by_clip(read_csv(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return caught.value


def emitted(rows: list[tuple[str, ...]], line_end: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end).writerows(rows)
    return out.getvalue()


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL_FILES)
def test_real_files_survive_reading_and_writing_byte_for_byte(shared: Path, name: str) -> None:
    path = shared / "data" / name
    row_count, line_end = REAL_FILES[name]
    table = read_csv(path)
    assert len(table.rows) == row_count
    assert emitted([table.header, *table.rows], line_end).encode() == path.read_bytes()


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=20)


@given(
    st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5, unique_by=lambda row: row[0]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)
def test_any_cell_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], line_end: str, mark: str
) -> None:
    path = written(
        tmp_path_factory.mktemp("csv"), mark + emitted([("file_name", "caption_1", "caption_2"), *rows], line_end)
    )
    assert list(read_csv(path).rows) == rows


def test_both_forms_give_the_same_captions(tmp_path: Path) -> None:
    wide = captions_by_clip(read_csv(written(tmp_path, "file_name,caption_1,caption_2\n b .wav,x, y \na,1,2\n")))
    long = captions_by_clip(read_csv(written(tmp_path, "caption,file_name\nx, b .wav\n1,a\n y , b .wav\n2,a\n")))
    assert wide == long == {" b .wav": ("x", " y "), "a": ("1", "2")}
    assert list(long) == [" b .wav", "a"]


def test_a_clip_may_have_fewer_captions_than_others(tmp_path: Path) -> None:
    table = read_csv(written(tmp_path, "file_name,caption_1,caption_2,caption_3\na,x,y,z\nb, v,,\nc,,, w \n"))
    assert captions_by_clip(table) == {"a": ("x", "y", "z"), "b": (" v",), "c": (" w ",)}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_spreadsheets_of_other_countries_write_is_read(tmp_path: Path, separator: str) -> None:
    rows = (("file_name", "caption_1", "caption_2"), ("a.wav", "x, y", "&#39;z"), ("b;\t.wav", 'say "w"', "v"))
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    assert captions_by_clip(read_csv(written(tmp_path, "\ufeff" + out.getvalue()))) == {
        "a.wav": ("x, y", "&#39;z"),
        "b;\t.wav": ('say "w"', "v"),
    }


@pytest.mark.shared
def test_the_case_with_semicolons(shared: Path) -> None:
    captions = captions_by_clip(read_csv(shared / "cases/csv-semicolon/captions.csv"))
    assert (len(captions), sum(map(len, captions.values()))) == (6, 12)
    assert captions["clip0.wav"] == ("a dog barks loudly", "the sound of a dog barks loudly")


def test_other_columns_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    table = read_csv(written(tmp_path, "licence,file_name,caption_1\n\nCC0,a.wav,x\n\n"))
    assert captions_by_clip(table) == {"a.wav": ("x",)}
    assert table.lines == (3,)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "the file is empty"),
        ("\ufeff", "the file is empty"),
        ("file_name,caption_1\n", "no row below the header"),
        ("file_name,keywords\na.wav,x\n", r"column caption_1 is missing; .* the header is file_name,keywords"),
        ("file_name,caption_1,caption_3\na.wav,x,y\n", "column caption_2 is missing"),
        ("name,caption_1\na.wav,x\n", "column file_name is missing; the header is name,caption_1"),
        (
            "File name,caption_1\na.wav,x\n",
            r"column file_name is missing; the header is File name,caption_1; rename 'File name' if",
        ),
        ("file_name,caption_1,caption_1\na.wav,x,y\n", "column 'caption_1' occurs twice"),
        ("file_name,caption_1,caption_2\na.wav,x,y\nb.wav,, \n", r"line 3: 'b.wav' has no caption"),
        ("file_name,caption\na.wav,x\na.wav,\n", r"line 3: 'a.wav' has no caption"),
        ("file_name|caption\na.wav|x\n", r"column file_name is missing; the header is file_name\|caption"),
        ("file_name,caption_1\n,x\n", "line 2: file_name is empty"),
        ("file_name,caption_1\na.wav,x\nb.wav,y\na.wav,z\n", "'a.wav' is on line 2 and again on line 4"),
        (f"file_name,caption_1\n{'x' * 252}.wav,x\n", "line 2: file_name 'xxx.*'… is longer than the name of a file"),
        ("file_name,caption_1\na.wav,x,y\n", "line 2: 3 cells where the header has 2"),
        ("file_name,caption_1\na.wav\n", "line 2: 1 cells where the header has 2"),
        ('file_name,caption_1\na.wav,"x\nb.wav,y\n', "line 2: not well-formed CSV"),
        (b"file_name,caption_1\na.wav,caf\xe9\n", r"byte 29 \(line 2\) is 0xe9, which is not UTF-8; save the file"),
        (
            "file_name,caption_1\na.wav,x\n".encode("utf-16"),
            r"byte 0 \(line 1\) is 0xff, which is not UTF-8; it is UTF-16; save the file",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, content: str | bytes, expected: str) -> None:
    assert re.search(expected, str(refusal(written(tmp_path, content))))


def test_all_problems_are_listed(tmp_path: Path) -> None:
    error = refusal(written(tmp_path, "file_name,caption_1,caption_2\na.wav,,\na.wav,x,y\n"))
    assert error.problems == (
        "line 2: 'a.wav' has no caption",
        "file_name 'a.wav' is on line 2 and again on line 3; keep one row",
    )
    assert str(error).endswith("captions.csv: not a valid captions file: 2 problems")


def test_a_line_end_inside_quotes_counts_as_a_line(tmp_path: Path) -> None:
    error = refusal(written(tmp_path, 'file_name,caption_1\na.wav,"x\ny"\nb.wav,\n'))
    assert "line 4: 'b.wav' has no caption" in str(error)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "No such file" in str(refusal(tmp_path / "absent.csv"))
    assert "is a folder; expected a CSV file" in str(refusal(tmp_path))
