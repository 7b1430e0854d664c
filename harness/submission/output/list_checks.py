"""Checks of an output file: encoding, header, captions, and the names in a ranked list."""

from collections.abc import Iterator
from itertools import pairwise

from harness.predictions import hint
from harness.submission.findings import Check, Problem, counted, shown
from harness.submission.output.file import Captions, OutputStart, RankedRows

_KINDS = {
    "ranked-list": "a ranked list (a caption and the best clips)",
    "score-matrix": "a score matrix (index and clips)",
}
_FIX = "`lbar validate --fix` writes a copy that has it right"


def _readable(start: OutputStart) -> Iterator[Problem]:
    if start.complaint:
        yield start.complaint


def _no_bom(start: OutputStart) -> Iterator[Problem]:
    if start.has_bom:
        yield Problem("a byte order mark (EF BB BF)", "none", f"save as UTF-8 without BOM; {_FIX}", line=1)


def _plain_line_ends(start: OutputStart) -> Iterator[Problem]:
    if start.has_carriage_returns:
        yield Problem("lines that end in CR LF", "LF", f"save with Unix line ends; {_FIX}", line=1)


def _right_kind(start: OutputStart) -> Iterator[Problem]:
    profile = start.profile
    if start.complaint or start.kind == profile.kind:
        return
    found = _KINDS.get(start.kind or "", f"the header {shown(','.join(start.header)[:80])}")
    yield Problem(
        found,
        f"{_KINDS[profile.kind]}: {','.join(_example(start))}",
        "hand in what this edition asks for, or name the edition it is for with --profile"
        if start.kind
        else f"write that header; if only the columns' names differ, {_FIX}",
        line=start.line,
    )


def _usual_columns(start: OutputStart) -> Iterator[Problem]:
    if start.kind != "ranked-list" or start.profile.kind != "ranked-list":
        return
    depth = len(start.header) - 1
    if list(start.header) != start.profile.header(depth):
        yield Problem(
            f"the columns {shown(','.join(start.header[:3]) + ',…')}",
            f"{','.join(start.profile.header(2))},…",
            f"rename the columns; {_FIX}",
            line=start.line,
        )


def _example(start: OutputStart) -> list[str]:
    if start.profile.kind == "score-matrix":
        return [start.profile.columns[0], "<clip>.wav", "<clip>.wav", "…"]
    return [*start.profile.header(2), "…", start.profile.header()[-1]]


START_CHECKS: tuple[Check[OutputStart], ...] = (
    Check("F001", "error", "The file can be read as CSV.", _readable),
    Check("F002", "warning", "The file begins with its header.", _no_bom),
    Check("F003", "warning", "Lines end as everywhere in the challenge.", _plain_line_ends),
    Check("F004", "error", "The file is of the kind this edition asks for.", _right_kind),
    Check("F005", "warning", "Columns are named as in this edition.", _usual_columns),
)


def _readable_to_its_end(table: RankedRows) -> Iterator[Problem]:
    if table.complaint:
        yield table.complaint


def _has_rows(table: RankedRows) -> Iterator[Problem]:
    if not (table.rows or table.uneven or table.complaint):
        yield Problem("a header and nothing below", "a row per query", "write the output again")


def _even_rows(table: RankedRows) -> Iterator[Problem]:
    width = len(table.start.header)
    for line, cells in table.uneven:
        yield Problem(
            counted(cells, "cell"),
            f"{width} as in the header",
            "put double quotes around a caption or name that holds a comma, or complete the row",
            line=line,
        )


def _right_depth(table: RankedRows) -> Iterator[Problem]:
    depth = table.start.profile.depth or 0
    if table.expected and table.expected.clips:
        depth = min(depth, len(table.expected.clips))
    found = len(table.columns)
    if found != depth:
        yield Problem(
            f"{counted(found, 'clip')} per query",
            f"{depth}",
            "write the list again to this depth" if found < depth else f"leave out the columns after the {depth}th",
            line=table.start.line,
        )


