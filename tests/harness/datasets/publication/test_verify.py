from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.datasets.publication.verify import verify
from harness.errors import UserError
from harness.interface.findings import Finding
from harness.machine.progress import Advance

HEADER = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n"


def sound(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 800), 8000)
    return path


def clotho(folder: Path, *names: str) -> Path:
    """A tiny Clotho: three splits of the given clips, all in order."""
    for split in ("development", "validation", "evaluation"):
        rows = "".join(f"{name},one,two,three,four,five\n" for name in names)
        (folder / f"clotho_captions_{split}.csv").write_text(HEADER + rows)
        for name in names:
            sound(folder / split / name)
    return folder


def messages(findings: list[Finding], split: str) -> list[str]:
    """What is said of a split's clips: the tiny Clotho is never the published one."""
    published = (
        *("is not the published file", "expected 1045", "expected 5225", "expected 3839", "expected 19195"),
        *("but a clip of clotho lasts", "but a clip of clotho has", "metadata_eval.csv is missing"),
    )
    return [
        found.found for found in findings if found.check == split and not any(text in found.found for text in published)
    ]


def test_a_folder_that_is_as_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("file_name,caption\na.wav,x\n")
    sound(tmp_path / "a.wav")
    assert verify("folder", tmp_path) == []


def test_counts_and_checksum_are_compared_with_the_published_ones(tmp_path: Path) -> None:
    findings = verify("clotho", clotho(tmp_path, "a.wav"), splits=["evaluation"])
    path = tmp_path / "clotho_captions_evaluation.csv"
    assert {found.file for found in findings[:3]} == {str(tmp_path)}
    checksum, clips, captions, *_ = (found.found for found in findings)
    assert checksum.startswith(f"{path} is not the published file: MD5 ")
    assert checksum.endswith(", expected 1b16b9e57cf7bdb7f13a13802aeb57e2")
    assert clips.endswith("has 1 clips, expected 1045")
    assert captions.endswith("has 5 captions, expected 5225")
    assert (findings[1].check, findings[1].found) == ("evaluation", clips)


@pytest.mark.shared
def test_the_published_files_pass_and_only_the_audio_is_missing(shared: Path) -> None:
    findings = verify("clotho", shared / "data")
    assert [found.check for found in findings] == ["development", "validation", "evaluation", "evaluation"]
    annotations = findings.pop(2)
    assert annotations.found == (
        f"{shared}/data/clotho/metadata_eval.csv is missing, which the protocol clotho-dcase2025 needs; "
        "get it with `lbar data fetch clotho`"
    )
    for found, count in zip(findings, (3839, 1045, 1045), strict=True):
        assert f"has none of the {count} clips of {found.check}: there is no audio there" in found.found
        assert "`lbar data fetch clotho`" in found.found
    everything = ["train", "val", "test", "test-957", "val-v2", "test-v2"]
    assert [found.check for found in verify("audiocaps", shared / "data")] == everything


@pytest.mark.shared
def test_a_file_of_another_version_is_recognised(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_bytes((shared / "data/audiocaps/v2_test.csv").read_bytes())
    found = verify("audiocaps", tmp_path, splits=["test"])[0]
    assert "is not the published file (it is audiocaps test-v2)" in found.found


def test_all_that_is_wrong_with_the_clips_is_listed_at_once(tmp_path: Path) -> None:
    clotho(tmp_path, "good.wav", "gone.wav", " blank .wav", "a&amp;b.wav", "short.wav", "empty.wav", "nan.wav")
    folder = tmp_path / "evaluation"
    (folder / "gone.wav").unlink()
    (folder / " blank .wav").rename(folder / "blank.wav")
    (folder / "a&amp;b.wav").rename(folder / "a&b.wav")
    (folder / "short.wav").write_bytes((folder / "good.wav").read_bytes()[:500])
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "nan.wav", np.full(800, np.nan, np.float32), 8000, subtype="FLOAT")
    sound(folder / "surplus.wav")
    (folder / "._good.wav").write_bytes(b"")
    (folder / "notes.txt").write_text("not a clip")

    said = messages(findings := verify("clotho", tmp_path), "evaluation")

    assert said[:5] == [
        f"{folder}/gone.wav is missing; the captions file lists it",
        f"{folder}/ blank .wav is missing, but 'blank.wav' is there; rename it: names are compared to the letter",
        f"{folder}/a&amp;b.wav is missing, but 'a&b.wav' is there; rename it: names are compared to the letter",
        f"{folder}/._good.wav is a clip that the captions file does not list; move it away",
        f"{folder}/surplus.wav is a clip that the captions file does not list; move it away",
    ]
    assert [Path(found.file).name for found in findings if found.found in said[5:]] == [
        "short.wav",
        "empty.wav",
        "nan.wav",
    ]
    assert messages(findings, "development") == messages(findings, "validation") == []


def test_captions_that_cannot_be_read_are_findings_of_their_split(tmp_path: Path) -> None:
    clotho(tmp_path, "a.wav")
    (tmp_path / "clotho_captions_development.csv").write_text(HEADER + "a.wav,,,,,\nb.wav,, ,,,\n")
    (tmp_path / "clotho_captions_validation.csv").unlink()
    findings = verify("clotho", tmp_path)
    assert messages(findings, "development") == [
        "line 2: 'a.wav' has no caption",
        "line 3: 'b.wav' has no caption",
    ]
    (absent,) = messages(findings, "validation")
    assert "clotho_captions_validation.csv or" in absent
    assert "not found" in absent


