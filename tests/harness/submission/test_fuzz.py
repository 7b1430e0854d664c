"""Whatever bytes the readers get: an answer, in bounded time and memory, and never an exception.

A short run by default; LBAR_FUZZ_SECONDS is how long each reader is fuzzed otherwise (`tox -e fuzz`).
"""

import io
import os
import random
import resource
import time
import zipfile
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

SECONDS = float(os.environ.get("LBAR_FUZZ_SECONDS", "2"))
LONGEST_ANSWER = 20.0
MOST_ADDED_BYTES = 300 * 2**20

TOKENS = {
    "csv": b'" , \n \r\n \r \0 \xef\xbb\xbf \xff "" nan 1e999 ._ / a.wav'.split(b" "),
    "yaml": b"!!null !!python/object:x &a *a <<: [ { \t ? : - |\n >\n !!int !!float 2024-99-99 ---\n ...\n %YAML ' \" "
    b"\xe2\x80\xa8 \x85 # \n".split(b" "),
    "zip": b"PK\3\4 PK\1\2 PK\5\6 PK\6\6 PK\6\7 \xff\xff\xff\xff \0\0\0\0 \xff\xff ../ \0".split(b" "),
}


def mutated(sample: bytes, tokens: list[bytes], random: random.Random) -> bytes:
    """A sample with a few places overwritten, cut, doubled, or given a token."""
    content = bytearray(sample)
    for _ in range(random.choice((1, 1, 2, 4, 16, 64))):
        place = random.randrange(len(content) + 1)
        span = random.choice((1, 2, 8, 64, 512))
        how = random.randrange(5)
        if how == 0:
            content[place : place + 1] = bytes([random.randrange(256)])
        elif how == 1:
            del content[place : place + span]
        elif how == 2:
            content[place:place] = content[place : place + span] * random.choice((1, 2, 50))
        elif how == 3:
            content[place:place] = random.choice(tokens) * random.choice((1, 1, 3, 200))
        else:
            content[place : place + 4] = random.choice(tokens)
        if len(content) > 1 << 20:
            del content[1 << 20 :]
    return bytes(content)


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


def samples(world: Any) -> dict[str, list[tuple[str, str, bytes]]]:
    """By reader: name, edition and bytes of sound files."""
    found: dict[str, list[tuple[str, str, bytes]]] = {"csv": [], "yaml": [], "zip": []}
    for edition in ("dcase2024", "dcase2025"):
        files = world.files(edition, 2)
        for name, content in files.items():
            kind = name.rpartition(".")[2]
            if kind in found:
                found[kind].append((name.rpartition("/")[2], edition, content))
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", method) as file:
                for name, content in files.items():
                    file.writestr(name, content)
            found["zip"].append(("Muestermann_ABC.zip", edition, packed.getvalue()))
    return found


@pytest.mark.parametrize("kind", ["csv", "yaml", "zip"])
def test_mutations_of_sound_files(world: Any, look: Callable[[str, str, bytes], None], kind: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ends = time.monotonic() + SECONDS
    seed = 0 if SECONDS <= 2 else time.time_ns()
    corpus = samples(world)[kind]
    # Counted as well as timed, so that a slow machine tests something and a fast one stops.
    for round_ in range(150 if SECONDS <= 2 else 10**9):
        if time.monotonic() > ends and round_ >= 20:
            break
        draws = random.Random(seed + round_)
        name, edition, sample = draws.choice(corpus)
        content = mutated(sample, TOKENS[kind], draws)
        try:
            look(name, edition, content)
        except Exception as error:
            kept = Path(os.environ.get("LBAR_FUZZ_KEEP", ".")) / f"fuzz-{kind}-{seed + round_}-{name}"
            kept.write_bytes(content)
            raise AssertionError(f"seed {seed + round_}; the bytes are in {kept}") from error
    added = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert added < MOST_ADDED_BYTES


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
