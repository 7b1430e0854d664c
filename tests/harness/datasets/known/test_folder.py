import csv
from pathlib import Path

import pytest

from harness.datasets.known import load
from harness.datasets.publication.verify import verify
from harness.errors import UserError


def put(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_audio_beside_the_captions_or_in_a_subfolder(tmp_path: Path) -> None:
    put(tmp_path / "mine.csv", "file_name,caption\na.wav,x\nb.wav,y\na.wav,z\nc.wav,w\n")
    beside, below = put(tmp_path / "a.wav"), put(tmp_path / "sounds/b.wav")
    dataset = load("folder", "all", tmp_path)
    assert [clip.path for clip in dataset.clips] == [beside, below, tmp_path / "c.wav"]
    assert [(query.text, query.clip) for query in dataset.queries] == [("x", 0), ("z", 0), ("y", 1), ("w", 2)]


def test_a_missing_clip_is_expected_where_the_others_are(tmp_path: Path) -> None:
    put(tmp_path / "mine.csv", "file_name,caption_1\na.wav,x\nb.wav,y\n")
    put(tmp_path / "sounds/b.wav")
    assert load("folder", "all", tmp_path).clips[0].path == tmp_path / "sounds/a.wav"
    put(tmp_path / "mine.csv", "file_name,caption_1\na.wav,x\nb.wav,y\nc.wav,z\nd.wav,w\n")
    put(tmp_path / "c.wav")
    put(tmp_path / "d.wav")
    assert load("folder", "all", tmp_path).clips[0].path == tmp_path / "a.wav"


def test_a_recording_without_captions_takes_no_part_and_a_misspelt_one_is_named(tmp_path: Path) -> None:
    put(tmp_path / "mine.csv", "file_name,caption\na_b.wav,x\nc.wav,y\n")
    for name in ("a b.wav", "c.wav", "d.wav"):
        put(tmp_path / name)
    messages = [finding.found for finding in verify("folder", tmp_path)]
    assert messages[:2] == [
        f"{tmp_path}/a_b.wav is missing, but 'a b.wav' is there; rename it: names are compared to the letter",
        f"{tmp_path}/d.wav is a clip that the captions file does not list; it takes no part; add a row for it, or "
        "move it away",
    ]


def test_a_path_is_no_name_of_a_clip(tmp_path: Path) -> None:
    put(tmp_path / "mine.csv", "file_name,caption\ndoor/a.wav,x\n")
    with pytest.raises(UserError) as caught:
        load("folder", "all", tmp_path)
    assert "file_name 'door/a.wav' is a path; expected the bare file name, 'a.wav'" in str(caught.value)


def test_other_csv_files_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "captions.csv", "file_name,caption_1\na.wav,x\n")
    put(tmp_path / "metadata.csv", "file_name,keywords\na.wav,x\n")
    assert len(load("folder", "all", tmp_path).clips) == 1


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "has 0 captions files; expected one CSV"),
        (
            {"a.csv": "file_name,caption\na,x\n", "b.csv": "file_name,caption_1\na,x\n"},
            r"has 2 captions files \(a.csv, b.csv\)",
        ),
        ({"a.csv": "file_name,text\na.wav,x\n"}, "column caption_1 is missing"),
        (
            {"c.csv": "file_name,caption\na,x\n", "p/a": "", "q/a": ""},
            "1 of 1 clips: 'a' could be .*p/a or .*q/a; keep",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for name, content in files.items():
        put(tmp_path / name, content)
    with pytest.raises(UserError, match=expected):
        load("folder", "all", tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="absent is not a folder"):
        load("folder", "all", tmp_path / "absent")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a", "a.wav"),
        ("a.WAV", "a.wav"),
        ("a.wav", "a.Flac"),
        ("a.b.c", "a.b.c.mp3"),
        ("K\u00e4uzchen.wav", "Ka\u0308uzchen.wav"),
    ],
)
def test_a_clip_is_found_where_only_suffix_or_encoding_differ(tmp_path: Path, name: str, file: str) -> None:
    put(tmp_path / "mine.csv", f"file_name,caption\n{name},x\n")
    path = put(tmp_path / file)
    (clip,) = load("folder", "all", tmp_path).clips
    assert (clip.name, clip.path) == (name, path)


def test_the_exact_name_goes_first_and_of_several_others_none_is_taken(tmp_path: Path) -> None:
    put(tmp_path / "mine.csv", "file_name,caption\na.wav,x\nb,y\n")
    exact = put(tmp_path / "a.wav")
    put(tmp_path / "a.ogg")
    put(tmp_path / "b.ogg")
    assert [clip.path for clip in load("folder", "all", tmp_path).clips] == [exact, tmp_path / "b.ogg"]
    put(tmp_path / "b.mp3")
    with pytest.raises(UserError, match=r"by 1 of 2 clips: 'b' could be .*/b.mp3 or .*/b.ogg; keep one"):
        load("folder", "all", tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize("case", ["no-suffix", "upper-suffix"])
def test_cases_of_other_suffixes(shared: Path, case: str) -> None:
    root = shared / f"cases/csv-{case}"
    clips = load("folder", "all", root).clips
    assert [clip.path for clip in clips] == [root / f"clip{number}.wav" for number in range(6)]


@pytest.mark.shared
def test_real_clotho_clips_with_their_captions(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/real_clips"
    with (source / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["subset"] == "clotho"]
    columns = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    with (tmp_path / "captions.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "audio").mkdir()
    for row in rows:
        (tmp_path / "audio" / row["file_name"]).symlink_to(source / "audio" / row["file_name"])

    dataset = load("folder", "all", tmp_path)

    assert len(dataset.clips) == 13
    assert all(clip.path.is_file() for clip in dataset.clips)
    official = load("clotho", "validation", shared / "data")
    captions_of = {clip.name: official.queries[5 * index : 5 * index + 5] for index, clip in enumerate(official.clips)}
    for index, row in enumerate(rows):
        original = row["relevance_group"].removeprefix("clotho:")
        ours = [query.text for query in dataset.queries if query.clip == index]
        assert ours == [query.text for query in captions_of[original]]
    assert verify("folder", tmp_path) == []


def test_a_captions_file_with_semicolons_is_told_from_others(tmp_path: Path) -> None:
    put(tmp_path / "captions.csv", "file_name;caption_1\na.wav;x, y\n")
    put(tmp_path / "metadata.csv", "file_name;keywords\na.wav;x\n")
    assert [query.text for query in load("folder", "all", tmp_path).queries] == ["x, y"]
