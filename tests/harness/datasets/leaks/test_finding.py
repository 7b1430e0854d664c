import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from harness.audio.clip import Array
from harness.cli.app import build
from harness.datasets import RetrievalDataset
from harness.datasets.dataset import from_captions
from harness.datasets.known import load
from harness.datasets.leaks.finding import Item, LeakReport, evaluation_sets, find_leaks, leaks_of
from harness.datasets.leaks.learned import without_listed
from harness.errors import UserError

CLOTHO = {
    "development": {"Door.wav": "137692", "bus_1.wav": "5", "Sizzle .wav": "Not found", "Rain .wav": "263079"},
    "validation": {"bell.wav": "9"},
    "evaluation": {"A door.wav": "137692", "sizzle.wav": "Not found", "pug.wav": "Not found", "rain.wav": "327779"},
}
WAVCAPS = {
    "AudioSet_SL/as_final.json": ["Yr1nicOVtvkQ.wav", "Yabcdefghijk.wav"],
    "BBC_Sound_Effects/bbc_final.json": ["137692"],
    "FreeSound/fsd_final.json": ["137692", "263079"],
    "SoundBible/sb_final.json": ["327779"],
}


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


@pytest.fixture
def data_root(tmp_path: Path, own_cache: Path) -> Path:
    """Clotho with metadata, AudioCaps 1.0 and WavCaps, a few clips each and no audio."""
    root = tmp_path / "data"
    for split, clips in CLOTHO.items():
        captions = "".join(f"{name},it sounds\n" for name in clips)
        put(root / f"clotho/clotho_captions_{split}.csv", f"file_name,caption_1\n{captions}")
        rows = "".join(f"{name},{number}\n" for name, number in clips.items())
        put(root / f"clotho/clotho_metadata_{split}.csv", f"file_name,sound_id\n{rows}")
    for split, video in (("train", "abcdefghijk"), ("val", "klmnopqrstu"), ("test", "r1nicOVtvkQ")):
        header = "audiocap_id,youtube_id,start_time,caption\n"
        put(root / f"audiocaps/dataset/{split}.csv", f"{header}1,{video},30,it sounds\n")
    for file, ids in WAVCAPS.items():
        entries = [{"id": identifier, "caption": "it sounds"} for identifier in ids]
        put(root / "WavCaps/json_files" / file, json.dumps({"data": entries}))
    return root


def card(*data: str, **training: object) -> dict[str, object]:
    return {"name": "mine", "training": {"data": list(data), **training}}


def pairs(report: LeakReport) -> list[tuple[str, str, str]]:
    return [(leak.training.clip, leak.evaluation.clip, leak.how) for leak in report.leaks]


def test_clotho_by_id_and_where_there_is_none_by_title(data_root: Path) -> None:
    report = leaks_of(card("clotho"), data_root)
    # Both "rain" have ids, and different ones.
    assert pairs(report) == [("Door.wav", "A door.wav", "id"), ("Sizzle .wav", "sizzle.wav", "name")]
    assert report.leaks[0].training == Item("clotho", "development", "Door.wav")
    assert [str(leak) for leak in report.leaks] == [
        "clotho development 'Door.wav' is clotho evaluation 'A door.wav': same id (137692)",
        "clotho development 'Sizzle .wav' is clotho evaluation 'sizzle.wav': same name (sizzle)",
    ]
    assert report.summary() == "2 of 4 training clips are evaluation clips (1 by id, 1 by name)"


def test_numbers_of_bbc_and_soundbible_are_not_compared(data_root: Path) -> None:
    assert pairs(leaks_of(card("wavcaps"), data_root)) == [
        ("AudioSet_SL/Yr1nicOVtvkQ.flac", "Yr1nicOVtvkQ.wav", "id"),
        ("FreeSound/137692.flac", "A door.wav", "id"),
    ]


def test_splits_of_audiocaps_are_disjoint_here(data_root: Path) -> None:
    report = leaks_of(card("audiocaps"), data_root)
    assert report.leaks == ()
    assert report.summary() == "none of 1 training clips is known to be an evaluation clip"


def test_a_clip_is_counted_once_whatever_it_is_found_in(data_root: Path) -> None:
    put(data_root / "audiocaps/wavcaps_957_test.csv", "file_name,caption_1\nYr1nicOVtvkQ.wav,a\nYabcdefghijk.wav,b\n")
    report = leaks_of(card("wavcaps"), data_root)
    assert [str(leak.evaluation) for leak in report.leaks if leak.how == "id" and "Yr1" in leak.training.clip] == [
        "audiocaps test 'Yr1nicOVtvkQ.wav'",
        "audiocaps test-957 'Yr1nicOVtvkQ.wav'",
    ]
    assert report.summary() == "3 of 6 training clips are evaluation clips (3 by id)"


