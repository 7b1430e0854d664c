"""Which known text is meant: looked for letter by letter only a few times, and once for each wrong text."""

import difflib

import pytest

from harness.predictions.spelling import _MOST_COMPARED, Spellings


def test_each_wrong_text_is_compared_once_and_few_are_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    compare = difflib.get_close_matches

    def counted(text: str, *more: object) -> list[str]:
        compared.append(text)
        return compare(text, *more)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    spellings = Spellings([f"rain on roof {n}.wav" for n in range(30)])
    assert [spellings.meant("raain on roof 7.wav") for _ in range(20)] == ["rain on roof 7.wav"] * 20
    assert [spellings.meant("something else") for _ in range(20)] == [None] * 20
    assert compared == ["raain on roof 7.wav", "something else"]
    found = [spellings.meant(f"raain on roof {n}.wav") for n in range(30)]
    assert len(compared) == _MOST_COMPARED
    assert [text is not None for text in found] == [True] * 11 + [False] * 19
    # What differs in nothing but what programs change is found without comparing, however often.
    assert spellings.meant(" rain on  roof 29.wav") == "rain on roof 29.wav"
