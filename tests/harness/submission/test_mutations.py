"""A sound package that something happened to: the validator finds it, or it does no harm; it never raises.

Harmless is decided here without the validator: the package says the same as before to whoever reads it by the book.
"""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EDITIONS = ("dcase2022", "dcase2023", "dcase2024", "dcase2025")
Files = dict[str, bytes]

RELAXED = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


CHANGES: list[Callable[[str], str]] = [
    str.strip,
    str.upper,
    str.lower,
    lambda text: "audio/" + text,
    lambda text: text + "x",
    lambda _: "",
    lambda text: text.replace("&#39;", "'"),
    lambda text: text.replace(" .wav", ".wav"),
    lambda _: "nan",
]


def said(files: Files) -> dict[str, Any]:
    """What a package says: the cells of its outputs, the values of its meta files, and its report."""
    found: dict[str, Any] = {}
    for name, content in files.items():
        try:
            if name.endswith(".csv"):
                text = content.decode("utf-8-sig")
                found[name] = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
            elif name.endswith(".yaml"):
                found[name] = yaml.safe_load(content.decode("utf-8-sig"))
            else:
                found[name] = content
        except Exception as error:
            found[name] = error
    return found


def outputs(files: Files) -> list[str]:
    return [name for name in files if name.endswith(".csv")]


def metas(files: Files) -> list[str]:
    return [name for name in files if name.endswith(".yaml")]


def lines_of(files: Files, name: str) -> list[bytes]:
    return files[name].splitlines(keepends=True)


def drop_file(draw: Any, files: Files) -> None:
    del files[draw(st.sampled_from(sorted(files)))]


def drop_line(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(outputs(files) + metas(files)))
    lines = lines_of(files, name)
    del lines[draw(st.integers(0, len(lines) - 1))]
    files[name] = b"".join(lines)


def duplicate_line(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(outputs(files) + metas(files)))
    lines = lines_of(files, name)
    lines.insert(draw(st.integers(0, len(lines))), lines[draw(st.integers(0, len(lines) - 1))])
    files[name] = b"".join(lines)


def swap_lines(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(outputs(files)))
    lines = lines_of(files, name)
    one, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    lines[one], lines[other] = lines[other], lines[one]
    files[name] = b"".join(lines)


def change_cell(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(outputs(files)))
    rows = list(csv.reader(io.StringIO(files[name].decode(), newline="")))
    row = rows[draw(st.integers(0, len(rows) - 1))]
    cell = draw(st.integers(0, len(row) - 1))
    change: Callable[[str], str] = draw(st.sampled_from(CHANGES))
    row[cell] = change(row[cell])
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator="\n").writerows(rows)
    files[name] = target.getvalue().encode()


def copy_cell(draw: Any, files: Files) -> None:
    """A clip twice in a row, or a score twice."""
    name = draw(st.sampled_from(outputs(files)))
    rows = list(csv.reader(io.StringIO(files[name].decode(), newline="")))
    row = rows[draw(st.integers(1, len(rows) - 1))]
    row[draw(st.integers(1, len(row) - 1))] = row[draw(st.integers(1, len(row) - 1))]
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator="\n").writerows(rows)
    files[name] = target.getvalue().encode()


def rename_file(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(sorted(files)))
    old, new = draw(
        st.sampled_from([("_1", "_2"), ("_1", "_5"), ("Muestermann", "Mustermann"), (".", "-"), ("task", "")])
    )
    content = files.pop(name)
    folder, _, base = name.rpartition("/")
    files[f"{folder}/{base.replace(old, new)}"] = content


def rename_folder(draw: Any, files: Files) -> None:
    part = draw(st.integers(0, 1))
    new = draw(st.sampled_from(["task9", "Muestermann_ABC_task8_9", "x"]))
    for name in sorted(files):
        parts = name.split("/")
        if part < len(parts) - 1:
            parts[part] = new
        files["/".join(parts)] = files.pop(name)


def reencode(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(outputs(files) + metas(files)))
    encoding = draw(st.sampled_from(["utf-16", "utf-8-sig", "latin-1", "utf-32"]))
    text = files[name].decode().replace("Zoë", "Zoe") if encoding == "latin-1" else files[name].decode()
    files[name] = text.encode(encoding)


def line_ends(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(outputs(files) + metas(files)))
    files[name] = files[name].replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r"])))


def truncate(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(sorted(files)))
    files[name] = files[name][: draw(st.integers(0, len(files[name]) - 1))]


