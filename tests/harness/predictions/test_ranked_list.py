from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.predictions.ranked_list import columns_of, read_ranked_list, write_ranked_list

texts = st.text(st.characters(codec="utf-8") | st.sampled_from(' ,"\n\r'), min_size=1, max_size=8)
names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\") | st.sampled_from(' ,"\n\r'), min_size=1, max_size=8
)


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    depth = draw(st.integers(1, 4))
    queries = draw(st.lists(texts, min_size=1, max_size=5))
    ranked = st.lists(names, min_size=depth, max_size=depth, unique=True)
    return queries, [draw(ranked) for _ in queries]


@given(written=lists())
def test_round_trip(written: tuple[list[str], list[list[str]]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("round") / "lists.csv"
    write_ranked_list(path, *written)
    read = read_ranked_list(path)
    assert (list(read.queries), [list(ranked) for ranked in read.names]) == written
    assert read.depth == len(written[1][0])


def test_writes_what_the_challenge_asks_for(tmp_path: Path) -> None:
    ranked = [f" {n} .wav" for n in range(10)]
    write_ranked_list(tmp_path / "lists.csv", ["Rain, then wind. "], [ranked])
    header = "caption," + ",".join(f"file_name_{n}" for n in range(1, 11))
    assert (tmp_path / "lists.csv").read_bytes() == f'{header}\n"Rain, then wind. ",{",".join(ranked)}\n'.encode()


@pytest.mark.parametrize("header", ["caption,file_name_1,file_name_2", "caption,fname_1,fname_2", "0,1,2"])
def test_headers_in_use(tmp_path: Path, header: str) -> None:
    (tmp_path / "lists.csv").write_text(f"{header}\nRain,a.wav,b.wav\n")
    read = read_ranked_list(tmp_path / "lists.csv")
    assert (read.queries, read.names, read.depth) == (("Rain",), (("a.wav", "b.wav"),), 2)


@pytest.mark.parametrize(
    "header",
    [
        [],
        ["caption"],
        ["0"],
        ["caption", "file_name_2"],
        ["caption", "file_name_1", "fname_2"],
        ["Rain falls", "a.wav"],
        ["1", "2"],
    ],
)
def test_other_headers(header: list[str]) -> None:
    assert columns_of(header) is None


def test_lists_every_problem_with_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "lists.csv").write_text(
        "caption,file_name_1,file_name_2\n"
        "Rain,a.wav,b.wav\n"
        "Rain, wind,a.wav,b.wav\n"
        "Wind,a.wav,a.wav\n"
        ",/data/a.wav,\n"
        "Snow,C:\\a.wav,b.wav\n"
        "Hail,a.wav\n"
    )
    with pytest.raises(UserError, match=r"lists.csv: not a valid ranked list: 7 problems") as caught:
        read_ranked_list(tmp_path / "lists.csv")
    assert caught.value.problems == (
        "line 3: 4 columns, expected 3 as in the header (a caption or name that holds a comma must be quoted)",
        "line 4, column file_name_2: 'a.wav' is already in column file_name_1",
        "line 5, column caption: empty",
        "line 5, column file_name_1: '/data/a.wav' is a path; expected bare file names",
        "line 5, column file_name_2: empty; expected a clip's file name",
        r"line 6, column file_name_1: 'C:\\a.wav' is a path; expected bare file names",
        "line 7: 2 columns, expected 3 as in the header (a caption or name that holds a comma must be quoted)",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the header is ''; expected caption,file_name_1"),
        ("Rain falls,a.wav\n", "line 1: the header is 'Rain falls,a.wav'"),
        ("caption,file_name_1\n", "there is no row below the header"),
    ],
)
def test_refuses_other_files(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "lists.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        read_ranked_list(tmp_path / "lists.csv")


@pytest.mark.parametrize(
    ("queries", "ranked", "message"),
    [
        ([], [], "no row"),
        (["Rain"], [["a.wav", "a.wav"]], "already in column file_name_1"),
        (["Rain"], [["x/a.wav"]], "bare file names"),
        (["Rain", "Wind"], [["a.wav"], ["a.wav", "b.wav"]], "line 3: 3 columns"),
        ([""], [["a.wav"]], "column caption: empty"),
    ],
)
def test_writes_nothing_invalid(tmp_path: Path, queries: list[str], ranked: list[list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        write_ranked_list(tmp_path / "lists.csv", queries, ranked)
    assert not list(tmp_path.iterdir())


@pytest.mark.shared
def test_the_baselines_file_survives_byte_for_byte(shared: Path, tmp_path: Path) -> None:
    published = shared / "data/dcase/baseline_dcase2022.test.output.csv"
    read = read_ranked_list(published)
    assert (len(read.queries), read.depth) == (5225, 10)
    write_ranked_list(tmp_path / "again.csv", read.queries, read.names)
    assert (tmp_path / "again.csv").read_bytes() == published.read_bytes()
