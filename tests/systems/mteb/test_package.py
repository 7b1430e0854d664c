"""What can be told without MTEB."""

import importlib
import sys
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.interface.systems import load_system
from systems.mteb.package import datasets_of, tasks_of, torchaudio_spared

CARD = "factory: systems.mteb:from_card\nname: theirs\nmodel: {model}\nsample_rate: 8000\n"


def test_without_mteb_a_card_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    (tmp_path / "theirs.yaml").write_text(CARD.format(model="a/b"))
    with pytest.raises(UserError, match=r"MTEB cannot be used: .*; install the extra: pip install 'lbar\[mteb\]'"):
        load_system(str(tmp_path / "theirs.yaml"))


def test_a_card_needs_a_rate(tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text(CARD.format(model="a/b").replace("sample_rate: 8000\n", ""))
    with pytest.raises(UserError, match="card 'theirs' does not fit: sample_rate: Field required"):
        load_system(str(tmp_path / "theirs.yaml"))


def test_training_data_are_translated_there_and_back() -> None:
    assert datasets_of(tasks_of(["clotho", "audiocaps", "everyday"])) == ("audiocaps", "clotho")
    assert datasets_of({"FSD50K"}) == ("FSD50K",)


def test_torchaudio_is_stood_in_for_only_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with torchaudio_spared(8_000):
        assert importlib.util.find_spec("torchaudio") is not None
        stand_in = importlib.import_module("torchaudio")
        with pytest.raises(
            UserError, match="wants 48,000 Hz and the card says 8,000; write `sample_rate: 48000` there"
        ):
            stand_in.transforms.Resample(orig_freq=8_000, new_freq=48_000)
    with pytest.raises(ImportError):
        importlib.import_module("torchaudio")
