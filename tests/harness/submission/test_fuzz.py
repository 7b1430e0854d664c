"""Whatever bytes the readers get: an answer, in bounded time, and never an exception; see also `tests/fuzz`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.submission.editions.profiles import get_profile
from harness.submission.meta.document import read_meta
from harness.submission.package.members import ZipTree
from harness.submission.validation import validate

LONGEST_ANSWER = 20.0


@pytest.fixture
def look(world: Any, tmp_path: Path) -> Callable[[str, str, bytes], None]:
    """Gives bytes to the validator as a file of this name."""

    def at(name: str, edition: str, content: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        started = time.process_time()
        for expected in (None, world.expected):
            result = validate(path, get_profile(edition), expected)
            assert "\n".join(result.to_text())
            assert result.to_json()["findings"] is not None
        assert time.process_time() - started < LONGEST_ANSWER

    return at


QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(content=st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_as_a_meta_file(content: bytes) -> None:
    document = read_meta(content)
    assert document.root is not None or document.complaint is not None


@QUICK
@given(content=st.binary(max_size=300))
def test_any_bytes_as_an_output(look: Callable[[str, str, bytes], None], content: bytes) -> None:
    look("a.output.csv", "dcase2024", b"caption,fname_1\n" + content)
    look("a.output.csv", "dcase2025", b"index,a.wav\n" + content)


@QUICK
@given(content=st.binary(max_size=300), tail=st.binary(max_size=30))
def test_any_bytes_as_a_zip(tmp_path: Path, content: bytes, tail: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content + b"PK\5\6" + tail)
    tree = ZipTree(path)
    assert tree.damage or tree.members == []


def chained(link: bytes, first: bytes) -> bytes:
    """Forty anchors, each made of the one before several times."""
    lines = [first]
    for n in range(1, 40):
        before = (n - 1,) * (link.count(b"%d") - 2)
        lines.append(link % (n, n, *before))
    return b"".join(lines)


BOMBS = {
    "billion laughs": chained(b"a%d: &a%d [*a%d, *a%d, *a%d]\n", b"a0: &a0 [x, x]\n"),
    "merges": chained(b"a%d: &a%d {<<: [*a%d, *a%d], k%d: v}\n", b"a0: &a0 {k: v}\n"),
    "holds itself": b"submission: &a {authors: [*a]}\n",
    "deep": b"[" * 60_000,
    "deep mapping": b"".join(b" " * n + b"a:\n" for n in range(300)),
    "long number": b"total_parameters: " + b"9" * 60_000,
    "sexagesimal": b"a: " + b"1:" * 20_000 + b"1",
    "keys": b"a: 1\n" * 13_000,
    "quotes": b'a: "' + b"\\n" * 30_000 + b'"',
    "nulls": b"a: [" + b"!!null," * 9_000 + b"]",
    "null and text": b"a: !!null " + b"x " * 30_000,
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_yaml_made_to_hang_or_to_fill_the_memory(look: Callable[[str, str, bytes], None], content: bytes) -> None:
    assert len(content) < get_profile("dcase2024").largest_bytes.meta
    look("Muestermann_ABC_task8_1.meta.yaml", "dcase2024", content)
