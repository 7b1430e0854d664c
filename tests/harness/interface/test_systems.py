"""From a name to a system: what it needs, building it, and what a wrong name answers."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.cli.systems import as_document, as_row
from harness.errors import UserError
from harness.interface.system import SystemInfo
from harness.interface.systems import build_system, listings, load_system, look_at

SYSTEM = """
import numpy as np
from harness.interface.system import SystemInfo

class Mine:
    def __init__(self, device="none", factor=1):
        self.info = SystemInfo("mine", 16000)
        self.device = device
    def embed_audio(self, clips):
        return np.ones((len(clips), 4), np.float32)
    def embed_text(self, captions):
        return np.ones((len(captions), 4), np.float32)

def from_card(card, folder, *, device, precision):
    system = Mine(device)
    system.card, system.folder, system.precision = card, folder, precision
    return system

class Broken:
    def __init__(self):
        raise RuntimeError("no weights")

class Free(Mine):
    def __init__(self):
        super().__init__()

not_a_factory = 3
"""


@pytest.fixture
def participant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a participant's module, as the working directory."""
    (tmp_path / "participant_module.py").write_text(SYSTEM)
    (tmp_path / "unreadable_module.py").write_text("def (")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield tmp_path
    sys.modules.pop("participant_module", None)


def test_module_and_factory(participant: Path) -> None:
    system = load_system("participant_module:Mine", device="cpu")
    assert system.info == SystemInfo("mine", 16000)
    assert system.device == "cpu"
    assert build_system("participant_module:Mine", device="cpu").device == "cpu"
    assert build_system("participant_module:Free").device == "own"
    assert system.embed_text(["a"]).dtype == np.float32


def test_a_card(participant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LBAR_TRUST", "1")
    (participant / "mine.yaml").write_text("factory: participant_module:from_card\nname: mine\nfactor: 3\n")
    system = load_system("mine.yaml", precision="bf16")
    assert system.card["factor"] == 3
    assert system.precision == "bf16"
    assert (system.folder / "mine.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("liner", "unknown system 'liner'; did you mean 'linear'"),
        ("zzz", "unknown system 'zzz'; `lbar systems` lists"),
        ("nowhere.yaml", "there is no card nowhere.yaml"),
        ("participant_module:absent", "has no attribute 'absent'"),
        ("no_such_module:Mine", "No module named 'no_such_module'"),
        ("participant_module:not_a_factory", "not a function or a class"),
        ("participant_module:Broken", "participant_module:Broken could not be built: RuntimeError: no weights"),
        ("unreadable_module:Mine", "cannot be imported: SyntaxError"),
    ],
)
def test_wrong_names(participant: Path, name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_system(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("factory: [", "cannot be read"),
        ("- a list", "is no list of fields such as `factory:"),
        ("name: mine", "has no line `factory:"),
        ("factory: participant_module:absent", "cannot be imported"),
    ],
)
def test_wrong_cards(participant: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.setenv("LBAR_TRUST", "1")
    (participant / "card.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_system(f".{os.sep}card.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_precision_that_is_not_taken_is_one_line(participant: Path) -> None:
    with pytest.raises(UserError, match="participant_module:Mine computes in one precision only; leave --precision"):
        load_system("participant_module:Mine", precision="bf16")


CARD = """
factory: m:f
name: {name}
parameters: 1234567
about: a test
files: {files}
published:
  - source: a paper
    protocol: clotho-dcase2024
    measures: {{R@1: 20.5, mAP@10: 30.25}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def card(folder: Path, name: str, files: str = "{}", more: str = "") -> str:
    (folder / f"{name}.yaml").write_text(CARD.format(name=name, files=files) + more)
    return f"{name}.yaml"


def test_what_is_here_and_what_is_not(folder: Path) -> None:
    (folder / "here.bin").touch()
    files = "{a: {path: here.bin}, b: {path: gone.bin, urls: [http://x/gone.bin]}, c: {path: t, training_only: true}}"
    listing = look_at(card(folder, "mine", files))
    assert [needed.place for needed in listing.files] == [Path("here.bin"), None, None]
    assert [needed.file.path for needed in listing.missing] == ["gone.bin"]
    assert as_row(listing) == ("mine.yaml", "1.2 M", "mAP@10 30.25", "clotho-dcase2024", "to fetch", "a test")
    document = as_document(listing)
    assert document["files"][0]["how"] == ""  # type: ignore[index]
    assert "lbar systems fetch mine.yaml" in document["files"][1]["how"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ("{}", "here"),
        ("{a: {path: gone, page: http://x}}", "by hand"),
        ("{a: {path: gone, origin: nowhere yet}}", "to train"),
        ("{a: {path: gone, origin: nowhere yet}, b: {path: more, urls: [http://x/more]}}", "to train"),
    ],
)
def test_the_state_of_the_files(folder: Path, files: str, state: str) -> None:
    assert as_row(look_at(card(folder, "mine", files)))[4] == state


def test_members_bring_their_files(folder: Path) -> None:
    card(folder, "one", "{a: {path: shared.bin}}")
    card(folder, "two", "{a: {path: two.bin}}", "members: [one.yaml, random]\n")
    both = look_at(card(folder, "both", more="members: [one.yaml, two.yaml]\n"))
    assert [(needed.system, needed.file.path) for needed in both.files] == [
        ("one.yaml", "shared.bin"),
        ("two.yaml", "two.bin"),
    ]


def test_members_in_a_circle(folder: Path) -> None:
    card(folder, "one", more="members: [two.yaml]\n")
    listing = look_at(card(folder, "two", more="members: [one.yaml]\n"))
    assert "circle: two → one → two" in listing.problem
    assert as_row(listing)[4] == listing.problem


def test_members_of_one_name_are_no_circle(folder: Path) -> None:
    (folder / "sub").mkdir()
    card(folder / "sub", "one")
    card(folder, "one", more="members: [sub/one.yaml, random]\n")
    assert look_at("one.yaml").problem == ""


def test_a_broken_card_is_told_of_and_no_error(folder: Path) -> None:
    (folder / "bad.yaml").write_text("factory: [")
    assert "cannot be read" in look_at("bad.yaml").problem


def test_a_name_nobody_has() -> None:
    with pytest.raises(UserError, match="unknown system 'nobody'"):
        look_at("nobody")


def test_every_registered_card_is_sound() -> None:
    found = listings()
    assert [listing.problem for listing in found if listing.problem] == []
    assert {"random", "linear", "passt-m3-clotho", "tiny-passt"} <= {listing.name for listing in found}
    assert all(listing.card and listing.card.name == listing.name for listing in found)


def test_members_that_multiply_are_visited_once(folder: Path) -> None:
    (folder / "m0.yaml").write_text(CARD.format(name="m0", files="{w: {path: w.bin}}"))
    for n in range(1, 30):
        members = f"members: [m{n - 1}.yaml, m{n - 1}.yaml]"
        (folder / f"m{n}.yaml").write_text(f"factory: m:f\nname: m{n}\n{members}\n")
    assert [needed.file.path for needed in look_at("m29.yaml").files] == ["w.bin"]
