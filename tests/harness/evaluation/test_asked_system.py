"""What is recorded of a system is recalled without building it, and never for other weights, another card or code."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.evaluation import asked_system as module
from harness.evaluation.asked_system import AskedSystem
from harness.evaluation.options import Options
from harness.evaluation.scoring import recorded
from harness.evaluation.spreading.shards import Workers
from harness.interface import build_system, placed_files, read_card
from harness.interface.cards.card import common_part

CARD = "base: tiny-mn\nname: mine\nfiles: {weights: {path: mine.safetensors}}\n"
OPTIONS = Options(device="cpu")


@pytest.fixture(autouse=True)
def card(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card whose weights are a copy of `tiny-mn`'s, built once."""
    monkeypatch.chdir(tmp_path)
    fields, folder = read_card("tiny-mn")
    weights = placed_files("tiny-mn", common_part(fields), folder)["weights"].place
    assert weights is not None
    shutil.copyfile(weights, "mine.safetensors")
    Path("mine.yaml").write_text(CARD)
    assert not AskedSystem("mine.yaml", OPTIONS).recalled
    assert len(list((own_cache / "systems").iterdir())) == 1
    return tmp_path / "mine.yaml"


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_it_is_recalled_without_being_built(monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_system("mine.yaml", device="cpu")
    with monkeypatch.context() as patch:
        patch.setattr(Options, "build", None)
        asked = AskedSystem("mine.yaml", Options(device="auto"))
    assert asked.recalled
    assert asked.record == recorded(built.system)
    assert (asked.options.device, asked.options.precision) == ("cpu", "fp32")
    assert asked.built.system.info == built.system.info


def test_a_flipped_bit_of_the_weights_is_never_recalled() -> None:
    first = AskedSystem("mine.yaml", OPTIONS)
    weights = Path("mine.safetensors")
    for place in (-4, weights.stat().st_size // 2):
        flip(weights, place)
        other = AskedSystem("mine.yaml", OPTIONS)
        assert first.recalled
        assert not other.recalled
        assert other.record.digest == recorded(build_system("mine.yaml", device="cpu").system).digest
        assert other.record.digest != first.record.digest
        flip(weights, place)
    assert AskedSystem("mine.yaml", OPTIONS).record == first.record


def test_nor_is_anything_else_that_decides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not AskedSystem("mine.yaml", replace(OPTIONS, precision="bf16")).recalled
    assert not AskedSystem("mine.yaml", replace(OPTIONS, workers=Workers("local:1"))).recalled
    for code in ("harness_code", "package_code", "installed_packages"):
        with monkeypatch.context() as patch:
            patch.setattr(module, code, lambda *_: "another")
            assert not AskedSystem("mine.yaml", OPTIONS).recalled
    Path("mine.yaml").write_text(f"{CARD}about: edited\n")
    assert AskedSystem("mine.yaml", OPTIONS).record.card["about"] == "edited"  # type: ignore[index]
    Path("mine.safetensors").unlink()
    with pytest.raises(UserError, match=r"mine.yaml|mine lacks"):
        AskedSystem("mine.yaml", OPTIONS)


@pytest.mark.parametrize("damage", ["flipped", "no checksums", "older"])
def test_what_is_kept_and_damaged_is_made_again(damage: str, own_cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    (kept,) = (own_cache / "systems").glob("*/system.json")
    before = kept.read_bytes()
    if damage == "flipped":
        flip(kept, before.index(b'"digest":"') + 12)
    elif damage == "no checksums":
        (kept.parent / "checksums.xxh128").unlink()
    else:
        kept.write_text("{}")
        module.write_checksums(kept.parent, [kept.name])
    assert not AskedSystem("mine.yaml", OPTIONS).recalled
    assert caplog.messages == [f"{kept} is damaged; the system is built to write it anew"]
    assert kept.read_bytes() == before
    assert AskedSystem("mine.yaml", OPTIONS).recalled


def test_weights_that_change_while_they_are_read_are_not_kept(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(own_cache)
    build = Options.build

    def changing(options: Options, name: str) -> object:
        built = build(options, name)
        flip(Path("mine.safetensors"), -4)
        return built

    monkeypatch.setattr(Options, "build", changing)
    AskedSystem("mine.yaml", OPTIONS)
    assert not (own_cache / "systems").exists()


def test_what_more_than_files_decides_is_not_kept(own_cache: Path, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights, an audio encoder of somebody else, a system without a card or that does not say so."""
    Path("strange.py").write_text(
        "from systems.audio.encoders import mobilenet\nclass Mine(mobilenet.ENCODER):\n    encoder: str\n"
    )
    monkeypatch.syspath_prepend(card.parent)
    monkeypatch.setenv("LBAR_TRUST", "1")
    Path("drawn.yaml").write_text("base: tiny-mn\nname: drawn\nrandom_weights: 1\n")
    Path("strange.yaml").write_text(f"{CARD}audio: {{encoder: 'strange:Mine'}}\n")
    for name in ("drawn.yaml", "strange.yaml", "random", "linear", "systems.random:RandomSystem"):
        AskedSystem(name, OPTIONS)
    assert len(list((own_cache / "systems").iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_done_without(own_cache: Path) -> None:
    shutil.rmtree(own_cache)
    own_cache.write_text("no folder")
    assert AskedSystem("mine.yaml", OPTIONS).record.name == "mine"
