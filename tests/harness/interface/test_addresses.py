"""Addresses that cards and registered models of earlier versions hold."""

import sys
from importlib import import_module

import pytest

from harness.interface.addresses import MOVED, keep_earlier_addresses
from harness.interface.systems import import_named


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


def test_keeping_them_twice_changes_nothing() -> None:
    before = list(sys.meta_path)
    keep_earlier_addresses()
    assert sys.meta_path == before
