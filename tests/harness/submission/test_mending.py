"""`--fix`: what can only be meant one way is mended in a copy; all else, and the original, stay as they are."""

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UserError
from harness.submission.editions.profiles import get_profile
from harness.submission.mending import Mended, mend
from harness.submission.validation import validate

EDITION = get_profile("dcase2024")
LABEL = "Muestermann_ABC_task8_1"
OUTPUT, META = f"task8/{LABEL}/{LABEL}.output.csv", f"task8/{LABEL}/{LABEL}.meta.yaml"


@pytest.fixture
def mended(world: Any, tmp_path: Path) -> Callable[[str, bytes], Mended]:
    def at(name: str, content: bytes) -> Mended:
        path = tmp_path / name
        path.write_bytes(content)
        result = mend(path, EDITION, world.expected, None)
        assert path.read_bytes() == content
        return result

    return at


def sound(world: Any) -> bytes:
    content: bytes = world.files("dcase2024")[OUTPUT]
    return content


SPOILT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "byte order mark": (lambda content: b"\xef\xbb\xbf" + content, "byte order mark"),
    "line ends": (lambda content: content.replace(b"\n", b"\r\n"), "line ends"),
    "columns of 2022": (lambda content: content.replace(b"fname_", b"file_name_"), "column name"),
    "columns of nobody": (lambda content: content.replace(b"caption,fname_", b"query,best "), "column name"),
    "leading blank": (lambda content: content.replace(b" typical", b"typical"), "name"),
    "blank before .wav": (lambda content: content.replace(b"Radio .wav", b"Radio.wav"), "name"),
    "entity": (lambda content: content.replace(b"&#39;", b"'"), "name"),
    "path": (lambda content: content.replace(b",rain.wav", b",/data/audio/rain.wav"), "name"),
    "windows path": (lambda content: content.replace(b",rain.wav", b",audio\\rain.wav"), "name"),
    "colon": (lambda content: content.replace(b"Wet_Metro", b"Wet:Metro"), "name"),
    "stripped captions": (lambda content: content.replace(b"tuned ,", b"tuned,"), "caption"),
    "lower-cased captions": (lambda content: content.replace(b"An owl hoots", b"an owl hoots"), "caption"),
    "order": (
        lambda content: b"".join((lines := content.splitlines(keepends=True))[:1] + sorted(lines[1:])),
        "order of rows",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_an_output_is_as_it_was(world: Any, mended: Callable[[str, bytes], Mended], case: str) -> None:
    spoil, what = SPOILT[case]
    content = sound(world)
    assert spoil(content) != content
    result = mended("x.output.csv", spoil(content))
    assert result.path is not None
    assert result.path.name == "x.output.fixed.csv"
    assert result.path.read_bytes() == content
    assert {repair.what for repair in result.repairs.kept} == {what}


def test_all_at_once(world: Any, mended: Callable[[str, bytes], Mended]) -> None:
    content = sound(world)
    spoilt = content
    for case in ("columns of 2022", "entity", "leading blank", "stripped captions", "line ends", "byte order mark"):
        spoilt = SPOILT[case][0](spoilt)
    result = mended("x.output.csv", spoilt)
    assert result.path is not None
    assert result.path.read_bytes() == content
    assert validate(result.path, EDITION, world.expected).findings.kept == []


def test_a_sound_output_is_not_copied(world: Any, mended: Callable[[str, bytes], Mended], tmp_path: Path) -> None:
    result = mended("x.output.csv", sound(world))
    assert (result.path, len(result.repairs)) == (None, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.output.csv"]


def test_a_name_that_may_mean_two_clips_is_left(world: Any, mended: Callable[[str, bytes], Mended]) -> None:
    """`RAIN  TWICE.wav` is near one name, `Rain.wav` in a row that has `rain.wav` already would be there twice."""
    rows = list(csv.reader(io.StringIO(sound(world).decode(), newline="")))
    row = next(row for row in rows[1:] if "rain.wav" in row)
    place = next(place for place in range(1, len(row)) if row[place] != "rain.wav")
    row[place] = "RAIN.wav"
    result = mended("x.output.csv", world.csv(rows))
    assert (result.path, len(result.repairs)) == (None, 0)


def test_what_cannot_be_read_is_left(mended: Callable[[str, bytes], Mended]) -> None:
    assert mended("x.csv", b"caption,fname_1\n\xe9,a.wav\r\n").path is None
    assert mended("y.csv", b'\xef\xbb\xbfcaption,fname_1\n"a,b.wav\n').path is None
    assert mended("x.yaml", b"a: [\n\tb").path is None


def test_a_copy_is_not_overwritten(world: Any, mended: Callable[[str, bytes], Mended]) -> None:
    spoilt = SPOILT["line ends"][0](sound(world))
    assert mended("x.csv", spoilt).path is not None
    with pytest.raises(UserError, match=r"x.fixed.csv is there already and stays as it is; move it away"):
        mended("x.csv", spoilt)


def test_a_matrix(world: Any, tmp_path: Path) -> None:
    edition = get_profile("dcase2025")
    content = world.csv(world.rows(edition))
    spoilt = b"\xef\xbb\xbf" + content.replace(b"&#39;", b"'").replace(b"tuned ,", b"tuned,").replace(b"\n", b"\r\n")
    (tmp_path / "x.csv").write_bytes(spoilt)
    result = mend(tmp_path / "x.csv", edition, world.expected, None)
    assert result.path is not None
    assert result.path.read_bytes() == content


@pytest.mark.parametrize("corner", [b"", b"caption"])
def test_the_first_column_of_a_matrix_as_pandas_calls_it(world: Any, tmp_path: Path, corner: bytes) -> None:
    edition = get_profile("dcase2025")
    content = world.csv(world.rows(edition))
    (tmp_path / "x.csv").write_bytes(corner + content.removeprefix(b"index"))
    result = mend(tmp_path / "x.csv", edition, world.expected, None)
    assert result.path is not None
    assert result.path.read_bytes() == content


def test_the_folder_one_is_in(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = world.files("dcase2024")
    files[OUTPUT] = SPOILT["line ends"][0](files[OUTPUT])
    for name, content in files.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(content)
    monkeypatch.chdir(tmp_path / "mine")
    assert mend(Path(), EDITION, world.expected, None).path == tmp_path / "mine.fixed"


META_SPOILT = {
    "tab before a comment": (b"!!null   # none", b"!!null\t\t# none"),
    "tab as indentation": (b"    R@1:", b"\tR@1:"),
    "text after null": (
        b"text_augmentation: !!null   # none",
        b'text_augmentation: !!null, back-translation "x" # none',
    ),
    "comma at null": (b"department: null,", b"department: !!null,"),
    "institution": (b"institute: Institute of A", b"institution: Institute of A"),
    "line ends": (b"\n", b"\r\n"),
}


@pytest.mark.parametrize("case", META_SPOILT)
def test_a_meta_file_can_be_read_and_says_the_same(
    world: Any, mended: Callable[[str, bytes], Mended], case: str
) -> None:
    content = world.files("dcase2024")[META]
    old, new = META_SPOILT[case]
    assert old in content
    result = mended(f"{LABEL}.meta.yaml", content.replace(old, new))
    assert result.path is not None
    found, before = yaml.safe_load(result.path.read_text()), yaml.safe_load(content)
    if case == "text after null":
        assert found["system"]["description"].pop("text_augmentation") == 'back-translation "x"'
        before["system"]["description"].pop("text_augmentation")
    assert found == before
    assert validate(result.path, EDITION).findings.kept == []


def test_a_package(world: Any) -> None:
    files = world.files("dcase2024", 2)
    files[OUTPUT] = SPOILT["entity"][0](files[OUTPUT])
    files[META] = files[META].replace(b"!!null   #", b"!!null\t#")
    spoilt = {f"Muestermann_ABC/{name}": content for name, content in files.items()}
    spoilt |= {"__MACOSX/._x": b"x", "Muestermann_ABC/task8/.DS_Store": b"x", "../evil": b"x"}
    path = world.zip(spoilt)
    before = path.read_bytes()
    target = path.with_name("Muestermann_ABC.fixed.zip")
    target.unlink(missing_ok=True)
    result = mend(path, EDITION, world.expected, None)
    assert result.path == target
    assert path.read_bytes() == before
    with zipfile.ZipFile(target) as packed:
        assert sorted(packed.namelist()) == sorted(files)
        assert packed.read(OUTPUT) == world.files("dcase2024")[OUTPUT]
    assert validate(target, EDITION, world.expected).findings.kept == []
    target.unlink()


def test_a_folder(world: Any, tmp_path: Path) -> None:
    files = world.files("dcase2024")
    files[OUTPUT] = SPOILT["line ends"][0](files[OUTPUT])
    for name, content in files.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(content)
    result = mend(tmp_path / "mine", EDITION, world.expected, None)
    assert result.path == tmp_path / "mine.fixed"
    assert validate(result.path, EDITION, world.expected).findings.kept == []
    assert (tmp_path / "mine" / OUTPUT).read_bytes() == files[OUTPUT]


def test_without_the_clips_only_the_form_is_mended(world: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(SPOILT["entity"][0](SPOILT["line ends"][0](sound(world))))
    result = mend(tmp_path / "x.csv", EDITION, None, None)
    assert {repair.what for repair in result.repairs.kept} == {"line ends"}


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(
            st.integers(1, 8),
            st.integers(0, 10),
            st.sampled_from([str.strip, str.lower, str.upper, lambda text: "a/" + text, lambda text: text + "?"]),
        ),
        max_size=6,
    )
)
def test_mending_only_makes_it_better_and_twice_is_once(
    world: Any, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, Callable[[str], str]]]
) -> None:
    folder = tmp_path_factory.mktemp("mend")
    rows = world.rows(EDITION)
    for row, column, change in changes:
        rows[row][column] = change(rows[row][column])
    (folder / "x.csv").write_bytes(world.csv(rows))
    before = validate(folder / "x.csv", EDITION, world.expected).errors
    result = mend(folder / "x.csv", EDITION, world.expected, None)
    if result.path is None:
        return
    assert validate(result.path, EDITION, world.expected).errors < before
    assert mend(result.path, EDITION, world.expected, None).path is None
