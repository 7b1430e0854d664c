from pathlib import Path

import pytest

from harness.errors import UserError
from harness.interface.names import registered
from systems.training.graph import TABLES, cards_of

PROTOCOLS = {"clotho": "clotho-dcase2024", "audiocaps": "audiocaps", "everyday": "everyday"}


@pytest.mark.parametrize(("table", "dataset"), [(t, d) for t, parts in TABLES.items() for d in parts])
def test_every_table_is_there_in_an_order_that_can_be_trained(table: str, dataset: str) -> None:
    cards = cards_of([table], PROTOCOLS[dataset])
    assert set(cards) == set(TABLES[table][dataset]) <= set(registered())
    starts = [card for card in cards if "-stage1-" in card or card.endswith("-pretrained")]
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
    known = "clotho-dcase2024 or audiocaps or everyday"
    for protocol in (None, "folder"):
        with pytest.raises(UserError, match=f"is of clotho, audiocaps, everyday; say which by --protocol {known}"):
            cards_of(["table1"], protocol)


def test_a_table_of_one_part_needs_no_protocol() -> None:
    assert cards_of(["table2"]) == cards_of(["table2"], "clotho-dcase2024")
    with pytest.raises(UserError, match="table2 has no part of everyday; it is of clotho"):
        cards_of(["table2"], "everyday")


def test_every_protocol_of_a_data_set_names_its_part() -> None:
    assert cards_of(["table1"], "clotho-a2t") == cards_of(["table1"], "clotho-dcase2024")
    with pytest.raises(UserError, match="unknown protocol 'clotho-dcase24'; did you mean 'clotho-dcase2024'"):
        cards_of(["table1"], "clotho-dcase24")


def test_the_data_sets_name_goes_on_working_with_a_warning() -> None:
    said: list[str] = []
    assert cards_of(["table1"], "clotho", said.append) == cards_of(["table1"], "clotho-dcase2024")
    assert said == ["--protocol clotho is no protocol and will be refused in a later version; say clotho-dcase2024"]


def test_an_ancestor_is_one_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, training in (("first", "{}"), ("middle", "{start: ../first/card.yaml}"), ("last", "{teachers: [M]}")):
        Path(name).mkdir()
        training = training.replace("M", str(tmp_path / "middle" / "card.yaml"))
        Path(name, "card.yaml").write_text(f"factory: m:f\nname: {name}\ntraining: {training}\n")
    # The one in between is trained already, and not named here.
    assert cards_of(["last/card.yaml", "./first/card.yaml"]) == ["./first/card.yaml", "last/card.yaml"]
