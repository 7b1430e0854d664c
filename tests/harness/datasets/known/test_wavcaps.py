import json
import shutil
from pathlib import Path

import pytest

from harness.datasets.known import load
from harness.datasets.leaks.exclusions import read_exclusions
from harness.datasets.leaks.learned import without
from harness.errors import UserError

ITEMS = {
    "AudioSet_SL/as_final.json": [("Yr1nicOVtvkQ.wav", "Water is pouring."), ("YVcu0pVF1npM.wav", "A broken file.")],
    "BBC_Sound_Effects/bbc_final.json": [("117790", "A door.")],
    "FreeSound/fsd_final_2s.json": [("117790", "Radio noise."), ("5", "A bell.")],
    "SoundBible/sb_final.json": [("5", "A bird sings.")],
}


@pytest.fixture
def wavcaps(tmp_path: Path) -> Path:
    for file, items in ITEMS.items():
        path = tmp_path / "WavCaps/json_files" / file
        path.parent.mkdir(parents=True)
        entries = [{"id": identifier, "caption": caption, "duration": 1.0} for identifier, caption in items]
        path.write_text(json.dumps({"num_captions_per_audio": 1, "data": entries}))
    return tmp_path / "WavCaps"


def test_the_four_sources_without_the_broken_files(wavcaps: Path) -> None:
    dataset = load("wavcaps", "train", wavcaps.parent)
    assert [(dataset.clips[query.clip].name, query.text) for query in dataset.queries] == [
        ("AudioSet_SL/Yr1nicOVtvkQ.flac", "Water is pouring."),
        ("BBC_Sound_Effects/117790.flac", "A door."),
        ("FreeSound/117790.flac", "Radio noise."),
        ("FreeSound/5.flac", "A bell."),
        ("SoundBible/5.flac", "A bird sings."),
    ]
    assert dataset.clips[2].path == wavcaps / "audio/FreeSound/117790.flac"
    assert load("wavcaps", "train", wavcaps) == dataset


def test_either_freesound_file(wavcaps: Path) -> None:
    before = load("wavcaps", "train", wavcaps)
    folder = wavcaps / "json_files/FreeSound"
    (folder / "fsd_final_2s.json").rename(folder / "fsd_final.json")
    assert load("wavcaps", "train", wavcaps) == before


def test_two_lists_of_the_same_source_are_refused(wavcaps: Path) -> None:
    folder = wavcaps / "json_files/FreeSound"
    (folder / "fsd_final.json").write_text('{"data": []}')
    with pytest.raises(UserError, match="`lbar data fetch wavcaps`") as caught:
        load("wavcaps", "train", wavcaps)
    assert caught.value.problems == (f"{folder}/fsd_final.json and {folder}/fsd_final_2s.json differ; keep one",)


def test_two_copies_of_wavcaps_are_refused(wavcaps: Path) -> None:
    shutil.copytree(wavcaps, wavcaps.with_name("wavcaps_old"))
    with pytest.raises(UserError, match=r"several times: .*/WavCaps and .*/wavcaps_old; give one"):
        load("wavcaps", "train", wavcaps.parent)


def test_every_missing_source_is_listed(wavcaps: Path) -> None:
    (wavcaps / "json_files/SoundBible/sb_final.json").unlink()
    (wavcaps / "json_files/FreeSound/fsd_final_2s.json").unlink()
    with pytest.raises(UserError, match="`lbar data fetch wavcaps`") as caught:
        load("wavcaps", "train", wavcaps)
    assert [problem.rsplit("/", 1)[1] for problem in caught.value.problems] == [
        "fsd_final.json is missing",
        "sb_final.json is missing",
    ]


def test_no_wavcaps_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder json_files in .* or a subfolder wavcaps\*"):
        load("wavcaps", "train", tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"data": [{"id": "1"}]}', '{"data": 3}', b"\xff\xfe"])
def test_json_of_another_kind(wavcaps: Path, content: str | bytes) -> None:
    path = wavcaps / "json_files/SoundBible/sb_final.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=r"sb_final.json: not a WavCaps file"):
        load("wavcaps", "train", wavcaps)


def test_empty_captions_and_repeated_entries_are_listed(wavcaps: Path) -> None:
    path = wavcaps / "json_files/SoundBible/sb_final.json"
    path.write_text(json.dumps({"data": [{"id": 1, "caption": " "}, {"id": "1", "caption": "x"}]}))
    with pytest.raises(UserError) as caught:
        load("wavcaps", "train", wavcaps)
    assert [problem.split(": ", 1)[1] for problem in caught.value.problems] == [
        "the caption of entry 0 (SoundBible/1.flac) is empty",
        "entry 1 (SoundBible/1.flac) is there twice",
    ]


@pytest.mark.parametrize(
    "folder",
    [
        "audio/{}",
        "audio/{}_flac",
        "audio/{0}/{0}_flac",
        "mnt/fast/WavCaps/data/waveforms/{}_flac",
        "{}",
        "Zip_files/{}",
    ],
)
def test_audio_is_found_where_the_archives_unpack_it(wavcaps: Path, folder: str) -> None:
    path = wavcaps / folder.format("FreeSound") / "5.flac"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    (wavcaps / folder.format("SoundBible")).mkdir(parents=True)
    clips = {clip.name: clip.path for clip in load("wavcaps", "train", wavcaps).clips}
    assert clips["FreeSound/5.flac"] == path
    assert clips["SoundBible/5.flac"] == wavcaps / folder.format("SoundBible") / "5.flac"
    assert clips["AudioSet_SL/Yr1nicOVtvkQ.flac"] == wavcaps / "audio/AudioSet_SL/Yr1nicOVtvkQ.flac"


def test_a_source_in_two_folders_is_refused(wavcaps: Path) -> None:
    paths = [wavcaps / "audio" / folder / "5.flac" for folder in ("FreeSound", "FreeSound_flac")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    with pytest.raises(UserError, match=f"by 1 of 5 clips: 'FreeSound/5.flac' could be {paths[0]} or {paths[1]}; keep"):
        load("wavcaps", "train", wavcaps)


@pytest.mark.shared
def test_the_case_of_folders_with_a_suffix(shared: Path) -> None:
    clips = load("wavcaps", "train", shared / "cases/wavcaps-suffix").clips
    assert len(clips) == 12
    assert all(clip.path.is_file() and clip.path.parent.name.endswith("_flac") for clip in clips)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "excluded"),
    [
        ("aac_blacklist_clotho.full.v2.csv", ["FreeSound/117790.flac"]),
        ("aac_blacklist_audiocaps.full.csv", ["AudioSet_SL/Yr1nicOVtvkQ.flac"]),
        ("blacklist_exclude_all_ac.json", ["AudioSet_SL/Yr1nicOVtvkQ.flac", "FreeSound/117790.flac"]),
    ],
)
def test_freesound_numbers_exclude_no_sound_of_another_source(
    wavcaps: Path, shared: Path, file: str, excluded: list[str]
) -> None:
    dataset = load("wavcaps", "train", wavcaps)
    rest = without(dataset, read_exclusions(shared / "data/wavcaps" / file))
    assert [clip.name for clip in dataset.clips if clip not in rest.clips] == excluded
    assert all(rest.clips[query.clip] in dataset.clips for query in rest.queries)
    assert len(rest.queries) == len(dataset.queries) - len(excluded)
