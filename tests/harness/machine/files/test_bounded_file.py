"""Whatever lies where a file of a person should be: its content or one error, soon and within bounds."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.datasets.csv_file import read_rows
from harness.datasets.readers.captions_csv import read_csv
from harness.errors import UserError
from harness.evaluation.hidden_set import read_queries
from harness.interface.cards.card import read_card
from harness.interface.cards.files import CardFile, place_of
from harness.machine.files.bounded_file import MOST_YAML_BYTES, open_file, read_bounded, read_json, read_yaml
from harness.runs import EvaluationRecord, find_runs, read_any_record
from harness.submission.editions.profiles import get_profile
from systems.training.grid import read_grid


def chained(link: str, first: str) -> str:
    """Forty anchors, each made of the one before several times."""
    return "\n".join([first, *(link.format(n, n - 1) for n in range(1, 40))])


BOMBS = {
    "billion laughs": chained("a{0}: &a{0} [*a{1}, *a{1}, *a{1}]", "a0: &a0 [x, x]"),
    "merges": chained("a{0}: &a{0} {{<<: [*a{1}, *a{1}], k{0}: v}}", "a0: &a0 {k: v}"),
    "holds itself": "name: &n {a: *n}",
    "deep": "[" * 60_000,
    "deep mapping": "".join(" " * n + "a:\n" for n in range(300)),
    "many digits": "parameters: " + "9" * 5_000,
    "many hexadecimal digits": "parameters: 0x" + "f" * 60_000,
    "sexagesimal": "a: " + "1:" * 20_000 + "1",
    "no such day": "a: 2024-99-99",
    "bytes": "a: !!binary aGVsbG8=",
    "a set": "a: !!set {b, c}",
    "code": "a: !!python/object/apply:os.system [true]",
    "a key that is no text": "1: a",
    "a key that is nothing": "0: a",
    "a zero byte": 'base: "a\\0b.yaml"',
    "half a character": 'base: "\\ud800.yaml"',
    "a key that is a list": "? [a]\n: b",
    "large": "a" * (MOST_YAML_BYTES + 1),
    "not UTF-8": "\udcff",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_yaml_that_is_made_to_do_harm(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.yaml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    with pytest.raises((OSError, ValueError), match="."):
        read_yaml(path)
    assert time.process_time() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    for read in (read_card, get_profile, lambda name: read_grid(Path(name))):
        with pytest.raises(UserError) as caught:
            read(str(path))
        assert "card.yaml cannot be read: " in str(caught.value)
        assert len(str(caught.value)) < 1_000
        assert "\n" not in str(caught.value)


def test_yaml_as_people_write_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: &a {b: [1, 2.5, yes, ~, x]}\nc: {<<: *a, d: 2024-02-29}\n")
    once = {"b": [1, 2.5, True, None, "x"]}
    assert read_yaml(path) == {"a": once, "c": once | {"d": "2024-02-29"}}
    path.write_text("")
    assert read_yaml(path) is None


def not_a_file(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        # It takes no space on the disk.
        with path.open("wb") as file:
            file.truncate(1 << 40)


def read_record(path: Path) -> object:
    return EvaluationRecord.read(path.parent)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "card": ("x.yaml", lambda path: read_card(str(path))),
    "profile": ("x.yaml", lambda path: get_profile(str(path))),
    "grid": ("x.yaml", read_grid),
    "record": ("record.json", read_record),
    "record of any kind": ("record.json", lambda path: read_any_record(path.parent)),
    "CSV": ("x.csv", lambda path: list(read_rows(path))),
    "captions": ("x.csv", read_csv),
    "queries": ("x.csv", read_queries),
}


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "huge file"])
@pytest.mark.parametrize(("name", "read"), READERS.values(), ids=READERS.keys())
def test_what_is_no_such_file_is_refused_by_name(
    tmp_path: Path, kind: str, name: str, read: Callable[[Path], object]
) -> None:
    path = tmp_path / name
    not_a_file(path, kind)
    with pytest.raises(UserError) as caught:
        read(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_board_passes_a_pipe_by(tmp_path: Path) -> None:
    from leaderboard.runs import board_from

    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / "record.json")
    assert find_runs(tmp_path, kind=None) == [tmp_path / "run"]
    (aside,) = board_from(tmp_path).set_aside
    assert "it is a pipe or a device, not a file" in aside.reason


def test_bounds(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes, which no such file has"):
        read_bounded(path, 4)
    with pytest.raises(OSError, match="cannot be the name of a file"):
        open_file(Path("a\0b"))
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="lists within lists"):
        read_json(path)


def test_a_pipe_in_the_place_of_weights_is_not_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "weights.bin")
    assert place_of(CardFile(path="weights.bin"), tmp_path) is None


def test_a_pipe_in_the_place_of_a_tokenizer_is_missing(tmp_path: Path) -> None:
    from systems.text import CaptionTokenizer

    os.mkfifo(tmp_path / "tokenizer.json")
    with pytest.raises(UserError, match="holds no tokenizer"):
        CaptionTokenizer.read(tmp_path, 100)


def test_half_a_character_in_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(r'{"a": "\ud83d\ude00"}')
    assert read_json(path) == {"a": "\U0001f600"}
    path.write_text(r'{"a": "\ud800"}')
    with pytest.raises(ValueError, match="half a character"):
        read_json(path)
    with pytest.raises(UserError, match="is not JSON .*half a character"):
        EvaluationRecord.from_json(path.read_text())
