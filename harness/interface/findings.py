"""What a check finds: in a system, in a data set on disk, or in what is to be handed in."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        found: what is there; where `expected` and `mend` are empty, a sentence that says these too.
        expected: what should be there.
        mend: what the person does about it.
        file: the file or folder it is in.
        line: its line in the file, counted from 1; `None` where it is about no line.
        column: its column in a table, or its key in a meta file.
        check: the name or code of the check that found it; of a data set on disk, the split that was checked.
        level: whether what was checked is invalid because of it ("error") or not ("warning").
        rule: one sentence that holds where all is well.
    """

    found: str
    expected: str = ""
    mend: str = ""
    file: str = ""
    line: int | None = None
    column: str | None = None
    check: str = ""
    level: Level = "error"
    rule: str = ""
