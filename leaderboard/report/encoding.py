"""Data as a browser reads it: JSON that is safe inside a page, and numbers packed as base64."""

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WIDTHS = (np.uint8, np.uint16, np.uint32)


def to_json(document: object) -> str:
    r"""JSON that is safe inside a `script` element and in a script: nothing in it ends the element or a line.

    >>> to_json({"text": "</script>"})
    '{"text":"\\u003c/script>"}'
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in ("<", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def packed(numbers: NDArray[Any]) -> dict[str, object]:
    """Integers from 0 in the fewest bytes each that hold them: `{"w": bytes, "b": base64}`, little-endian."""
    largest = int(numbers.max(initial=0))
    kind = next(kind for kind in _WIDTHS if largest <= np.iinfo(kind).max)
    data = np.ascontiguousarray(numbers, dtype=np.dtype(kind).newbyteorder("<")).tobytes()
    return {"w": np.dtype(kind).itemsize, "b": base64.b64encode(data).decode("ascii")}


def coded(values: NDArray[np.float64]) -> dict[str, object]:
    """Numbers of which many are equal: the distinct values, and the index of each number among them."""
    distinct, which = np.unique(values, return_inverse=True)
    return {"values": distinct.tolist(), "which": packed(which)}


def script(key: str, document: object) -> str:
    """A script that hands data over to the page that loads it, which works from disk as well."""
    return f"lbar.receive({to_json(key)},{to_json(document)});\n"
