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
        "audio/Y-abc_DEF-12_30_40.wav",
        "test/-abc_DEF-12_30000_40000.wav",
        "test/-abc_DEF-12_30.000_40.000.wav",
        "test/1.wav",
        "test/3.wav",
    ],
)
@pytest.mark.parametrize("captions", ["test.csv", "dataset/test.csv"])
def test_audio_is_found_under_the_names_people_give_it(tmp_path: Path, file: str, captions: str) -> None:
    put(tmp_path / captions, CAPTIONS)
    path = put(tmp_path / file)
    clip, absent = load("audiocaps", "test", tmp_path).clips
    assert clip.path == path
    assert absent.path == path.parent / "YYabcdefghij.wav"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("audio/-abc_DEF-12.wav", "audio/test/-abc_DEF-12.wav"),
        ("audio_16k/test/Y-abc_DEF-12.wav", "audio_32k/test/Y-abc_DEF-12.wav"),
        ("test/Y-abc_DEF-12.ogg", "test/Y-abc_DEF-12.wav"),
        ("test/-abc_DEF-12.wav", "test/-abc_DEF-12_30.wav"),
    ],
)
def test_of_several_recordings_none_is_taken_in_silence(tmp_path: Path, one: str, other: str) -> None:
    put(tmp_path / "test.csv", CAPTIONS)
    put(tmp_path / one)
    put(tmp_path / other)
    expected = (
        f"audiocaps test: several recordings could be meant by 1 of 2 clips: 'Y-abc_DEF-12.wav' could be "
        f"{tmp_path / one} or {tmp_path / other}; keep one, and move the others out of the data root"
    )
    with pytest.raises(UserError) as caught:
        load("audiocaps", "test", tmp_path)
    assert (str(caught.value), caught.value.problems) == (expected, ())


def test_two_ways_to_the_same_file_are_no_two_recordings(tmp_path: Path) -> None:
    put(tmp_path / "test.csv", CAPTIONS)
    path = put(tmp_path / "audio_32k/test/Y-abc_DEF-12.wav")
    (tmp_path / "test").symlink_to(path.parent)
    assert load("audiocaps", "test", tmp_path).clips[0].path.resolve() == path


def test_the_sound_of_another_part_of_the_video_is_not_taken(tmp_path: Path) -> None:
    put(tmp_path / "test.csv", CAPTIONS)
    put(tmp_path / "test/-abc_DEF-12_40_50.wav")
    assert load("audiocaps", "test", tmp_path).clips[0].path == tmp_path / "test/Y-abc_DEF-12.wav"


def test_files_named_by_the_row_of_the_captions(tmp_path: Path) -> None:
    """One for each clip, or one for each caption, which then are copies."""
    put(tmp_path / "test.csv", CAPTIONS)
    paths = [put(tmp_path / "test" / name) for name in ("1.wav", "2.wav", "3.wav")]
    assert [clip.path for clip in load("audiocaps", "test", tmp_path).clips] == paths[:2]


@pytest.mark.shared
@pytest.mark.parametrize("case", ["ms", "startend", "audiocapid"])
def test_names_that_downloaders_give(shared: Path, case: str) -> None:
    clips = load("audiocaps", "test", shared / f"cases/ac-names-{case}").clips
    assert len(clips) == 6
    for number, clip in enumerate(clips):
        assert clip.path.is_file()
        assert clip.path.stem.lstrip("Y") in (
            f"{1000 + 10 * number}",
            f"aaaaaaaaaa{number}_{30 + number}_{40 + number}",
            f"aaaaaaaaaa{number}_{30 + number}000_{40 + number}000",
        )


@pytest.mark.shared
@pytest.mark.parametrize(("case", "parts"), [("copies", 3), ("two-suffixes", 2)])
def test_copies_are_refused_and_all_are_named(shared: Path, case: str, parts: int) -> None:
    with pytest.raises(UserError, match=r"could be meant by 6 of 6 clips: 'Yaaaaaaaaaa0.wav' could be ") as caught:
        load("audiocaps", "test", shared / f"cases/ac-{case}")
    assert [len(problem.split(" or ")) for problem in caught.value.problems] == 6 * [parts]


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
