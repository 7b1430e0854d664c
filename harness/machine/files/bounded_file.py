"""Files that others wrote, read within bounds: only a file is read, never more of it than such a file may have.

A pipe in the place of a file would never end, a file of gigabytes would fill the memory, and so would a few hundred
bytes of YAML whose anchors (&, *) stand for billions of entries.
"""

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

MOST_BYTES = 32 << 20
"""Bytes of a record, or of another document in JSON; the largest known has a tenth of this."""
MOST_YAML_BYTES = 64 << 10
"""Bytes of a YAML file that a person writes."""
MOST_ENTRIES = 20_000
"""Entries of a YAML file, an anchor's counted wherever it is used."""
DEEPEST = 60
"""How deep lists and mappings lie in each other in a YAML file."""

_TOO_DEEP = f"lists or mappings more than {DEEPEST} deep in each other, or one that contains itself; look for stray ["

_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; a folder, a pipe or a device is refused, without waiting for it.

    Raises:
        OSError: it is no file, or cannot be opened.
    """
    # A pipe would be waited for without O_NONBLOCK, which changes nothing for a file.
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except ValueError:
        raise OSError(f"{str(path)!r:.200} cannot be the name of a file") from None
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError("it is a pipe or a device, not a file")


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file of at most so many bytes.

    Raises:
        OSError: it is no file, cannot be read, or is larger.
    """
    with open_file(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"it has more than {most:,} bytes, which no such file has")
    return content


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """The JSON document in a file.

    Raises:
        OSError: see `read_bounded`.
        ValueError: it is not JSON.
    """
    return parse_json(read_bounded(path, most))


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON document.

    Raises:
        ValueError: it is not JSON, or lists lie too deep in each other.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        document = json.loads(text)
        if _ESCAPED_HALF.search(text):
            json.dumps(document, ensure_ascii=False).encode()
        return document
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("a text in it holds half a character, one of \\ud800 to \\udfff") from None
    except RecursionError:
        raise ValueError("lists within lists without end") from None


def read_yaml(path: Path) -> Any:
    """The document in a YAML file: mappings whose keys are texts, lists, texts, numbers, truth values and `None`.

    Raises:
        OSError: see `read_bounded`; a YAML file has at most `MOST_YAML_BYTES`.
        ValueError: it is not YAML, holds something else, or is too large when its anchors are written out.
    """
    try:
        text = read_bounded(path, MOST_YAML_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8; save the file as UTF-8") from None
    return json.loads(_yaml_as_json(text))


@lru_cache(maxsize=256)
def _yaml_as_json(text: str) -> str:
    """A YAML document as JSON. Each text is parsed once, as many cards are built on the same few."""
    import yaml

    try:
        try:
            node = _tree(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:
            # libyaml's messages say less.
            node = _tree(text, yaml.SafeLoader)
        if node is None:
            return "null"
        # Counted before values are made of it: making them would write anchors out.
        if any(count > MOST_ENTRIES for count, _ in enumerate(_nodes(node, 1), 1)):
            raise ValueError(f"more than {MOST_ENTRIES:,} entries; write the values out, without anchors (&, *)")
        document = yaml.SafeLoader("").construct_document(node)
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, OverflowError) as error:
        hint = "; indent with spaces, not with tabs" if "'\\t'" in str(error) else ""
        raise ValueError((" ".join(str(error).split())[:300] or type(error).__name__) + hint) from None
    return json.dumps(_plain(document))


def _tree(text: str, loader: Any) -> Any:
    """PyYAML's tree of a document, refused before it is made where lists and mappings lie too deep in each other."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(_TOO_DEEP)
    return yaml.compose(text, Loader=loader)


def _nodes(node: Any, depth: int) -> Iterator[Any]:
    """A node of PyYAML's tree and all below it, those of an anchor wherever it is used."""
    if depth > DEEPEST:
        raise ValueError(_TOO_DEEP)
    yield node
    if isinstance(node.value, list):
        for entry in node.value:
            for inner in entry if isinstance(entry, tuple) else (entry,):
                yield from _nodes(inner, depth + 1)


def _plain(value: Any) -> Any:
    """The value, with dates as texts; what JSON has no equal of is refused, and so are texts that no file can hold."""
    from datetime import date

    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r:.80} is no text; put it in quotes")
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, str) and ("\0" in value or _HALF.search(value)):
        raise ValueError(f"the text {value!r:.80} holds a zero byte or half a character; take it out")
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str | int | float | None):
        raise ValueError(f"a value of type {type(value).__name__}; leave tags (!!) out")
    if isinstance(value, int) and value.bit_length() > 63:
        raise ValueError("a number of more than 18 digits; put quotes around it if it is a text")
    return value
