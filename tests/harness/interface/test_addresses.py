"""Addresses that cards and registered models of earlier versions hold."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from harness.interface.addresses import MOVED, keep_earlier_addresses
from harness.interface.systems import import_named, load_system
from systems.training.linear import train_linear
from systems.training.trainer import trainer_of


@pytest.mark.parametrize("earlier", MOVED)
def test_an_earlier_address_gives_todays_module(earlier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, earlier, raising=False)
    assert import_module(earlier) is import_module(MOVED[earlier])


def test_an_address_nobody_ever_had_is_none() -> None:
    for address in ("harness.nothing", "systems.dual_encoder_systems", "systems.training.recipes"):
        with pytest.raises(ModuleNotFoundError, match=address):
            import_module(address)


@pytest.mark.parametrize(
    ("earlier", "today"),
    [
        ("systems.dual_encoder_system:from_card", "systems.dual_encoder.system:from_card"),
        ("systems.linear:from_card", "systems.linear:from_card"),
        ("systems.training.recipe:train_linear", "systems.training.linear:train_linear"),
        ("systems.training.two_stage:train_dual_encoder", "systems.training.two_stage:train_dual_encoder"),
    ],
)
def test_what_earlier_cards_name_is_found(earlier: str, today: str) -> None:
    assert import_named(earlier, named_by="a card") is import_named(today, named_by="a card")


def test_an_earlier_card_gives_the_same_system(tmp_path: Path) -> None:
    drawn = "base: tiny-mn\nname: drawn\nrandom_weights: 1\n"
    (tmp_path / "today.yaml").write_text(drawn)
    (tmp_path / "earlier.yaml").write_text(f"{drawn}factory: systems.dual_encoder_system:from_card\n")
    today, earlier = (load_system(str(tmp_path / f"{name}.yaml"), device="cpu") for name in ("today", "earlier"))
    assert earlier.info.digest == today.info.digest
    assert type(earlier) is type(today)


def test_an_earlier_card_is_trained_as_today(tmp_path: Path) -> None:
    (tmp_path / "earlier.yaml").write_text("base: linear\ntrainer: systems.training.recipe:train_linear\n")
    assert trainer_of(str(tmp_path / "earlier.yaml")).func is train_linear  # type: ignore[attr-defined]


def test_what_registered_models_import_is_there() -> None:
    # The imports of the model's code, as the version before stored it.
    from harness.guards import guarded_score  # noqa: F401
    from harness.ranking import top_k  # noqa: F401
    from harness.registry import build_system  # noqa: F401
    from harness.scoring import score_tiles  # noqa: F401


def test_keeping_them_twice_changes_nothing() -> None:
    before = list(sys.meta_path)
    keep_earlier_addresses()
    assert sys.meta_path == before
