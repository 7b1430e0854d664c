"""Spoilt copies of sound files: bytes overwritten, cut, doubled; and values replaced within JSON, safetensors and zips.

What is replaced within a structure leaves its lengths and checksums right, so that it gets past the first check.
"""

import io
import json
import struct
import zipfile
import zlib
from random import Random
from typing import Any

LONGEST = 1 << 18
TOKENS = (
    b'" , \n \r\n \r \0 \xef\xbb\xbf \xff "" nan 1e999 ._ / ../ a.wav : {} [] null -1 NaN Infinity 1E400 \\u0000 '
    b"\\ud800 !!null !!python/object:x !!binary !!set !!timestamp &a *a <<: [ { \t ? - |\n >\n !!int !!float "
    b"2024-99-99 ---\n ...\n %YAML ' \xe2\x80\xa8 \x85 # \n PK\3\4 PK\1\2 PK\5\6 PK\6\6 PK\6\7 \xff\xff\xff\xff "
    b"\0\0\0\0 \x7f\xff\xff\xff RIFF WAVE fmt data fLaC OggS FORM COMM \x80\2 ctorch\n_utils\n cos\nsystem\n R. } ] ( "
    b"t 0. q\0"
).split(b" ")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, -1e-308, float("nan"), float("inf")),
    *("", " ", "x" * 5_000, "../../x", "/etc/passwd", ".", "a\0b", "\x1b[2J", "\ud800", "{name}", "{0}", "%s", "-1"),
    *("=1+1", "2024-99-99", "module:factory", "x.yaml", "linear", "NaN", "[/bold]", "(", "a" * 100, "0x10", "1_0"),
    *("a\0b.yaml", "\ud800.yaml", "x" * 300 + ".yaml"),
    *([], {}, [[]], {"": {}}, ["a", 1], [None], {"a": {"b": {"c": []}}}),
)


def mutated(random: Random, content: bytes) -> bytes:
    """A spoilt copy, spoilt in its structure where it has one that is known, half of the time."""
    if random.random() < 0.5:
        for inside in (_json, _safetensors, _zip):
            found = inside(random, content)
            if found is not None:
                return found
    return _bytes(random, content)


def _bytes(random: Random, sample: bytes) -> bytes:
    content = bytearray(sample)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16, 64))):
        # The beginning of a file decides more than the rest of it.
        place = random.randrange(min(len(content), random.choice((16, 64, 512, LONGEST))) + 1)
        span = random.choice((1, 2, 4, 8, 64, 512))
        how = random.randrange(7)
        if how == 0:
            content[place : place + 1] = bytes([random.randrange(256)])
        elif how == 1:
            del content[place : place + span]
        elif how == 2:
            content[place:place] = content[place : place + span] * random.choice((1, 2, 50))
        elif how == 3:
            content[place:place] = random.choice(TOKENS) * random.choice((1, 1, 3, 200))
        elif how == 4:
            token = random.choice(TOKENS)
            content[place : place + len(token)] = token
        elif how == 5:
            number = random.choice((0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1))
            content[place : place + 4] = struct.pack(random.choice("<>") + "I", number)
        elif content:
            content[min(place, len(content) - 1)] ^= 1 << random.randrange(8)
        del content[LONGEST:]
    return bytes(content)


def _json(random: Random, sample: bytes) -> bytes | None:
    if sample[:1] not in b"{[":
        return None
    try:
        document = json.loads(sample)
    except (ValueError, RecursionError):
        return None
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        document = _replaced(random, document)
    return json.dumps(document).encode()


def _replaced(random: Random, document: Any) -> Any:
    """The document with one value in it replaced, taken out, doubled, or put elsewhere."""
    if not isinstance(document, dict | list) or not document or random.random() < 0.05:
        return random.choice(VALUES)
    document = dict(document) if isinstance(document, dict) else list(document)
    keys = list(document) if isinstance(document, dict) else range(len(document))
    key = random.choice(keys)
    if isinstance(document[key], dict | list) and document[key] and random.random() < 0.8:
        document[key] = _replaced(random, document[key])
        return document
    how = random.randrange(6)
    if how == 0:
        del document[key]
    elif how == 1:
        document[key] = document[random.choice(keys)]
    elif how == 2 and isinstance(document, list):
        document[key:key] = [document[key]] * random.choice((1, 2, 100))
    elif how == 2:
        document[str(random.choice(VALUES))] = document.pop(key)
    else:
        document[key] = random.choice(VALUES)
    return document


def _safetensors(random: Random, sample: bytes) -> bytes | None:
    if len(sample) < 10 or sample[8:9] != b"{":
        return None
    (length,) = struct.unpack("<Q", sample[:8])
    header = _json(random, sample[8 : 8 + length])
    if header is None:
        return None
    return struct.pack("<Q", len(header)) + header + sample[8 + length :]


def _zip(random: Random, sample: bytes) -> bytes | None:
    if not sample.startswith(b"PK\3\4"):
        return None
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(sample)) as source, zipfile.ZipFile(packed, "w") as target:
            members = source.infolist()
            spoilt = random.choice(members)
            for info in members:
                content = source.read(info)
                target.writestr(info, mutated(random, content) if info is spoilt else content)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError):
        return None
    return packed.getvalue()
