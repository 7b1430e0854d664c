"""The bundled recordings: what a tagger confirms, nothing else, with their licences."""

import csv
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from harness.datasets.everyday.sources import FOLDER, samples, sources
from harness.datasets.everyday.vocabulary import LABELS

TOOL = Path(__file__).parents[4] / "tools" / "select_everyday_sources.py"

# AudioSet's name for what the label says, where it is another word.
HEARD_AS = {
    "blackbird": "Bird vocalization, bird call, bird song",
    "lark": "Bird vocalization, bird call, bird song",
    "cow": "Cattle, bovinae",
    "frogs": "Frog",
    "grasshopper": "Insect",
    "heartbeat": "Heart sounds, heartbeat",
    "horse": "Neigh, whinny",
    "maracas": "Maraca",
    "train whistle": "Steam whistle",
    "tuba": "Brass instrument",
    "water": "Stream",
}

WEAK = [
    "rooster",
    "seagull",
    "cuckoo",
    "dolphin",
    "whale",
    "bear",
    "camel",
    "tiger",
    "elephant",
    "donkey",
    "chimpanzee",
    "deer",
    "saw",
    "fireworks",
    "castanets",
    "coins",
    "door",
    "horn",
    "tambourine",
    "triangle",
    "bongos",
]


def rows() -> list[dict[str, str]]:
    with (FOLDER / "sources.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def manifest(shared: Path) -> dict[str, dict[str, str]]:
    with (shared / "data" / "everyday_sounds" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return {row["file_name"]: row for row in csv.DictReader(file)}


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("select_everyday_sources", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_folder_holds_the_listed_recordings_and_their_licences() -> None:
    texts = {"sources.csv", "LICENCES.md", "GPL-2.0.txt", "GPL-3.0.txt"}
    assert {path.name for path in FOLDER.iterdir()} == {row["file_name"] for row in rows()} | texts


def test_recordings_are_small_mono_and_short() -> None:
    for row in rows():
        info = soundfile.info(str(FOLDER / row["file_name"]))
        assert (info.channels, info.samplerate, info.subtype, info.format) == (1, 32_000, "PCM_16", "FLAC")
        assert 0.3 <= info.duration <= 6.0
    assert sum(path.stat().st_size for path in FOLDER.glob("*.flac")) < 8_000_000


def test_every_recording_is_listed_with_licence_author_and_source() -> None:
    text = (FOLDER / "LICENCES.md").read_text(encoding="utf-8")
    sections = {part.split("\n", 1)[0]: part for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}
    for row in rows():
        assert f"| {row['file_name']} | {row['author']} | {row['source']} | " in sections[row["licence"]]
        assert row["author"]
        assert row["source"].startswith("debian ")


def test_vocabulary_and_recordings_name_the_same_labels() -> None:
    assert set(sources()) == set(LABELS)
    for label, recordings in sources().items():
        assert {recording.kind for recording in recordings} == {"background" if LABELS[label].background else "event"}


def test_samples_cannot_be_changed_by_mistake() -> None:
    with pytest.raises(ValueError, match="read-only"):
        samples(rows()[0]["file_name"])[0] = 1


@pytest.mark.shared
def test_rows_say_what_the_manifest_says(shared: Path) -> None:
    known = manifest(shared)
    for row in rows():
        entry = known[row["original"]]
        assert row["original_sha256"] == entry["sha256"]
        assert (row["licence"], row["author"], row["source_url"]) == (
            entry["licence"],
            entry["author"],
            entry["source_url"],
        )
        assert row["source"] == f"{entry['source']}: {entry['source_path']}"
        assert row["tagger"] == entry["mn04_top3"]


@pytest.mark.shared
def test_a_tagger_hears_every_label(shared: Path) -> None:
    known = manifest(shared)
    for row in rows():
        tags = [re.fullmatch(r"(.*):([\d.]+)", part) for part in known[row["original"]]["mn04_top3"].split(" | ")]
        heard = [tag[1] for tag in tags if tag is not None and float(tag[2]) >= 0.2]
        name = HEARD_AS.get(row["label"], row["label"])
        assert any(name.casefold() in tag.casefold() for tag in heard), (row["label"], heard)


@pytest.mark.shared
def test_recordings_with_a_doubtful_label_are_left_out(shared: Path) -> None:
    labels = {entry["label"] for entry in manifest(shared).values()}
    assert labels.issuperset(WEAK)
    assert not {row["original_label"] for row in rows()}.intersection(WEAK)


@pytest.mark.shared
def test_recordings_are_the_originals_over_the_kept_part(shared: Path) -> None:
    for row in rows():
        original, rate = soundfile.read(shared / "data" / "everyday_sounds" / "audio" / row["original"])
        kept = re.search(r"cut to (\d+)-(\d+) ms", row["changes"])
        assert kept is not None
        start, end = (int(bound) * rate // 1000 for bound in kept.groups())
        expected = np.clip(original[start:end] * 32767, -32768, 32767)
        assert np.max(np.abs(samples(row["file_name"]) - expected)) <= 1.0, row["file_name"]


@pytest.mark.shared
def test_the_selection_can_be_made_again(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["select", str(shared / "data" / "everyday_sounds"), str(tmp_path)])
    tool().main()
    for name in ("sources.csv", "LICENCES.md"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
    for row in rows():
        again = soundfile.read(tmp_path / row["file_name"], dtype="int16")[0]
        np.testing.assert_array_equal(again, samples(row["file_name"]))