def test_a_part_of_another_evaluation_split_says_nothing_new(data_root: Path) -> None:
    put(data_root / "audiocaps/wavcaps_957_test.csv", "file_name,caption_1\nYr1nicOVtvkQ.wav,a\n")
    sets, absent = evaluation_sets(data_root, ())
    assert [(dataset.name, dataset.split) for dataset in sets] == [("clotho", "evaluation"), ("audiocaps", "test")]
    assert absent == []


def test_exclusion_lists_go_first(data_root: Path) -> None:
    put(data_root / "lists/dcase.csv", "sound_id\n137692\nNot found\n")
    put(data_root / "lists/ac.json", json.dumps({"AudioSet": ["Yr1nicOVtvkQ.wav"], "FreeSound": ["137692"]}))
    without_door = leaks_of(card("clotho", "wavcaps", exclude=["lists/dcase.csv"]), data_root)
    assert pairs(without_door) == [
        ("Sizzle .wav", "sizzle.wav", "name"),
        ("AudioSet_SL/Yr1nicOVtvkQ.flac", "Yr1nicOVtvkQ.wav", "id"),
    ]
    assert leaks_of(card("wavcaps", exclude=["lists/dcase.csv", "lists/ac.json"]), data_root).leaks == ()
    with pytest.raises(UserError, match="lists/absent.csv: cannot be read"):
        leaks_of(card("wavcaps", exclude=["lists/absent.csv"]), data_root)


def test_what_is_not_there_is_named(data_root: Path) -> None:
    (data_root / "audiocaps/dataset/test.csv").unlink()
    (data_root / "clotho/clotho_metadata_evaluation.csv").unlink()
    report = leaks_of(card("clotho", "folder"), data_root)
    begins = [line.split(":")[0] for line in report.unchecked]
    assert begins == [
        "folder all, from which mine learns",
        "audiocaps test, on which is evaluated",
        "audiocaps test-957, on which is evaluated",
        "the FreeSound ids of 1 of 4 clips of clotho development "
        f"(not in {data_root}/clotho/clotho_metadata_development.csv), but their names are",
        "the FreeSound ids of 4 of 4 clips of clotho evaluation "
        "(neither clotho_metadata_evaluation.csv nor evaluation_audio_metadata.csv is in "
        f"{data_root}/clotho), but their names are",
    ]
    assert pairs(report) == [("Sizzle .wav", "sizzle.wav", "name"), ("Rain .wav", "rain.wav", "name")]


def test_nothing_there_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing that mine learns from is in") as caught:
        leaks_of(card("clotho"), tmp_path)
    assert caught.value.problems[0].startswith("clotho development, from which mine learns: clotho_captions")


def test_a_folder_is_compared_with_clotho_by_title_and_number(data_root: Path) -> None:
    captions = "file_name,caption\nPUG.flac,a\n137692__user__x.wav,b\n327779.wav,c\nRain_.mp3,d\n7.wav,e\n"
    put(data_root / "captions.csv", captions)
    assert pairs(leaks_of(card("folder"), data_root)) == [
        ("PUG.flac", "pug.wav", "name"),
        ("137692__user__x.wav", "A door.wav", "id"),
        ("327779.wav", "rain.wav", "id"),
        ("Rain_.mp3", "rain.wav", "name"),
    ]


def test_an_evaluation_split_that_is_trained_on(data_root: Path) -> None:
    evaluation = load("clotho", "evaluation", data_root)
    report = find_leaks([evaluation], [evaluation])
    assert [leak.how for leak in report.leaks] == ["id", "name", "name", "id"]


def noise(seconds: float, seed: int) -> Array:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(16_000 * seconds))).astype(np.float32)


def write(files: Mapping[Path, Array], rate: int = 16_000) -> None:
    for path, samples in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate)


def test_by_audio(data_root: Path) -> None:
    clotho = data_root / "clotho"
    write({
        clotho / "development/Door.wav": noise(1, 1),
        clotho / "development/bus_1.wav": noise(1, 2),
        clotho / "development/Rain .wav": 0.2 * noise(6, 4)[20_011:],
        clotho / "evaluation/A door.wav": noise(1, 1),
        clotho / "evaluation/pug.wav": noise(1, 2),
        clotho / "evaluation/rain.wav": noise(6, 4),
    })  # fmt: skip
    put(clotho / "evaluation/sizzle.wav", "no audio")
    report = leaks_of(card("clotho"), data_root, audio=True)
    assert pairs(report) == [
        ("Door.wav", "A door.wav", "id"),
        ("bus_1.wav", "pug.wav", "audio"),
        ("Sizzle .wav", "sizzle.wav", "name"),
        ("Rain .wav", "rain.wav", "fingerprint"),
    ]
    assert str(report.leaks[3]).startswith(
        "clotho development 'Rain .wav' is clotho evaluation 'rain.wav': same acoustic fingerprint, share of bits"
    )
    assert [line for line in report.unchecked if "sound of" in line] == [
        "the sound of 1 of 4 clips of clotho development: no audio there",
        "the sound of 1 of 1 clips of audiocaps test: no audio there",
        f"the sound of clotho evaluation: {clotho}/evaluation/sizzle.wav cannot be read as audio (Format not "
        "recognised); copy or download it again",
    ]


