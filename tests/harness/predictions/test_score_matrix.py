from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from harness.errors import UserError
from harness.predictions.score_matrix import read_score_matrix, write_score_matrix

texts = st.text(st.characters(codec="utf-8") | st.sampled_from(' ,"\n\r'), min_size=1, max_size=8)
names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\") | st.sampled_from(' ,"\n\r'), min_size=1, max_size=8
)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(data=st.data())
def test_round_trip_to_the_last_bit(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    queries = data.draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    columns = data.draw(st.lists(names, min_size=1, max_size=4, unique=True))
    scores = data.draw(stn.arrays(np.float32, (len(queries), len(columns)), elements=finite))
    path = tmp_path_factory.mktemp("round") / "scores.csv"
    write_score_matrix(path, queries, columns, scores)
    matrix = read_score_matrix(path)
    read = list(matrix.rows())
    assert list(matrix.names) == columns
    assert [query for query, _ in read] == queries
    np.testing.assert_array_equal(np.stack([row for _, row in read]).astype(np.float32), scores)


def test_reads_what_pandas_writes(tmp_path: Path) -> None:
    """The 2025 baseline's own way: a data frame of scores / 1024, `index` as label."""
    scores = np.random.default_rng(0).standard_normal((3, 2)) / 1024
    frame = pd.DataFrame(scores, index=["Rain, ", "Wind", 'A "dog"'], columns=["b.wav", " a.wav"])
    frame.to_csv(tmp_path / "scores.csv", index_label="index")
    matrix = read_score_matrix(tmp_path / "scores.csv")
    assert matrix.names == ("b.wav", " a.wav")
    assert [query for query, _ in matrix.rows()] == list(frame.index)
    np.testing.assert_array_equal([row for _, row in matrix.rows()], scores)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_lists_every_problem_when_the_end_is_reached(tmp_path: Path) -> None:
    matrix = read_score_matrix(
        write(
            tmp_path / "scores.csv",
            "index,a.wav,b.wav\nRain,1,nan\nA, b,1,2\nWind,1,2\n,inf,\nHail,x,1e400\nSnow,1\n",
        )
    )
    rows = matrix.rows()
    query, scores = next(rows)
    assert (query, scores.tolist()) == ("Wind", [1.0, 2.0])
    with pytest.raises(UserError, match=r"scores.csv: not a valid score matrix: 8 problems") as caught:
        next(rows)
    assert caught.value.problems == (
        "line 2, column 'b.wav': 'nan'; expected a finite number",
        "line 3: 4 columns, expected 3 as in the header (a caption that holds a comma must be quoted)",
        "line 5, column index: empty; expected a caption",
        "line 5, column 'a.wav': 'inf'; expected a finite number",
        "line 5, column 'b.wav': ''; expected a finite number",
        "line 6, column 'a.wav': 'x'; expected a finite number",
        "line 6, column 'b.wav': '1e400'; expected a finite number",
        "line 7: 2 columns, expected 3 as in the header (a caption that holds a comma must be quoted)",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header is ''; expected index,<clip>.wav"),
        (",a.wav\nRain,1\n", "line 1: the header is ',a.wav'"),
        ("index,a.wav,,a.wav\n", "not a valid score matrix: 2 problems"),
        ("index,a.wav,a.wav\n", "line 1, column 3: 'a.wav' is already column 2"),
        ("index,x/a.wav\n", "column 2: 'x/a.wav' is a path; expected bare file names"),
        ("index,._a.wav\n", "column 2: '._a.wav' is a hidden file of macOS"),
        ("index,a.wav\n", "no row below the header"),
    ],
)
def test_refuses_other_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        list(read_score_matrix(write(tmp_path / "scores.csv", text)).rows())


@pytest.mark.parametrize(
    ("queries", "columns", "scores", "message"),
    [
        ([], ["a.wav"], np.zeros((0, 1)), "no row"),
        (
            ["Rain", "Rain"],
            ["a.wav"],
            np.zeros((2, 1)),
            "line 3: 'Rain' is already on line 2; each caption has one row",
        ),
        ([""], ["a.wav"], np.zeros((1, 1)), "line 2, column index: empty"),
        (["Rain"], ["a.wav", "a.wav"], np.zeros((1, 2)), "already column 2"),
        (["Rain"], ["a.wav"], np.full((1, 1), np.nan), "line 2, column 'a.wav': nan is not a finite score"),
    ],
)
def test_writes_nothing_invalid(
    tmp_path: Path, queries: list[str], columns: list[str], scores: np.ndarray, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        write_score_matrix(tmp_path / "scores.csv", queries, columns, scores.astype(np.float32))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(1, 2), (2, 3), (3, 2)])
def test_one_row_per_query_and_one_score_per_name(tmp_path: Path, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"shape|argument"):
        write_score_matrix(tmp_path / "scores.csv", ["Rain", "Wind"], ["a.wav", "b.wav"], np.zeros(shape, np.float32))
    assert not list(tmp_path.iterdir())


def test_rows_are_made_while_they_are_written(tmp_path: Path) -> None:
    alive = 0

    def rows() -> Iterator[np.ndarray]:
        nonlocal alive
        for value in range(3):
            alive += 1
            yield np.full(1, value, np.float32)
            assert list(tmp_path.iterdir()), "the file is open before the last row is made"

    write_score_matrix(tmp_path / "scores.csv", ["a", "b", "c"], ["x.wav"], rows())
    assert alive == 3
    assert (tmp_path / "scores.csv").read_text() == "index,x.wav\na,0\nb,1\nc,2\n"
