"""Checks of an output file: encoding, header, captions, and the names in a ranked list."""

from collections.abc import Iterator
from itertools import pairwise

from harness.interface import Finding
from harness.predictions import SEPARATORS, hint
from harness.submission.findings import BY_FIX, Checks, complaint, counted, shown
from harness.submission.output.expected import ClipName
from harness.submission.output.file import NO_ROWS, Captions, OutputStart, RankedRow, RankedRows

_KINDS = {
    "ranked-list": "a ranked list (a caption and the best clips)",
    "score-matrix": "a score matrix (index and clips)",
}

START_CHECKS = Checks[OutputStart]()
RANKED_CHECKS = Checks[RankedRows]()
RANKED_ROW_CHECKS = Checks[RankedRow]()
RANKED_NAME_CHECKS = Checks[ClipName]()
CAPTION_CHECKS = Checks[Captions]()
COUNT_CHECKS = Checks[Captions]()

START_CHECKS("F001", "error", "The file can be read as CSV.")(complaint)


@START_CHECKS("F002", "warning", "The file begins with its header.")
def _no_bom(start: OutputStart) -> Iterator[Finding]:
    if start.has_bom:
        yield Finding("a byte order mark (EF BB BF)", "none", f"save as UTF-8 without BOM; {BY_FIX}", line=1)


@START_CHECKS("F003", "warning", "Lines end as everywhere in the challenge.")
def _plain_line_ends(start: OutputStart) -> Iterator[Finding]:
    if start.has_carriage_returns:
        yield Finding("lines that end in CR LF", "LF", f"save with Unix line ends; {BY_FIX}", line=1)


@START_CHECKS("F004", "error", "The file is of the kind this edition asks for.")
def _right_kind(start: OutputStart) -> Iterator[Finding]:
    profile = start.profile
    if start.complaint or start.kind == profile.kind:
        return
    found = _KINDS.get(start.kind or "", f"the header {shown(','.join(start.header)[:80])}")
    if start.separator:
        found = f"{SEPARATORS[start.separator]} between the cells of {found}"
    if start.kind:
        mend = "hand in what this edition asks for, or name the edition it is for with --profile"
    else:
        mend = f"write that header; {BY_FIX}" if start.can_be_mended else "write that header"
    yield Finding(found, f"{_KINDS[profile.kind]}: {','.join(_example(start))}", mend, line=start.line)


@START_CHECKS("F005", "warning", "Columns are named as in this edition.")
def _usual_columns(start: OutputStart) -> Iterator[Finding]:
    ranked = start.kind == start.profile.kind == "ranked-list"
    if ranked and list(start.header) != start.profile.header(len(start.header) - 1):
        found = f"the columns {shown(','.join(start.header[:3]) + ',…')}"
        yield Finding(found, f"{','.join(start.profile.header(2))},…", f"rename the columns; {BY_FIX}", line=start.line)


def _example(start: OutputStart) -> list[str]:
    if start.profile.kind == "score-matrix":
        return [start.profile.columns[0], "<clip>.wav", "<clip>.wav", "…"]
    return [*start.profile.header(2), "…", start.profile.header()[-1]]


UNREADABLE = RANKED_CHECKS("F006", "error", "The file can be read to its end.")(complaint)


@RANKED_CHECKS("R001", "error", "The list has rows.")
def _has_rows(table: RankedRows) -> Iterator[Finding]:
    if not (table.rows or table.uneven or table.complaint):
        yield NO_ROWS


@RANKED_CHECKS("R002", "error", "Every row is as long as the header.")
def _even_rows(table: RankedRows) -> Iterator[Finding]:
    expected = f"{len(table.start.header)} as in the header"
    mend = "put double quotes around a caption or name that holds a comma, or complete the row"
    yield from (Finding(counted(cells, "cell"), expected, mend, line=line) for line, cells in table.uneven)


@RANKED_CHECKS("R003", "error", "Every query gets as many clips as this edition asks for.")
def _right_depth(table: RankedRows) -> Iterator[Finding]:
    depth = table.start.profile.depth or 0
    if table.expected and table.expected.clips:
        depth = min(depth, len(table.expected.clips))
    found = len(table.start.header) - 1
    if found != depth:
        mend = "write the list again to this depth" if found < depth else f"leave out the columns after the {depth}th"
        yield Finding(f"{counted(found, 'clip')} per query", f"{depth}", mend, line=table.start.line)


@RANKED_NAME_CHECKS("R004", "error", "Every cell holds a name.")
def _no_empty_cell(name: ClipName) -> Iterator[Finding]:
    if not name.text.strip():
        found = f"a cell of blanks, {shown(name.text)}" if name.text else "an empty cell"
        yield Finding(found, "a clip's file name", "give the next best clip")


@RANKED_NAME_CHECKS("R005", "error", "Clips are called by their file names, without folders.")
def _no_paths(name: ClipName) -> Iterator[Finding]:
    if name.is_path and not name.is_known:
        bare = name.text.replace("\\", "/").rpartition("/")[2]
        mend = f"leave the folders out; {BY_FIX}" if name.mended != name.text else "leave the folders out"
        yield Finding(f"a path, {shown(name.text)}", f"the bare file name, {shown(bare)}", mend)


@RANKED_ROW_CHECKS("R006", "error", "A row names each clip once.")
def _each_clip_once(row: RankedRow) -> Iterator[Finding]:
    if len(set(row.names)) == len(row.names):
        return
    expected = f"{len(row.names)} different clips"
    mend = "give the next best clip in its place; a clip that is named twice would count twice"
    first: dict[str, str] = {}
    for column, name in row.cells:
        if name.strip() and first.setdefault(name, column) != column:
            yield Finding(f"{shown(name)}, which is in {first[name]} too", expected, mend, column=column)


