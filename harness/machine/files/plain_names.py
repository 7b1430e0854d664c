"""Names that become names of files and folders: read from other people's files, they must not lead anywhere else."""

from typing import Annotated

from pydantic import AfterValidator

LONGEST = 120
"""Characters in such a name: with what is added to it, file systems still take it."""


def plain_name(name: str) -> str:
    """The name, if it can be that of a file in whatever folder.

    Raises:
        ValueError: it is empty or long, begins with a dot, or holds a slash, a colon or what cannot be printed.

    >>> plain_name("passt-m3 (mine)")
    'passt-m3 (mine)'
    """
    if not name.strip() or len(name.encode(errors="replace")) > LONGEST:
        raise ValueError(f"a name has 1 to {LONGEST} letters, and this has {len(name)}")
    if name[0] == "." or not name.isprintable() or not {"/", "\\", ":"}.isdisjoint(name):
        raise ValueError("a name may not begin with a dot, nor hold a slash, a colon or what cannot be printed")
    return name


PlainName = Annotated[str, AfterValidator(plain_name)]
"""A name that is checked where it is read, in a card or a record."""