def nest(draw: Any, files: Files) -> None:
    above = draw(st.sampled_from(["Muestermann_ABC/", "submission/final/", "task8/"]))
    for name in sorted(files):
        files[above + name] = files.pop(name)


def corrupt(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(sorted(files)))
    place = draw(st.integers(0, len(files[name]) - 1))
    files[name] = files[name][:place] + bytes([draw(st.integers(0, 255))]) + files[name][place + 1 :]


def add_junk(draw: Any, files: Files) -> None:
    name = draw(st.sampled_from(["__MACOSX/._x", "notes.txt", ".DS_Store", "../x", "a.csv"]))
    files[f"{draw(st.sampled_from(['', sorted(files)[0].rpartition('/')[0] + '/']))}{name}"] = b"x"


MUTATIONS = (
    drop_file, drop_line, duplicate_line, swap_lines, change_cell, copy_cell, rename_file, rename_folder, reencode,
    line_ends, truncate, nest, corrupt, add_junk,
)  # fmt: skip


def in_any_order(document: dict[str, Any]) -> dict[str, Any]:
    """Outputs with their rows sorted: the order of the rows below the header changes no score."""
    return {
        name: [rows[0], *sorted(rows[1:])] if isinstance(rows, list) and rows else rows
        for name, rows in document.items()
    }


def only_prose_differs(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether nothing differs but free text in meta files, numbers of scores, or bytes inside the report."""
    if before.keys() != after.keys():
        return False
    for name, old in before.items():
        new = after[name]
        if name.endswith(".csv"):
            if new != old and not same_but_scores(old, new):
                return False
        elif isinstance(old, bytes):
            if not (new.startswith(b"%PDF-") and b"%%EOF" in new):
                return False
        elif not isinstance(new, dict) or not alike(old, new):
            return False
    return True


def same_but_scores(old: Any, new: Any) -> bool:
    """Score matrices with the same captions and clips, and other finite numbers."""
    if isinstance(new, Exception) or old[0][0] != "index" or old[0] != new[0] or len(old) != len(new):
        return False
    return all(
        a[0] == b[0] and len(a) == len(b) and all(map(finite, b[1:])) for a, b in zip(old[1:], new[1:], strict=True)
    )


def finite(cell: str) -> bool:
    try:
        return float(cell) - float(cell) == 0 and "_" not in cell
    except ValueError:
        return False


def alike(old: Any, new: Any) -> bool:
    """Meta files that differ in texts a validator cannot know, or in optional parts."""
    one, other = old["submission"], new.get("submission")
    if not isinstance(other, dict) or other.get("label") != one["label"]:
        return False
    if not isinstance(other.get("authors"), list) or not other.get("name") or not other.get("abbreviation"):
        return False
    marked = [author for author in other["authors"] if isinstance(author, dict) and author.get("corresponding") is True]
    parameters = ((new.get("system") or {}).get("complexity") or {}).get("total_parameters")
    return len(marked) == 1 and isinstance(parameters, int) and len(str(other["abbreviation"])) <= 10


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
@RELAXED
@given(data=st.data())
def test_what_happens_to_a_package_is_found_or_harmless(world: Any, mutate: Callable[..., None], data: Any) -> None:
    edition = data.draw(st.sampled_from(EDITIONS))
    sound = world.files(edition, 2)
    files = dict(sound)
    mutate(data.draw, files)
    result = world.look(files, edition)
    if result.findings.counts:
        for block in result.to_text():
            assert isinstance(block, str)
        return
    before, after = said(sound), said(files)
    assert in_any_order(before) == in_any_order(after) or only_prose_differs(before, after)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("systems", [1, 4])
def test_a_sound_package_is_valid_without_a_word(world: Any, edition: str, systems: int) -> None:
    result = world.look(world.files(edition, systems), edition)
    assert [str(finding) for finding in result.findings.kept] == []
    assert len(result.scores) == systems


@RELAXED
@given(data=st.data())
def test_damaged_zips_are_findings(world: Any, data: Any) -> None:
    """Bytes of the zip itself are changed, cut or put in."""
    path = world.zip(world.files("dcase2024"))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["set", "cut", "insert"]))
        if how == "set":
            content[place] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del content[place : place + data.draw(st.integers(1, 200))]
        else:
            content[place:place] = data.draw(st.binary(min_size=1, max_size=50))
        if not content:
            break
    path.write_bytes(bytes(content))
    from harness.submission.editions.profiles import get_profile
    from harness.submission.validation import validate

    assert list(validate(path, get_profile("dcase2024"), world.expected).to_text())
