from collections import Counter

import pytest

from harness.errors import UserError
from harness.measures.measure import parse_measure
from harness.protocols.named import PROTOCOLS
from leaderboard.runs.published_results import FILE, Figure, published, published_for


def test_every_figure_has_a_source_and_a_protocol_of_ours() -> None:
    results = published()
    assert len(results) > 70
    for result in results:
        assert result.source, result
        assert result.confidence in ("primary", "secondary"), result
        assert result.measures, result
        assert result.protocol in PROTOCOLS, result
        for name, figure in result.measures.items():
            parse_measure(name)
            assert 0 < figure.value < 1, result
    assert max(Counter((result.protocol, result.system) for result in results).values()) == 1


def test_figures_are_those_of_the_paper() -> None:
    (result,) = published_for("clotho-dcase2024", "PaSST+RoBERTa-large stage 2 with estimates")
    assert result.measures["mAP@10"] == Figure(0.4014, 0.00005)
    assert result.measures["R@10"].value == 0.7039
    assert (result.parameters, result.year) == (442_400_000, 2024)


def test_recall_rises_with_the_cutoff() -> None:
    for result in published():
        recalls = [result.measures[name].value for name in ("R@1", "R@5", "R@10") if name in result.measures]
        assert recalls == sorted(recalls), result


@pytest.mark.parametrize(
    ("printed", "value", "rounding"), [("42", 0.42, 0.005), ("38.56", 0.3856, 5e-5), ("7", 0.07, 0.005)]
)
def test_a_figure_is_as_exact_as_it_was_printed(printed: str, value: float, rounding: float) -> None:
    figure = Figure.read(printed)
    assert (figure.value, figure.rounding) == (value, pytest.approx(rounding))


def test_what_is_not_known_is_one_line() -> None:
    with pytest.raises(
        UserError, match="no published result is known for protocol everyday; there are some for clotho"
    ):
        published_for("everyday")
    with pytest.raises(UserError, match="did you mean 'SRCN BEATs"):
        published_for("clotho-dcase2024", "SRCN BEATs")


def test_the_file_is_plain_text_that_diffs_well() -> None:
    content = FILE.read_bytes()
    assert content.endswith(b"\n")
    assert b"\r" not in content
