import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.csv_file import read_rows, refuse, write_rows
from harness.errors import UserError

ROWS = [["caption", "file_name_1"], [' A dog, "Rex", barks ', "Käuzchen &#39;1&#39; .wav"]]

cells = st.text(st.characters(codec="utf-8") | st.sampled_from(' ,"\n\r\ufeff'), min_size=1, max_size=8)
tables = st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5).map(
    lambda rows: [["caption", "file_name_1", "file_name_2"], *rows]
)


@given(rows=tables)
def test_cells_survive_a_round_trip_verbatim(rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("round") / "table.csv"
    write_rows(path, rows)
    assert [found for _, found in read_rows(path)] == rows
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file, strict=True)) == rows


def test_pandas_reads_what_was_written(tmp_path: Path) -> None:
    write_rows(tmp_path / "table.csv", ROWS)
    assert pd.read_csv(tmp_path / "table.csv").to_numpy().tolist() == ROWS[1:]


def test_quotes_only_what_needs_it(tmp_path: Path) -> None:
    write_rows(tmp_path / "table.csv", ROWS)
    expected = 'caption,file_name_1\n" A dog, ""Rex"", barks ",Käuzchen &#39;1&#39; .wav\n'
    assert (tmp_path / "table.csv").read_bytes() == expected.encode()


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_bom_and_line_ends_do_not_matter(tmp_path: Path, bom: bytes, line_end: bytes) -> None:
    (tmp_path / "table.csv").write_bytes(bom + line_end.join([b"caption,x", b"", b"a,b", b""]))
    assert list(read_rows(tmp_path / "table.csv")) == [(1, ["caption", "x"]), (3, ["a", "b"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "caption,x\nCafé,b\n".encode("latin-1"),
            r"table.csv: byte 13 \(line 2\) is 0xe9, which is not UTF-8; save the file as UTF-8",
        ),
        ("caption,x\n".encode("utf-16"), r"byte 0 \(line 1\) is 0xff, which is not UTF-8"),
        (b"\xef\xbb\xbfcaption,x\r\n\xc3\xa9,\xc3", r"byte 17 \(line 2\) is 0xc3, which is not UTF-8"),
        (b"caption,x\n" + b"a,b\n" * 9999 + b"a,\x80\n", r"byte 40008 \(line 10001\) is 0x80, which is not UTF-8"),
        (b'caption,x\n"a"b,c\n', r"table.csv: line 2: not well-formed CSV .* not doubled inside a quoted cell"),
        (b'caption,x\n"a,c\n', r"line 2: not well-formed CSV .* a double quote that is never closed"),
        (b'caption,x\n\n"a\nb",c\n"a,c\nd,e\n', r"line 5: not well-formed CSV"),
    ],
)
def test_says_why_it_cannot_read(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(read_rows(tmp_path / "table.csv"))


def test_a_record_has_the_line_it_begins_on(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b'\ncaption,x\r\n"a\nb\r\n",c\n\n\nd,e')
    assert list(read_rows(tmp_path / "table.csv")) == [(2, ["caption", "x"]), (3, ["a\nb\r\n", "c"]), (8, ["d", "e"])]


def test_says_which_file_is_absent(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent.csv: cannot be read: No such file"):
        list(read_rows(tmp_path / "absent.csv"))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    def rows() -> Iterator[Sequence[str]]:
        yield ["new"]
        raise OSError(28, os.strerror(28))

    (tmp_path / "table.csv").write_text("old")
    with pytest.raises(UserError, match=r"cannot write .*table.csv: No space left"):
        write_rows(tmp_path / "table.csv", rows())
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("table.csv", "old")]


def test_says_where_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write .*absent/table.csv: No such file"):
        write_rows(tmp_path / "absent" / "table.csv", ROWS)


def test_one_problem_is_the_message(tmp_path: Path) -> None:
    refuse(tmp_path, [], "bad")
    with pytest.raises(UserError, match="line 3: empty") as caught:
        refuse(tmp_path, ["line 3: empty"], "bad")
    assert caught.value.problems == ()


def test_several_problems_are_counted_and_all_are_listed(tmp_path: Path) -> None:
    problems = [f"line {line}" for line in range(1500)]
    with pytest.raises(UserError, match=r": not a valid file: 1500 problems$") as caught:
        refuse(tmp_path, problems)
    assert caught.value.problems == tuple(problems)


@pytest.mark.parametrize(
    ("separators", "content", "rows"),
    [
        (",", "a;b\n1;2\n", [["a;b"], ["1;2"]]),
        (",;\t", "a;b\n1,5;2\n", [["a", "b"], ["1,5", "2"]]),
        (",;\t", "a,b;c\n1,2;3\n", [["a", "b;c"], ["1", "2;3"]]),
        (",;\t", 'a\tb\n"1\n2"\t3\n', [["a", "b"], ["1\n2", "3"]]),
        (",;\t", "caption\na; b\n", [["caption"], ["a; b"]]),
    ],
)
def test_the_header_tells_the_separator(tmp_path: Path, separators: str, content: str, rows: list[list[str]]) -> None:
    (tmp_path / "table.csv").write_text(content)
    assert [cells for _, cells in read_rows(tmp_path / "table.csv", separators=separators)] == rows
