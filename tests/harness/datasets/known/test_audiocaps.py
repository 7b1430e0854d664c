from pathlib import Path

import pytest

from harness.datasets.known import load
from harness.datasets.readers.captions_csv import read_csv
from harness.errors import UserError

CAPTIONS = (
    "audiocap_id,youtube_id,start_time,caption\r\n"
    '1,-abc_DEF-12,30,"a dog, then rain"\r\n2,Yabcdefghij,0,A woman speaking\r\n3,-abc_DEF-12,30,A woman speaking\r\n'
)


def put(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    ("split", "file"),
    [
        ("test", "v1_test.csv"),
        ("test", "test.csv"),
        ("val", "audiocaps/dataset/val.csv"),
        ("train", "AUDIOCAPS/csv_files_v1/train.csv"),
        ("test-v2", "audiocaps/dataset2.0/test.csv"),
        ("val-v2", "v2_val.csv"),
    ],
)
def test_captions_are_grouped_by_video_in_file_order(tmp_path: Path, split: str, file: str) -> None:
    put(tmp_path / file, CAPTIONS)
    dataset = load("audiocaps", split, tmp_path)
    assert [clip.name for clip in dataset.clips] == ["Y-abc_DEF-12.wav", "YYabcdefghij.wav"]
    assert [(query.text, query.clip) for query in dataset.queries] == [
        ("a dog, then rain", 0),
        ("A woman speaking", 0),
        ("A woman speaking", 1),
    ]


def test_versions_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "dataset/test.csv", CAPTIONS)
    put(tmp_path / "dataset2.0/test.csv", CAPTIONS.lower())
    assert load("audiocaps", "test", tmp_path).queries[1].text == "A woman speaking"
    assert load("audiocaps", "test-v2", tmp_path).queries[1].text == "a woman speaking"


@pytest.mark.parametrize(
    "file",
    [
        "test/Y-abc_DEF-12.wav",
        "test/-abc_DEF-12.flac",
        "audio/test/-abc_DEF-12.OGG",
        "audio_32000Hz/test/-abc_DEF-12_30.flac",
        "waveforms/test/Y-abc_DEF-12.mp3",
        "audio/Y-abc_DEF-12_30.opus",
    ],
)
@pytest.mark.parametrize("captions", ["test.csv", "dataset/test.csv"])
def test_audio_is_found_under_the_names_people_give_it(tmp_path: Path, file: str, captions: str) -> None:
    put(tmp_path / captions, CAPTIONS)
    path = put(tmp_path / file)
    clip, absent = load("audiocaps", "test", tmp_path).clips
    assert clip.path == path
    assert absent.path == path.parent / "YYabcdefghij.wav"


def test_the_folder_of_the_split_goes_first(tmp_path: Path) -> None:
    put(tmp_path / "test.csv", CAPTIONS)
    put(tmp_path / "audio/-abc_DEF-12.wav")
    path = put(tmp_path / "audio/test/-abc_DEF-12.wav")
    assert load("audiocaps", "test", tmp_path).clips[0].path == path


def test_without_audio_the_expected_place_is_given(tmp_path: Path) -> None:
    put(tmp_path / "dataset2.0/test.csv", CAPTIONS)
    assert load("audiocaps", "test-v2", tmp_path).clips[0].path == tmp_path / "audio/test/Y-abc_DEF-12.wav"


def test_a_video_with_two_start_times_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "test.csv", CAPTIONS + "4,Yabcdefghij,10,x\r\n")
    with pytest.raises(UserError, match=r"youtube_id 'Yabcdefghij' has the start times 0 and 10"):
        load("audiocaps", "test", tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    put(tmp_path / "test.csv", CAPTIONS.replace("youtube_id", "ytid"))
    with pytest.raises(UserError, match="column youtube_id is missing; the header is audiocap_id,ytid"):
        load("audiocaps", "test", tmp_path)


@pytest.mark.shared
def test_the_957_clips_are_clips_of_the_975_with_the_same_captions(shared: Path) -> None:
    whole, part = (load("audiocaps", split, shared / "data") for split in ("test", "test-957"))
    pairs = {(whole.clips[query.clip].name, query.text) for query in whole.queries}
    assert {clip.name for clip in part.clips} < {clip.name for clip in whole.clips}
    assert {(part.clips[query.clip].name, query.text) for query in part.queries} <= pairs


@pytest.mark.shared
def test_version_2_has_the_clips_of_version_1_and_other_captions(shared: Path) -> None:
    first, second = (load("audiocaps", split, shared / "data") for split in ("test", "test-v2"))
    assert {clip.name for clip in first.clips} == {clip.name for clip in second.clips}
    tables = [read_csv(shared / "data/audiocaps" / name) for name in ("v1_test.csv", "v2_test.csv")]
    before, after = (dict(zip(table.column("audiocap_id"), table.column("caption"), strict=True)) for table in tables)
    assert before.keys() == after.keys()
    assert sum(before[identifier] != after[identifier] for identifier in before) == 4685
