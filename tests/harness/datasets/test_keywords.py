"""What data sets say of their clips beside sound and captions, and what is refused of it."""

import csv
from pathlib import Path

import pytest

from harness.datasets.keywords import captions_among_keywords, described, without_keywords
from harness.datasets.known import load
from harness.errors import UserError

LONG = "Rain falls on a tin roof"
AUDIOSET = {
    "class_labels_indices.csv": 'index,mid,display_name\n0,/m/1,Speech\n1,/m/2,"Male speech, man speaking"\n',
    "unbalanced_train_segments.csv": "# Segments csv created\n# num_ytids=2\n# YTID, start_seconds, end_seconds, "
    'positive_labels\nabcdefghijk, 30.000, 40.000, "/m/2,/m/1"\nother_video, 0.000, 10.000, "/m/1"\n',
}


def clotho(folder: Path, rows: str, split: str = "evaluation") -> Path:
    (folder / f"clotho_captions_{split}.csv").write_text(f"file_name,caption_1\n1.wav,{LONG}\nrain .wav,A dog barks\n")
    (folder / f"clotho_metadata_{split}.csv").write_bytes(f"file_name,keywords,sound_id\r\n{rows}".encode("latin-1"))
    return folder


def test_clotho_has_the_tags_of_the_uploader_in_latin_1(tmp_path: Path) -> None:
    folder = clotho(tmp_path, "1.wav,noise;field-recording;K\xf6ln,2\r\nrain.wav,,3\r\n")
    dataset = load("clotho", "evaluation", folder)
    found = described(dataset, ["keywords"], evaluated=True)
    assert [clip.keywords for clip in found.clips] == [("noise", "field-recording", "Köln"), ()]
    assert (found.clips, found.digest, without_keywords(found.clips)) == (dataset.clips, dataset.digest, 1)
    assert described(dataset, [], evaluated=True) is dataset


def test_without_the_file_it_says_which(tmp_path: Path) -> None:
    clotho(tmp_path, "").joinpath("clotho_metadata_evaluation.csv").unlink()
    with pytest.raises(UserError, match="clotho_metadata_evaluation.csv is not there.*lbar data fetch clotho"):
        described(load("clotho", "evaluation", tmp_path), ["keywords"], evaluated=True)


def test_keywords_of_another_split_are_refused(tmp_path: Path) -> None:
    folder = clotho(tmp_path, "other.wav,noise,2\r\n")
    for evaluated in (True, False):
        with pytest.raises(UserError, match=r"says nothing of any clip of clotho evaluation: it is of 'other.wav'"):
            described(load("clotho", "evaluation", folder), ["keywords"], evaluated=evaluated)


def test_an_evaluation_needs_the_keywords_of_all_clips(tmp_path: Path) -> None:
    dataset = load("clotho", "evaluation", clotho(tmp_path, "1.wav,noise,2\r\n"))
    with pytest.raises(UserError, match=r"says nothing of 1 of the 2 clips of clotho evaluation: rain \.wav; "):
        described(dataset, ["keywords"], evaluated=True)
    found = described(dataset, ["keywords"], evaluated=False)
    assert [clip.keywords for clip in found.clips] == [("noise",), None]


@pytest.mark.parametrize("keywords", [f"{LONG}.", "Rain;falls on;a tin roof", "noise;rain_falls-on-a-tin-roof;x"])
def test_captions_among_the_keywords_of_their_own_clip_are_refused(tmp_path: Path, keywords: str) -> None:
    dataset = load("clotho", "evaluation", clotho(tmp_path, f"1.wav,{keywords},2\r\nrain .wav,a dog barks,3\r\n"))
    with pytest.raises(UserError, match="has 1 captions of clotho evaluation among the keywords") as refused:
        described(dataset, ["keywords"], evaluated=True)
    assert refused.value.problems == (f"1.wav: {LONG!r}",)
    assert captions_among_keywords(described(dataset, ["keywords"], evaluated=False)) == [f"1.wav: {LONG!r}"]


def test_a_folder_has_them_in_a_column(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("file_name,caption,keywords\na.wav,x,sea; wind\na.wav,y,wind;gull\nb.wav,z,\n")
    found = described(load("folder", "all", tmp_path), ["keywords"], evaluated=True)
    assert [clip.keywords for clip in found.clips] == [("sea", "wind", "gull"), ()]
    (tmp_path / "mine.csv").write_text("file_name,caption\na.wav,x\n")
    with pytest.raises(UserError, match="mine.csv has no column keywords"):
        described(load("folder", "all", tmp_path), ["keywords"], evaluated=True)


def test_a_data_set_without_keywords(tmp_path: Path) -> None:
    sources = {"AudioSet_SL": "as", "BBC_Sound_Effects": "bbc", "FreeSound": "fsd", "SoundBible": "sb"}
    for source, name in sources.items():
        (tmp_path / "json_files" / source).mkdir(parents=True)
        (tmp_path / f"json_files/{source}/{name}_final.json").write_text('{"data": [{"id": "1", "caption": "x"}]}')
    with pytest.raises(UserError, match="wavcaps has no keywords"):
        described(load("wavcaps", "train", tmp_path), ["keywords"], evaluated=False)


def audiocaps(folder: Path) -> Path:
    (folder / "test.csv").write_text("audiocap_id,youtube_id,start_time,caption\n1,abcdefghijk,30,A man speaks\n")
    for name, content in AUDIOSET.items():
        (folder / name).write_text(content)
    return folder


def test_audiocaps_has_the_labels_of_audioset(tmp_path: Path) -> None:
    found = described(load("audiocaps", "test", audiocaps(tmp_path)), ["keywords"], evaluated=True)
    assert [clip.keywords for clip in found.clips] == [("Male speech, man speaking", "Speech")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("class_labels_indices.csv", None, "lacks AudioSet's labels.*put class_labels_indices.csv and unbalanced"),
        ("class_labels_indices.csv", "index,mid,display_name\n0,/m/1,Speech\n", "has the label '/m/2', which class_"),
        ("unbalanced_train_segments.csv", "abcdefghijk, 30\n", "cannot be read as a list of AudioSet's segments"),
        ("unbalanced_train_segments.csv", "# nothing\n", "says nothing of any clip of audiocaps test: it has no row"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, name: str, content: str | None, expected: str) -> None:
    path = audiocaps(tmp_path) / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=expected):
        described(load("audiocaps", "test", tmp_path), ["keywords"], evaluated=True)


@pytest.mark.shared
def test_the_real_keywords_of_clotho(shared: Path) -> None:
    for split, mean, most in (("development", 7.3, 30), ("validation", 6.9, 51), ("evaluation", 7.2, 30)):
        found = described(load("clotho", split, shared / "data"), ["keywords"], evaluated=True)
        counts = [len(clip.keywords or ()) for clip in found.clips]
        assert (round(sum(counts) / len(counts), 1), max(counts), without_keywords(found.clips)) == (mean, most, 0)
    with (shared / "data/clotho/evaluation_audio_metadata.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    by_name = {clip.name: clip.keywords for clip in found.clips}
    assert by_name[first["file_name"]] == tuple(first["keywords"].split(";"))