def test_nothing_there_at_all(tmp_path: Path) -> None:
    assert [found.check for found in verify("clotho", tmp_path / "absent")] == [
        "development",
        "validation",
        "evaluation",
    ]
    assert [found.check for found in verify("audiocaps", tmp_path)] == ["train", "val", "test"]
    assert len(verify("wavcaps", tmp_path)) == len(verify("folder", tmp_path)) == 1


def test_a_clip_of_another_split_in_the_same_folder_is_not_surplus(tmp_path: Path) -> None:
    for split, video in (("val", "aaaaaaaaaaa"), ("test", "bbbbbbbbbbb")):
        (tmp_path / f"{split}.csv").write_text(f"audiocap_id,youtube_id,start_time,caption\n1,{video},0,x\n")
        sound(tmp_path / "audio" / f"Y{video}.wav")
    sound(tmp_path / "audio/Yccccccccccc.wav")
    said = messages(verify("audiocaps", tmp_path, splits=["test"]), "test")
    assert [message for message in said if "captions file does not list" in message] == [
        f"{tmp_path}/audio/Yccccccccccc.wav is a clip that the captions file does not list; move it away"
    ]


def test_audio_under_names_nobody_expects(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("audiocap_id,youtube_id,start_time,caption\n1,aaaaaaaaaaa,0,x\n")
    sound(tmp_path / "audio/0001.wav")
    assert any(
        "has none of the 1 clips of test: 'Yaaaaaaaaaaa.wav' is looked for; it holds 1 others, such as '0001.wav'"
        in message
        for message in messages(verify("audiocaps", tmp_path), "test")
    )


def test_progress_is_told_of_every_clip(tmp_path: Path) -> None:
    steps: dict[tuple[str, int], int] = {}

    def progress(stage: str, total: int) -> Advance:
        steps[stage, total] = 0

        def advance(count: int) -> None:
            steps[stage, total] += count

        return advance

    verify("clotho", clotho(tmp_path, "a.wav", "b.wav"), splits=["evaluation"], progress=progress)
    assert steps == {("clotho evaluation", 2): 2}


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown data set 'x'"):
        verify("x", tmp_path)
    with pytest.raises(UserError, match="clotho has no split 'test'"):
        verify("clotho", tmp_path, splits=["test"])


def test_files_are_held_to_what_is_known_of_the_recordings(tmp_path: Path) -> None:
    """One-second noise under all the names is no Clotho."""
    clotho(tmp_path, "a.wav", "b.wav")
    noise = np.random.default_rng(0).integers(-9000, 9000, 15 * 44_100, dtype=np.int16)
    soundfile.write(tmp_path / "evaluation/a.wav", noise, 44_100)
    findings = verify("clotho", tmp_path, splits=["evaluation"])
    path = tmp_path / "evaluation/b.wav"
    assert [found.found for found in findings if found.file == str(path)] == [
        f"{path} lasts 0.1 s, but a clip of clotho lasts 15 to 30 s",
        f"{path} has 8,000 samples a second, but a clip of clotho has 44,100 samples a second",
    ]
    assert not [found for found in findings if found.file.endswith("a.wav")]


@pytest.mark.parametrize(("samples", "rate"), [(8000 * 31, 8000), (8000 * 10, 8000)])
def test_audiocaps_lasts_ten_seconds_at_most(tmp_path: Path, samples: int, rate: int) -> None:
    (tmp_path / "test.csv").write_text("audiocap_id,youtube_id,start_time,caption\n1,aaaaaaaaaaa,0,x\n")
    (tmp_path / "audio").mkdir()
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, samples)
    soundfile.write(tmp_path / "audio/Yaaaaaaaaaaa.wav", sound, rate)
    said = [found.found for found in verify("audiocaps", tmp_path, splits=["test"]) if "but a clip of" in found.found]
    expected = f"{tmp_path}/audio/Yaaaaaaaaaaa.wav lasts 31.0 s, but a clip of audiocaps lasts 0 to 10 s"
    assert said == ([expected] if samples > 8000 * 11 else [])


def test_annotations_that_a_protocol_needs_are_looked_for_and_compared(tmp_path: Path) -> None:
    clotho(tmp_path, "a.wav")
    path = tmp_path / "metadata_eval.csv"

    def said() -> list[str]:
        return [one.found for one in verify("clotho", tmp_path, splits=["evaluation"]) if one.file == str(path)]

    assert said() == [
        f"{path} is missing, which the protocol clotho-dcase2025 needs; get it with `lbar data fetch clotho`"
    ]
    path.write_text("query,audio_filenames\n")
    (found,) = said()
    assert found.endswith(", expected 15de2d0afb9c11950f15c46a70b335ba")


def test_sound_that_nobody_hears_is_found(tmp_path: Path) -> None:
    names = ("fine", "silent", "cancelled", "loud", "quiet")
    (tmp_path / "captions.csv").write_text("file_name,caption\n" + "".join(f"{name}.wav,x\n" for name in names))
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 800)
    for name, samples in zip(
        names, (noise, 0 * noise, np.stack([noise, -noise], axis=1), 32768 * noise, 1e-5 * noise), strict=True
    ):
        soundfile.write(tmp_path / f"{name}.wav", samples, 8000, subtype="FLOAT")
    findings = verify("folder", tmp_path)
    assert [Path(found.file).stem for found in findings] == list(names[1:])
    assert len({found.rule for found in findings}) == 1
    for found, text in zip(findings, ("is silent", "cancel each other", "divided by 32,768", "is almost"), strict=True):
        assert text in found.found