RANKED_NAME_CHECKS("R007", "error", "Every name is a clip's.")(ClipName.unknown)


@RANKED_NAME_CHECKS("R008", "warning", "Names are those of audio files.")
def _names_of_audio(name: ClipName) -> Iterator[Finding]:
    clips_are_known = name.expected and name.expected.clips
    if not clips_are_known and name.text.strip() and not name.text.lower().endswith(".wav"):
        mend = "write the name as the file is called, extension included"
        yield Finding(shown(name.text), "a file name with .wav at its end", mend)


@RANKED_CHECKS("R009", "warning", "Lists differ from query to query.")
def _lists_differ(table: RankedRows) -> Iterator[Finding]:
    if len(table.rows) > 1 and len({row.names for row in table.rows}) == 1:
        found = f"one list of clips for all {len(table.rows):,} queries"
        yield Finding(found, "lists that depend on the query", "look at the system: its text side may have collapsed")


@CAPTION_CHECKS("Q001", "error", "Every row has a caption.")
def _no_empty_caption(captions: Captions) -> Iterator[Finding]:
    for line, text in captions.rows:
        if not text.strip():
            yield Finding("no caption", "the query, verbatim", "write it", line=line)


@CAPTION_CHECKS("Q002", "error", "Every query has one row.")
def _asked_as_often(captions: Captions) -> Iterator[Finding]:
    lines: dict[str, list[int]] = {}
    for line, text in captions.rows:
        lines.setdefault(text, []).append(line)
    asked = captions.expected.times_asked if captions.expected else {}
    once = captions.profile.kind == "score-matrix"
    for text, places in lines.items():
        if len(places) > 1 and (once or len(places) != asked.get(text, 1)):
            found = f"{shown(text)}, which line {places[0]} answers already"
            yield from (Finding(found, "one row per query", "leave one of the rows", line=line) for line in places[1:])


@CAPTION_CHECKS("Q007", "error", "The output answers the queries that it is compared with.")
def _answers_these_queries(captions: Captions) -> Iterator[Finding]:
    if captions.is_of_another_set and captions.expected:
        queries = captions.expected.queries
        found = (
            f"{counted(len(captions.answered), 'caption')}, none of which is asked, such as {shown(captions.texts[0])}"
        )
        expected = f"the {len(queries):,} queries of {captions.expected.what}, such as {shown(queries[0])}"
        mend = "look whether it answers another data set; --queries FILE or --protocol NAME says which one it answers"
        yield Finding(found, expected, mend, line=captions.rows[0][0])


@CAPTION_CHECKS("Q003", "error", "Every caption is a query.")
def _no_unknown_query(captions: Captions) -> Iterator[Finding]:
    if captions.expected is None or captions.is_of_another_set:
        return
    expected = f"one of the {len(captions.expected.times_asked):,} queries of {captions.expected.what}, to the letter"
    missing = {text for text in captions.expected.times_asked if text not in captions.answered}
    for text, line in captions.unknown.items():
        mended = captions.mended.get(text)
        meant = mended or (captions.expected.query_spellings.meant(text) if missing else None)
        if mended:
            mend = f"write the caption verbatim, outer blanks included; {BY_FIX}"
        elif meant in missing:
            mend = "write the caption verbatim, or leave the row out"
        else:
            meant, mend = None, "leave the row out"
        yield Finding(f"{shown(text)}, which is not asked{hint(meant)}", expected, mend, line=line)


@CAPTION_CHECKS("Q004", "error", "Every query is answered.")
def _every_query_answered(captions: Captions) -> Iterator[Finding]:
    if captions.expected is None or not captions.complete or captions.is_of_another_set:
        return
    queries = captions.expected.times_asked
    # A caption in another spelling is found as unknown; the query it means is not reported as missing too.
    respelt = set(captions.mended.values())
    for text in queries:
        if text not in captions.answered and text not in respelt:
            yield Finding(f"no row for {shown(text)}", f"a row for each of the {len(queries):,} queries", "add the row")


@CAPTION_CHECKS("Q005", "warning", "Rows are in the order of the queries.")
def _in_order(captions: Captions) -> Iterator[Finding]:
    if captions.expected is None or captions.unknown:
        return
    place = {text: index for index, text in reversed(list(enumerate(captions.expected.queries)))}
    # A row too many is found as such; it is not out of order as well.
    first = {text: line for line, text in reversed(captions.rows)}
    known = [text for text in dict.fromkeys(captions.texts) if text in place]
    for before, after in pairwise(known):
        if place[after] < place[before]:
            found = f"{shown(after)} after {shown(before)}"
            mend = "sort the rows, if you like; it does not change the score"
            mend += f"; {BY_FIX}" if captions.can_be_sorted else ""
            yield Finding(found, "rows in the order of the queries' file", mend, line=first[after])
            return


@COUNT_CHECKS("Q006", "warning", "There are as many rows as queries.")
def _usual_number(captions: Captions) -> Iterator[Finding]:
    known, number = captions.profile.rows, len(captions.texts)
    if captions.expected is None and known and captions.complete and number and number not in known.values():
        expected = " or ".join(f"{count:,} ({what})" for what, count in known.items())
        mend = "look whether rows are missing; --queries FILE or --protocol NAME compares them with the queries"
        yield Finding(counted(number, "row"), expected, mend)