def _no_empty_cell(table: RankedRows) -> Iterator[Problem]:
    for line, _, names in table.rows:
        for column, name in zip(table.columns, names, strict=True):
            if not name.strip():
                yield Problem(
                    "an empty cell" if not name else f"a cell of blanks, {shown(name)}",
                    "a clip's file name",
                    "give the next best clip",
                    line=line,
                    column=column,
                )


def _no_paths(table: RankedRows) -> Iterator[Problem]:
    known = table.expected.known_clips if table.expected else frozenset()
    for line, _, names in table.rows:
        for column, name in zip(table.columns, names, strict=True):
            if ("/" in name or "\\" in name) and name not in known:
                yield Problem(
                    f"a path, {shown(name)}",
                    "the bare file name, " + shown(name.replace("\\", "/").rpartition("/")[2]),
                    f"leave the folders out; with the clips known, {_FIX}",
                    line=line,
                    column=column,
                )


def _each_clip_once(table: RankedRows) -> Iterator[Problem]:
    for line, _, names in table.rows:
        if len(set(names)) == len(names):
            continue
        first: dict[str, str] = {}
        for column, name in zip(table.columns, names, strict=True):
            if name.strip() and first.setdefault(name, column) != column:
                yield Problem(
                    f"{shown(name)}, which is in {first[name]} too",
                    f"{len(names)} different clips",
                    "give the next best clip in its place; a clip that is named twice would count twice",
                    line=line,
                    column=column,
                )


def _known_clips(table: RankedRows) -> Iterator[Problem]:
    if table.expected is None or not table.expected.clips:
        return
    known, spellings = table.expected.known_clips, table.expected.clip_spellings
    for line, _, names in table.rows:
        if known.issuperset(names):
            continue
        for column, name in zip(table.columns, names, strict=True):
            if name.strip() and name not in known:
                meant = spellings.meant(name)
                yield Problem(
                    f"{shown(name)}, which no clip is called{hint(meant)}",
                    f"one of the {len(table.expected.clips):,} names, to the letter",
                    f"write it as the file is called; {_FIX}"
                    if meant is not None and spellings.same(name) == meant
                    else "look whether the clip belongs to this set, and write it as its file is called",
                    line=line,
                    column=column,
                )


def _names_of_audio(table: RankedRows) -> Iterator[Problem]:
    if table.expected and table.expected.clips:
        return
    for line, _, names in table.rows:
        for column, name in zip(table.columns, names, strict=True):
            if name.strip() and not name.lower().endswith(".wav"):
                yield Problem(
                    f"{shown(name)}",
                    "a file name with .wav at its end",
                    "write the name as the file is called, extension included",
                    line=line,
                    column=column,
                )


def _lists_differ(table: RankedRows) -> Iterator[Problem]:
    if len(table.rows) > 1 and len({names for _, _, names in table.rows}) == 1:
        yield Problem(
            f"one list of clips for all {len(table.rows):,} queries",
            "lists that depend on the query",
            "look at the system: its text side may have collapsed",
        )


RANKED_CHECKS: tuple[Check[RankedRows], ...] = (
    Check("F006", "error", "The file can be read to its end.", _readable_to_its_end),
    Check("R001", "error", "The list has rows.", _has_rows),
    Check("R002", "error", "Every row is as long as the header.", _even_rows),
    Check("R003", "error", "Every query gets as many clips as this edition asks for.", _right_depth),
    Check("R004", "error", "Every cell holds a name.", _no_empty_cell),
    Check("R005", "error", "Clips are called by their file names, without folders.", _no_paths),
    Check("R006", "error", "A row names each clip once.", _each_clip_once),
    Check("R007", "error", "Every name is a clip's.", _known_clips),
    Check("R008", "warning", "Names are those of audio files.", _names_of_audio),
    Check("R009", "warning", "Lists differ from query to query.", _lists_differ),
)


