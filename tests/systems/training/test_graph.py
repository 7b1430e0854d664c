from pathlib import Path

import pytest

from harness.errors import UserError
from harness.interface.names import registered
from systems.training.graph import TABLES, cards_of


@pytest.mark.parametrize(("table", "dataset"), [(t, d) for t, parts in TABLES.items() for d in parts])
def test_every_table_is_there_in_an_order_that_can_be_trained(table: str, dataset: str) -> None:
    cards = cards_of([table], dataset)
    assert set(cards) == set(TABLES[table][dataset]) <= set(registered())
    starts = [card for card in cards if "-stage1-" in card or card in ("tiny-passt", "tiny-atst", "tiny-mn")]
    assert starts == cards[:3]


def test_whatever_the_order_they_are_named_in() -> None:
    assert cards_of(["passt-m1-clotho", "passt-stage1-clotho", "passt-m1-clotho"]) == [
        "passt-stage1-clotho",
        "passt-m1-clotho",
    ]
    assert cards_of(["passt-m1-clotho"]) == ["passt-m1-clotho"]


def test_a_circle_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for one, other in (("a", "b"), ("b", "a")):
        Path(f"{one}.yaml").write_text(f"factory: m:f\nname: {one}\ntraining: {{start: {other}.yaml}}\n")
    with pytest.raises(UserError, match=r"in a circle: b\.yaml → a\.yaml → b\.yaml"):
        cards_of(["a.yaml", "b.yaml"])


def test_which_part_of_a_table() -> None:
    with pytest.raises(UserError, match="table1 is of clotho, audiocaps, everyday; say which by --protocol clotho"):
        cards_of(["table1"])


def test_an_ancestor_is_one_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, training in (("first", "{}"), ("middle", "{start: ../first/card.yaml}"), ("last", "{teachers: [M]}")):
        Path(name).mkdir()
        training = training.replace("M", str(tmp_path / "middle" / "card.yaml"))
        Path(name, "card.yaml").write_text(f"factory: m:f\nname: {name}\ntraining: {training}\n")
    # The one in between is trained already, and not named here.
    assert cards_of(["last/card.yaml", "./first/card.yaml"]) == ["./first/card.yaml", "last/card.yaml"]
