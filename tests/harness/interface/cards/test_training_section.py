"""A card's section `training:`: read once for everybody, and what a stranger's record may have instead."""

import pytest

from harness.errors import UserError
from harness.interface.cards.card import recorded_training_of, training_of
from harness.interface.cards.training_section import TrainingSection


def test_fields_of_one_kind_of_system_are_let_through() -> None:
    section = training_of({"training": {"data": ["clotho"], "start": "a", "epochs": 3}})
    assert (section.data, section.validation, section.leaks) == (("clotho",), "", "exclude")
    assert section.model_extra == {"epochs": 3}
    assert training_of({}) == training_of({"training": None}) == TrainingSection()


def test_a_parent_that_is_also_a_teacher_is_one() -> None:
    assert TrainingSection(start="a", teachers=("b", "a")).parents == ("a", "b")
    assert TrainingSection(teachers=("b", "a")).with_parents(str.upper) == TrainingSection(teachers=("B", "A"))


def test_all_that_is_wrong_is_listed_with_what_was_found() -> None:
    with pytest.raises(UserError, match="card 'x' does not fit in 3 ways") as caught:
        training_of({"name": "x", "training": {"data": "clotho", "leaks": "maybe", "start": None}})
    assert caught.value.problems == (
        "training.data: Input should be a valid list, found 'clotho'",
        "training.leaks: Input should be 'exclude' or 'allow', found 'maybe'",
        "training.start: Input should be a valid string, found None",
    )


@pytest.mark.parametrize("card", [None, {}, {"training": "clotho"}, {"training": ["clotho"]}])
def test_a_record_without_a_section(card: dict[str, object] | None) -> None:
    assert recorded_training_of(card) is None


def test_of_a_record_what_fits_is_read() -> None:
    section = recorded_training_of({"training": {"leaks": "allow", "data": "clotho", "teachers": ["a", 3]}})
    assert section == TrainingSection(leaks="allow")
