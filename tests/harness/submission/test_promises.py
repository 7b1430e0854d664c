"""Where a finding says that `--fix` writes a copy that has it right, the copy has it right."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.interface.findings import Finding
from harness.submission.editions.profiles import get_profile
from harness.submission.findings import BY_FIX
from harness.submission.mending import mend
from harness.submission.output.expected import Expected
from harness.submission.validation import validate
from systems.text.captions import normalise

EDITION = get_profile("dcase2024")
Spoil = Callable[[list[list[str]]], object]


def look(folder: Path, content: bytes, expected: Expected | None, name: str = "x.csv") -> list[Finding]:
    """The findings of a file, after it was made sure that so many are gone from the copy as it was promised."""
    (folder / name).write_bytes(content)
    before = validate(folder / name, EDITION, expected).findings.kept
    mended = mend(folder / name, EDITION, expected, None).path
    after = validate(mended, EDITION, expected).findings.kept if mended else before
    if mended:
        mended.unlink()
    # Rows may have moved, so findings are counted.
    promised = Counter(one.check for one in before if BY_FIX in one.mend)
    found, left = (Counter(one.check for one in some) for some in (before, after))
    assert all(left[check] <= found[check] - count for check, count in promised.items())
    return before


def spelt(change: Callable[[str], str], columns: slice = slice(0, 1)) -> Spoil:
    def spoil(rows: list[list[str]]) -> None:
        for row in rows[1:]:
            row[columns] = [change(cell) for cell in row[columns]]

    return spoil


def twice(rows: list[list[str]]) -> None:
    rows[1][0] = rows[2][0].upper()


NAMES = slice(1, None)
# What is spoilt, and whether a copy is promised that has it right.
SPOILT: dict[str, tuple[Spoil, bool]] = {
    "normalised as our own systems do": (spelt(normalise), True),
    "capital letters": (spelt(str.upper), True),
    "letters composed otherwise": (spelt(lambda text: text.replace("e", "e\u200b")), True),
    "blanks for punctuation": (spelt(lambda text: "".join(one if one.isalnum() else " " for one in text)), True),
    "an entity": (spelt(lambda text: text.replace("'", "&#39;").replace("ing", "&#105;ng")), True),
    "an entity twice": (spelt(lambda text: text.replace("ing", "&amp;#105;ng")), True),
    "typographic quotes": (spelt(lambda text: text.replace("'", "\u2019") + "."), True),
    "another word": (spelt(lambda text: text.replace("roof", "root")), False),
    "a caption that another row has": (twice, False),
    "names in capital letters": (spelt(str.upper, NAMES), True),
    "names with other separators": (spelt(lambda name: name.replace(" ", "_"), NAMES), True),
    "a path": (spelt(lambda name: f"a/{name}", NAMES), True),
    "a path to no clip": (lambda rows: rows[1].__setitem__(1, "a/b.wav"), False),
    "a letter more": (lambda rows: rows[1].__setitem__(1, "raain.wav"), False),
    "header in capital letters": (lambda rows: rows[0].__setitem__(0, "Caption"), True),
    "header with blanks": (lambda rows: rows[0].__setitem__(slice(None), [f" {cell} " for cell in rows[0]]), True),
    "another header": (lambda rows: [rows[0].__setitem__(0, "text"), rows[0].append("x")], False),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_promise_is_made_where_it_is_kept(world: Any, tmp_path: Path, case: str) -> None:
    spoil, promised = SPOILT[case]
    rows = world.rows(EDITION)
    spoil(rows)
    assert rows != world.rows(EDITION)
    found = look(tmp_path, world.csv(rows), world.expected)
    assert found
    assert any(BY_FIX in one.mend for one in found) == promised


@pytest.mark.parametrize("separator", [";", "\t"], ids=["semicolons", "tabs"])
@pytest.mark.parametrize("header", ["caption", "Caption"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_other_separators(world: Any, tmp_path: Path, separator: str, header: str, quoting: Any) -> None:
    rows = world.rows(EDITION)
    sound = world.csv(rows)
    rows[0][0] = header
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator="\r\n").writerows(rows)
    content = b"\xef\xbb\xbf" + text.getvalue().encode()
    found = look(tmp_path, content, world.expected)
    wrong = next(one for one in found if one.check == "F004")
    named = {";": "semicolons", "\t": "tabs"}[separator]
    assert wrong.found.startswith(f"{named} between the cells of the header '{header},fname_1,fname_2")
    assert BY_FIX in wrong.mend
    result = mend(tmp_path / "x.csv", EDITION, world.expected, None)
    assert result.path is not None
    assert result.path.read_bytes() == sound
    repairs = [(one.what, one.before, one.after) for one in result.repairs.kept]
    assert repairs[:3] == [
        ("separator", separator, ","),
        ("byte order mark", "\ufeff", ""),
        ("line ends", "\r\n", "\n"),
    ]
    assert repairs[3:] == ([] if header == "caption" else [("column name", "Caption", "caption")])


def test_nothing_is_promised_of_what_cannot_be_read(world: Any, tmp_path: Path) -> None:
    spoilt = b"\xef\xbb\xbf" + world.csv(world.rows(EDITION)).replace(b"\n", b"\r\n") + b'"not closed\r\n'
    found = look(tmp_path, spoilt, world.expected)
    assert {"F002", "F003", "F006"} <= {one.check for one in found}
    assert [one for one in found if BY_FIX in one.mend] == []
    matrix = b"\xef\xbb\xbf" + world.csv(world.rows_of("dcase2025"))
    assert [(one.check, one.mend) for one in look(tmp_path, matrix, world.expected) if one.check == "F002"] == [
        ("F002", "save as UTF-8 without BOM")
    ]


@pytest.mark.parametrize("more", ["\n  x: [", "\n    institute: A"], ids=["no YAML", "both keys"])
def test_nothing_is_promised_of_a_meta_file_that_stays_as_it_is(world: Any, tmp_path: Path, more: str) -> None:
    content = (
        b"submission:\n  authors:\n  - affiliation:\n      institution: B" + more.replace("\n    ", "\n      ").encode()
    )
    found = look(tmp_path, content + b"\n", None, "x.yaml")
    assert [one for one in found if BY_FIX in one.mend] == []
    assert ("M003" in {one.check for one in found}) != ("M013" in {one.check for one in found})


def test_captions_that_read_the_same_without_punctuation_are_left(world: Any, tmp_path: Path) -> None:
    """Which row means which query, nobody can tell."""
    queries = ("Rain, again.", "Rain again", "Wind")
    expected = Expected("alike", queries, world.expected.clips)
    names = world.rows(EDITION)[1][1:]
    rows = [EDITION.header(), *([text, *names] for text in ("rain again", "rain again", "wind"))]
    found = look(tmp_path, world.csv(rows), expected)
    promised = [one for one in found if BY_FIX in one.mend]
    assert [(one.check, one.found) for one in promised] == [
        ("Q003", "'wind', which is not asked; did you mean 'Wind'?")
    ]


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 8),
            st.integers(0, 10),
            st.sampled_from([str.strip, str.lower, str.upper, normalise, lambda text: "a/" + text, lambda text: "x"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_promises_are_kept_whatever_else_is_wrong(
    world: Any, tmp_path: Path, changes: list[tuple[int, int, Callable[[str], str]]]
) -> None:
    rows = world.rows(EDITION)
    for row, column, change in changes:
        rows[row][column] = change(rows[row][column])
    look(tmp_path, world.csv(rows), world.expected)