def test_without_audio_on_one_side_nothing_is_decoded(data_root: Path, own_cache: Path) -> None:
    write({data_root / "clotho/development/Door.wav": noise(1, 1)})
    report = leaks_of(card("clotho"), data_root, audio=True)
    assert "the sound of 4 of 4 clips of clotho evaluation: no audio there" in report.unchecked
    assert not own_cache.exists()


def test_scenes_of_everyday_which_share_recordings_are_compared_by_samples(data_root: Path) -> None:
    sets = {}
    for split, seeds in (("development", (1, 2)), ("evaluation", (1, 3))):
        root = data_root / "everyday"
        names = [f"{split}_{number:04d}.wav" for number in range(2)]
        write(
            {root / split / name: noise(8, 9) + 0.05 * noise(8, seed) for name, seed in zip(names, seeds, strict=True)}
        )
        sets[split] = from_captions("everyday", split, root, {name: ["x"] for name in names}, (root / split).joinpath)
    report = find_leaks([sets["development"]], [sets["evaluation"]], sample_rate=16_000)
    assert pairs(report) == [("development_0000.wav", "evaluation_0000.wav", "audio")]


def test_everyday_is_evaluated_on_where_it_is_learned_from(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_small(name: str, split: str, root: Path, **_: object) -> RetrievalDataset:
        asked.append((name, split))
        return load("clotho", "validation", root)

    monkeypatch.setattr("harness.datasets.leaks.finding.load", load_small)
    monkeypatch.setattr("harness.datasets.leaks.learned.load", load_small)
    leaks_of(card("clotho"), data_root)
    assert "everyday" not in {name for name, _ in asked}
    evaluation_sets(data_root, ["everyday"])
    assert [split for name, split in asked if name == "everyday"] == ["evaluation"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("development", ["137692"]),
        ("validation", ["66304", "86161"]),
    ],
)
def test_real_clotho(shared: Path, split: str, expected: list[str]) -> None:
    learned, asked = (load("clotho", name, shared / "data") for name in (split, "evaluation"))
    report = find_leaks([learned], [asked])
    assert sorted(leak.evidence for leak in report.leaks) == expected
    assert {leak.how for leak in report.leaks} == {"id"}
    (rest,) = without_listed([learned], [shared / "data/dcase/dcase2025_task6_excluded_freesound_ids.csv"])
    assert find_leaks([rest], [asked]).leaks == ()


@pytest.mark.shared
def test_real_audiocaps_has_no_leak(shared: Path) -> None:
    report = leaks_of(card("audiocaps"), shared / "data")
    assert (report.leaks, report.clips) == ((), 49838)


def lbar(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_the_command(data_root: Path, tmp_path: Path) -> None:
    path = put(tmp_path / "mine.yaml", "factory: a.b:c\nname: mine\ntraining: {data: [clotho]}\n")
    code, out, errors = lbar("data", "leaks", path, "--data-root", data_root)
    assert code == 1
    assert out.splitlines()[0].endswith("is clotho evaluation 'A door.wav': same id (137692)")
    assert out.splitlines()[-1] == "2 of 4 training clips are evaluation clips (1 by id, 1 by name)"
    assert errors.startswith("not checked: audiocaps test-957, on which is evaluated: ")
    code, out, _ = lbar("data", "leaks", path, "--data-root", data_root, "--json")
    document = json.loads(out)
    assert (code, document["training_clips"], document["leaked_clips"]) == (1, 4, 2)
    assert document["leaks"][0] == {
        "training": {"dataset": "clotho", "split": "development", "clip": "Door.wav"},
        "evaluation": {"dataset": "clotho", "split": "evaluation", "clip": "A door.wav"},
        "how": "id",
        "evidence": "137692",
    }


def test_the_command_finds_nothing_or_says_what_to_mend(data_root: Path, tmp_path: Path) -> None:
    path = put(tmp_path / "mine.yaml", "factory: a.b:c\nname: mine\ntraining: {data: [audiocaps]}\n")
    code, out, _ = lbar("data", "leaks", path, "--data-root", data_root)
    assert (code, out) == (0, "none of 1 training clips is known to be an evaluation clip\n")
    code, out, errors = lbar("data", "leaks", path, "--data-root", tmp_path / "nowhere")
    assert (code, out) == (2, "")
    assert errors.startswith("lbar: nothing that mine learns from is in")