def _no_empty_caption(captions: Captions) -> Iterator[Problem]:
    for line, text in zip(captions.lines, captions.texts, strict=True):
        if not text.strip():
            yield Problem("no caption", "the query, verbatim", "write it", line=line, column=captions.column)


def _asked_as_often(captions: Captions) -> Iterator[Problem]:
    lines: dict[str, list[int]] = {}
    for line, text in zip(captions.lines, captions.texts, strict=True):
        lines.setdefault(text, []).append(line)
    asked = captions.expected.times_asked if captions.expected else {}
    once = captions.profile.kind == "score-matrix"
    for text, places in lines.items():
        if len(places) > 1 and (once or len(places) != asked.get(text, 1)):
            for line in places[1:]:
                yield Problem(
                    f"{shown(text)}, which line {places[0]} answers already",
                    "one row per query",
                    "leave one of the rows",
                    line=line,
                    column=captions.column,
                )


def _no_unknown_query(captions: Captions) -> Iterator[Problem]:
    if captions.expected is None:
        return
    missing = {text for text in captions.expected.times_asked if text not in captions.answered}
    for text, line in captions.unknown.items():
        meant = captions.expected.query_spellings.meant(text) if missing else None
        if meant not in missing:
            meant = None
        yield Problem(
            f"{shown(text)}, which is not asked{hint(meant)}",
            f"one of the {len(captions.expected.times_asked):,} queries of {captions.expected.what}, to the letter",
            f"write the caption verbatim, outer blanks included; {_FIX}" if meant is not None else "leave the row out",
            line=line,
            column=captions.column,
        )


def _every_query_answered(captions: Captions) -> Iterator[Problem]:
    if captions.expected is None or not captions.complete:
        return
    expected = captions.expected
    # A caption in another spelling is found as unknown; it is not missing beside that.
    respelt = {expected.query_spellings.same(text) for text in captions.unknown}
    for text in expected.times_asked:
        if text not in captions.answered and text not in respelt:
            yield Problem(
                f"no row for {shown(text)}",
                f"a row for each of the {len(expected.times_asked):,} queries",
                "add the row",
                column=captions.column,
            )


def _in_order(captions: Captions) -> Iterator[Problem]:
    if captions.expected is None or captions.unknown:
        return
    place = {text: index for index, text in reversed(list(enumerate(captions.expected.queries)))}
    # A row too many is found as such; it is not out of order beside that.
    first = {text: line for line, text in zip(reversed(captions.lines), reversed(captions.texts), strict=True)}
    known = [text for text in dict.fromkeys(captions.texts) if text in place]
    for before, after in pairwise(known):
        if place[after] < place[before]:
            yield Problem(
                f"{shown(after)} after {shown(before)}",
                "rows in the order of the queries' file",
                f"sort the rows, if you like; it does not change the score; {_FIX}",
                line=first[after],
                column=captions.column,
            )
            return


def _usual_number(captions: Captions) -> Iterator[Problem]:
    known = captions.profile.rows
    rows = len(captions.texts)
    if captions.expected is None and known and captions.complete and rows and rows not in known.values():
        yield Problem(
            counted(rows, "row"),
            " or ".join(f"{count:,} ({what})" for what, count in known.items()),
            "look whether rows are missing; --queries FILE or --protocol NAME compares them with the queries",
        )


CAPTION_CHECKS: tuple[Check[Captions], ...] = (
    Check("Q001", "error", "Every row has a caption.", _no_empty_caption),
    Check("Q002", "error", "Every query has one row.", _asked_as_often),
    Check("Q003", "error", "Every caption is a query.", _no_unknown_query),
    Check("Q004", "error", "Every query is answered.", _every_query_answered),
    Check("Q005", "warning", "Rows are in the order of the queries.", _in_order),
    Check("Q006", "warning", "There are as many rows as queries.", _usual_number),
)
