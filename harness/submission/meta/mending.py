"""Safe repairs of a meta file: tabs, text after `!!null`, `institution`, line ends, byte order mark."""

import codecs
import re
from pathlib import Path

from harness.machine import write_text
from harness.submission.meta.document import read_meta
from harness.submission.repairs import Repair, Repairs

_INSTITUTION = re.compile(r"\binstitution(?=\s*:)")


def mend_meta(source: Path, target: Path, file: str, repairs: Repairs) -> None:
    """Write a mended copy, if there is something to mend and the copy can then be read.

    Args:
        source: the file.
        target: the copy; not written where nothing is mended.
        file: the file's name in `repairs`.
        repairs: the list that the repairs are added to.

    Raises:
        UserError: the copy cannot be written.
    """
    content = source.read_bytes()
    document = read_meta(content)
    if document.root is None:
        return
    done: list[Repair] = []
    if content.startswith(codecs.BOM_UTF8):
        done.append(Repair(file, "byte order mark", "\ufeff", "", 1))
    if b"\r\n" in content:
        done.append(Repair(file, "line ends", "\r\n", "\n"))
    before = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    lines = document.mended.split("\n")
    done += [
        Repair(file, "tab" if number in document.tabs else "!!null", old, new, number)
        for number, (old, new) in enumerate(zip(before, lines, strict=True), 1)
        if old != new
    ]
    for _, entry in document.root.walk():
        affiliation = (entry.fields or {}).get("institution")
        if affiliation is None or "institute" in (entry.fields or {}) or affiliation.line > len(lines):
            continue
        place = affiliation.line - 1
        renamed = _INSTITUTION.sub("institute", lines[place], count=1)
        if renamed != lines[place]:
            done.append(Repair(file, "key", lines[place], renamed, affiliation.line))
            lines[place] = renamed
    text = "\n".join(lines)
    if done and read_meta(text.encode()).complaint is None:
        write_text(target, text)
        for repair in done:
            repairs.add(repair)
