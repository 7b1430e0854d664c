"""Three ways to name a system, and what a wrong name answers."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UserError
from harness.interface.names import registered
from harness.interface.system import SystemInfo
from harness.interface.systems import build_system, load_system

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


def test_registered_systems_are_there() -> None:
    assert {"linear", "random"} <= set(registered())


def test_module_and_factory(participant: Path) -> None:
    system = load_system("participant_module:Mine", device="cpu")
    assert system.info == SystemInfo("mine", 16000)
    assert system.device == "cpu"
    assert build_system("participant_module:Mine", device="cpu").device == "cpu"
    assert build_system("participant_module:Free").device == "own"
    assert system.embed_text(["a"]).dtype == np.float32


def test_a_card(participant: Path) -> None:
    (participant / "mine.yaml").write_text("factory: participant_module:from_card\nname: mine\nfactor: 3\n")
    system = load_system("mine.yaml", precision="bf16")
    assert system.card["factor"] == 3
    assert system.precision == "bf16"
    assert (system.folder / "mine.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("liner", "unknown system 'liner'; did you mean 'linear'"),
        ("zzz", "unknown system 'zzz'; known are "),
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
def test_wrong_cards(participant: Path, text: str, message: str) -> None:
    (participant / "card.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_system(f".{os.sep}card.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_precision_that_is_not_taken_is_one_line(participant: Path) -> None:
    with pytest.raises(UserError, match="participant_module:Mine computes in one precision only; leave --precision"):
        load_system("participant_module:Mine", precision="bf16")
