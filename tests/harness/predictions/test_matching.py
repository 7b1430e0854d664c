from pathlib import Path

import pytest

from harness.errors import UserError
from harness.predictions.matching import match_names, match_queries

PATH = Path("file.csv")


def test_rows_are_found_by_exact_text_in_any_order() -> None:
    rows = ["Wind.", "surplus", "Rain. ", "Rain."]
    assert match_queries(PATH, rows, ["Rain.", "Rain. ", "Wind."]).tolist() == [3, 2, 0]


def test_one_row_serves_every_query_of_its_text() -> None:
    assert match_queries(PATH, ["Wind", "Rain"], ["Rain", "Wind", "Rain"]).tolist() == [1, 0, 1]


def test_as_many_rows_as_queries_serve_in_order() -> None:
    assert match_queries(PATH, ["Rain", "Wind", "Rain"], ["Rain", "Rain", "Wind"]).tolist() == [0, 2, 1]


def test_surplus_rows_may_repeat() -> None:
    assert match_queries(PATH, ["x", "x", "Rain"], ["Rain"]).tolist() == [2]


def test_lists_missing_and_repeated_rows() -> None:
    rows = ["Rain falls", "Wind", "Wind", "Snow", "Snow"]
    queries = ["Rain falls ", "Wind", "Snow", "Snow", "Snow", "Something else"]
    with pytest.raises(UserError, match=r"file.csv: the captions are not those of the 6 queries: 4 problems") as caught:
        match_queries(PATH, rows, queries)
    assert caught.value.problems == (
        "no row for 'Rain falls '; did you mean 'Rain falls'?",
        "no row for 'Something else'",
        "2 rows for 'Wind', which is asked once; leave one",
        "2 rows for 'Snow', which is asked 3 times; leave one",
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Ambience Birds.wav", " Ambience Birds.wav"),
        ("Edit Radio.wav", "Edit Radio .wav"),
        ("Greek's chat.wav", "Greek&#39;s chat.wav"),
        ("Intersection Wet:Metro Pass.wav", "Intersection Wet_Metro Pass.wav"),
        ("kookaburra.wav", "KOOKABURRA.wav"),
        ("kookabura.wav", "kookaburra 2.wav"),
    ],
)
def test_suggests_the_name_that_may_be_meant(name: str, meant: str) -> None:
    with pytest.raises(UserError) as caught:
        match_names(PATH, [name], ["Stream.wav", meant])
    assert str(caught.value) == f"file.csv: no clip is called {name!r}; did you mean {meant!r}?"


def test_suggests_nothing_where_nothing_is_near() -> None:
    with pytest.raises(UserError, match=r"no clip is called 'thunder.wav'$"):
        match_names(PATH, ["thunder.wav"], ["Ambience Birds.wav"])


def test_lists_each_unknown_name_once() -> None:
    with pytest.raises(UserError, match=r"names that are not among the 1 clips: 2 problems") as caught:
        match_names(PATH, ["x.wav", "a.wav", "x.wav", "y.wav"], ["a.wav"])
    assert len(caught.value.problems) == 2


def test_suggests_spellings_however_many_are_wrong() -> None:
    names = [f"KOOKABURRA {number}.wav" for number in range(100)]
    with pytest.raises(UserError) as caught:
        match_names(PATH, [name.lower() for name in names], names)
    assert caught.value.problems == tuple(
        f"no clip is called {name.lower()!r}; did you mean {name!r}?" for name in names
    )


def test_index_of_every_item() -> None:
    assert match_names(PATH, ["b.wav"], ["a.wav", "b.wav"]) == {"a.wav": 0, "b.wav": 1}


def test_captions_of_another_data_set_have_one_cause() -> None:
    with pytest.raises(UserError) as caught:
        match_queries(PATH, ["Snow", "Hail"], ["Rain", "Wind", "Rain", "Thunder"])
    assert str(caught.value) == (
        "file.csv: none of the 3 queries is among its 2 captions, such as 'Snow'; look whether it answers another data "
        "set, and name the one it answers with --protocol: 3 problems"
    )
    assert caught.value.problems == ("no row for 'Rain'", "no row for 'Wind'", "no row for 'Thunder'")


def test_captions_in_another_spelling_have_one_cause_that_can_be_mended() -> None:
    with pytest.raises(UserError) as caught:
        match_queries(PATH, ["rain falls", "wind blows"], ["Rain falls.", "Wind, blows", "Thunder"])
    assert str(caught.value) == (
        "file.csv: 2 of the 3 queries are there in another spelling, such as 'rain falls' for 'Rain falls.'; `lbar "
        "validate --fix` with --protocol or --queries writes a copy that has them right: 3 problems"
    )
    assert caught.value.problems[2] == "no row for 'Thunder'"
