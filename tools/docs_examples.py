"""Examples in docstrings (`>>>`) are shown as code in the documentation, wherever in the text they stand."""

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"((?:^>>> .*(?:\n(?!\n|>>>).+)*\n?)+)", re.MULTILINE)


def fenced(text: str) -> str:
    """The text with every run of examples as a block of code."""
    return _EXAMPLE.sub(lambda found: f"```pycon\n{found[1].rstrip()}\n```\n", text).rstrip("\n")


class FencedExamples(Extension):
    """Does so for every object that is read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called by griffe for each module, class, function and attribute."""
        if obj.docstring and ">>> " in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)
