from pathlib import Path

import pytest

from harness.datasets.dataset import from_captions
from harness.datasets.known import load
from harness.datasets.leaks.identifiers import identifiers, known_ids
from harness.errors import UserError


def ids(name: str, *clips: str) -> tuple[str | None, ...]:
    return identifiers(from_captions(name, "all", Path(), {clip: ["x"] for clip in clips}, Path))


def test_ids_in_names() -> None:
    assert ids("wavcaps", "FreeSound/5.flac", "AudioSet_SL/Yr1nicOVtvkQ.flac") == ("5", "Yr1nicOVtvkQ")
    assert ids("wavcaps", "BBC_Sound_Effects/117790.flac", "SoundBible/117790.flac") == (None, None)
    assert ids("audiocaps", "Y-abc_DEF-12.wav") == ("Y-abc_DEF-12",)
    assert ids("folder", "117790.wav", "117790__user__am-radio.flac", "12.wav", "rain.wav") == (
        "117790",
        "117790",
        None,
        None,
    )
    assert ids("everyday", "development_0001.wav") == (None,)


def clotho(
    folder: Path, metadata: str, encoding: str = "latin-1", file: str = "clotho_metadata_evaluation.csv"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clotho_captions_evaluation.csv").write_text("file_name,caption_1\n1.wav,a\n14.12.wav,b\nrain .wav,c\n")
    (folder / file).write_bytes(metadata.encode(encoding))
    return folder


METADATA = (
    "file_name,keywords,sound_id,manufacturer\r\n"
    "1.wav,a;b,203,J\u00fcrgen\r\n14.12.wav,c,Not found,NA\r\nrain.wav,d,0327779 ,x\r\n"
)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("file", ["clotho_metadata_evaluation.csv", "evaluation_audio_metadata.csv"])
def test_clotho_has_its_ids_in_the_metadata_only(tmp_path: Path, encoding: str, file: str) -> None:
    dataset = load("clotho", "evaluation", clotho(tmp_path, METADATA, encoding, file))
    assert identifiers(dataset) == ("203", None, "0327779")
    assert known_ids(dataset) == {"203", "0327779"}


def test_clotho_without_metadata_has_no_ids(tmp_path: Path) -> None:
    folder = clotho(tmp_path, METADATA, file="other.csv")
    assert identifiers(load("clotho", "evaluation", folder)) == (None, None, None)


@pytest.mark.parametrize(
    ("content", "expected"),
    [("", "column file_name, sound_id is missing"), ("file_name;sound_id\n1.wav;2\n", "the header is file_name;sound")],
)
def test_metadata_of_another_kind(tmp_path: Path, content: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        identifiers(load("clotho", "evaluation", clotho(tmp_path, content)))


@pytest.mark.shared
def test_the_real_metadata(shared: Path) -> None:
    found = {}
    for split, clips, unknown in (("development", 3839, 8), ("validation", 1045, 6), ("evaluation", 1045, 5)):
        dataset = load("clotho", split, shared / "data")
        numbers = identifiers(dataset)
        assert (len(numbers), numbers.count(None)) == (clips, unknown)
        found[split] = known_ids(dataset)
    assert found["development"] & found["evaluation"] == {"137692"}
    assert found["validation"] & found["evaluation"] == {"86161", "66304"}
    assert found["development"] & found["validation"] == {"130603", "86163"}
    assert len(found["evaluation"]) == 1040
