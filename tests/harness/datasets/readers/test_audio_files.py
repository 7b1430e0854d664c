from pathlib import Path

import pytest

from harness.datasets.readers.audio_files import nearly_called, what_is_there


@pytest.fixture
def there(tmp_path: Path) -> Path:
    for name in ("clip0.wav", "a&b.wav", "Rain: hard.flac", "._gone.wav", "notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("clip0.wav ", "clip0.wav"),
        ("Clip 0.wav", "clip0.wav"),
        ("a&amp;b.wav", "a&b.wav"),
        ("Rain_ hard.wav", "Rain: hard.flac"),
        ("gone.wav", None),
        ("notes.wav", None),
    ],
)
def test_a_name_that_was_changed_on_the_way_is_recognised(there: Path, name: str, near: str | None) -> None:
    assert nearly_called([there / name]).get(there / name) == near


def test_what_is_there_is_said(there: Path, tmp_path: Path) -> None:
    letter = "names are compared to the letter"
    assert what_is_there(there / "clip0.wav ") == f"'clip0.wav ' is looked for, 'clip0.wav' is there; {letter}"
    assert what_is_there(there / "clip7.wav") == f"'clip7.wav' is looked for, 'clip0.wav' is there; {letter}"
    assert what_is_there(there / "Yuv.ogg") == "'Yuv.ogg' is looked for; it holds 3 others, such as 'Rain: hard.flac'"
    assert what_is_there(tmp_path / "absent/a.wav") == "there is no audio there"
