"""Each check by itself: one thing is spoilt in a sound package, and that is found, and nothing else.

`findings.txt` has every finding in full, as a person reads it, under the name of the case.
"""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.interface.findings import Finding
from harness.predictions import spelling
from harness.submission.editions.profiles import editions, get_profile
from harness.submission.findings import shown, to_text
from harness.submission.meta.author_checks import AUTHOR_CHECKS
from harness.submission.meta.checks import META_CHECKS
from harness.submission.output import file as output_file
from harness.submission.output.expected import Expected, of_task
from harness.submission.output.list_checks import (
    CAPTION_CHECKS,
    COUNT_CHECKS,
    RANKED_CHECKS,
    RANKED_NAME_CHECKS,
    RANKED_ROW_CHECKS,
    START_CHECKS,
)
from harness.submission.output.matrix_checks import COLUMN_NAME_CHECKS, COLUMNS_CHECKS, END_CHECKS, ROW_CHECKS
from harness.submission.package.checks import PACKAGE_CHECKS, SYSTEM_CHECKS
from harness.submission.package.member_checks import MEMBER_CHECKS, SIZE_CHECKS, TREE_CHECKS
from harness.submission.package.report_checks import REPORT_CHECKS
from harness.submission.team_checks import SCORE_CHECKS, TEAM_CHECKS
from harness.submission.validation import SCORED, validate

Files = dict[str, bytes]

TOLD = {
    case: findings
    for case, _, findings in (
        part.partition("\n") for part in Path(__file__).with_name("findings.txt").read_text("utf-8").split("## ")[1:]
    )
}


def in_full(findings: Iterable[Finding]) -> str:
    """The findings as `findings.txt` has them."""
    return "".join(f"{to_text(finding)}\n" for finding in findings)


ALL = (
    *TREE_CHECKS, *MEMBER_CHECKS, *SIZE_CHECKS, *PACKAGE_CHECKS, *SYSTEM_CHECKS, *START_CHECKS, *RANKED_CHECKS,
    *RANKED_ROW_CHECKS, *RANKED_NAME_CHECKS, *CAPTION_CHECKS, *COUNT_CHECKS, *COLUMNS_CHECKS, *COLUMN_NAME_CHECKS,
    *ROW_CHECKS, *END_CHECKS, *META_CHECKS, *AUTHOR_CHECKS, *TEAM_CHECKS, *SCORE_CHECKS, *REPORT_CHECKS, SCORED,
)  # fmt: skip

TOP, LABEL = "task8", "Muestermann_ABC_task8_1"
OUTPUT, META = f"{TOP}/{LABEL}/{LABEL}.output.csv", f"{TOP}/{LABEL}/{LABEL}.meta.yaml"
REPORT = f"{TOP}/Muestermann_ABC_task8.technical_report.pdf"


def replace(name: str, old: str, new: str, count: int = -1) -> Callable[[Files], object]:
    def spoil(files: Files) -> None:
        assert old.encode() in files[name], f"{old!r} is not in {name}"
        files[name] = files[name].replace(old.encode(), new.encode(), count)

    return spoil


def rename(old: str, new: str) -> Callable[[Files], object]:
    def spoil(files: Files) -> None:
        for name in list(files):
            files[name.replace(old, new)] = files.pop(name)

    return spoil


def put(name: str, content: bytes = b"x") -> Callable[[Files], object]:
    return lambda files: files.update({name: content})


def drop(*names: str) -> Callable[[Files], object]:
    return lambda files: [files.pop(name) for name in names]


def lines(change: Callable[[list[str]], list[str]], name: str = OUTPUT) -> Callable[[Files], object]:
    def spoil(files: Files) -> None:
        files[name] = "".join(change(files[name].decode().splitlines(keepends=True))).encode()

    return spoil


def cell(line: int, column: int, change: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    """Change a cell; names in rows with quotes are left alone, so that a plain split does."""

    def at(rows: list[str]) -> list[str]:
        cells = rows[line - 1].rstrip("\n").split(",")
        cells[column] = change(cells[column])
        return [*rows[: line - 1], ",".join(cells) + "\n", *rows[line:]]

    return at


FIRST = "The sea"
"""A query without comma, on line 7."""

# code, what spoils it, and words the message has
SPOILT: dict[str, tuple[str, Callable[[Files], object], tuple[str, ...]]] = {
    "absolute path": ("P003", put("/etc/passwd"), ("'/etc/passwd'",)),
    "traversal": ("P003", put("task8/../../x"), ("'task8/../../x'",)),
    "backslashes": ("P003", put("task8\\x.csv"), (r"task8\\x.csv",)),
    "case collision": ("P007", put(OUTPUT.upper().replace("TASK8/", "task8/", 1)), ("2 files of this name",)),
    "empty report": ("P009", put(REPORT, b""), ("empty",)),
    "extra top folder": ("P010", rename("task8/", "Muestermann_ABC/task8/"), ("Muestermann_ABC/", "task8/ at the top")),
    "no top folder": ("P011", rename("task8/", ""), ("no folder task8/",)),
    "another task's folder": ("P011", rename("task8/", "task6/"), ("no folder task8/, but 'task6'",)),
    "nothing in the top folder": ("P012", drop(OUTPUT, META), ("a folder per system",)),
    "index 5": ("P014", rename("task8_1/", "task8_5/"), ("'Muestermann_ABC_task8_5'",)),
    "no output": ("P016", drop(OUTPUT), ("no output file", f"{LABEL}.output.csv")),
    "two outputs": ("P016", put(f"{TOP}/{LABEL}/other.csv", b"caption\n"), ("2 output files", "'other.csv'")),
    "no meta": ("P017", drop(META), ("no meta file", "--init")),
    "two metas": ("P017", put(f"{TOP}/{LABEL}/x.yaml", b"a: 1\n"), ("2 meta files",)),
    "output misnamed": ("P018", rename(".output.csv", ".csv"), (f"'{LABEL}.csv'", f"{LABEL}.output.csv")),
    "no report": ("P019", drop(REPORT), ("no technical report", REPORT)),
    "report is text": ("P020", put(REPORT, b"hello"), ("b'hello'", "PDF")),
    "report cut short": ("P026", put(REPORT, b"%PDF-1.4\n1 0 obj"), ("%%EOF",)),
    "report misnamed": ("P021", rename("ABC_task8.technical_report", "report"), ("'Muestermann_report.pdf'",)),
    "mac junk": ("P022", put("__MACOSX/task8/._x"), ("'._x'", "zip -X")),
    "stray": ("P023", put(f"{TOP}/{LABEL}/notes.txt"), ("'notes.txt'",)),
    "other task": ("P024", put("task1/x/x.csv"), ("'task1'", "several tasks may share one zip")),
    "latin-1": ("F001", lines(lambda rows: rows), ()),
    "bom": ("F002", lambda files: files.update({OUTPUT: b"\xef\xbb\xbf" + files[OUTPUT]}), ("byte order mark",)),
    "crlf": ("F003", replace(OUTPUT, "\n", "\r\n"), ("CR LF",)),
    "unknown header": (
        "F004",
        replace(OUTPUT, "caption,fname_1", "query,best"),
        ("caption,fname_1,fname_2,…,fname_10",),
    ),
    "header of 2022": (
        "F005",
        replace(OUTPUT, "fname_", "file_name_"),
        ("caption,file_name_1", "caption,fname_1,fname_2"),
    ),
    "header of pandas": (
        "F005",
        lines(lambda rows: [",".join(map(str, range(11))) + "\n", *rows[1:]]),
        ("'0,1,2,…'",),
    ),
    "quote not closed": ("F006", lines(lambda rows: [*rows[:-1], '"' + rows[-1].replace('"', "")]), ("double quote",)),
    "only a header": ("R001", lines(lambda rows: rows[:1]), ("nothing below",)),
    "short row": (
        "R002",
        lines(lambda rows: [*rows[:-1], rows[-1].rpartition(",")[0] + "\n"]),
        ("10 cells", "11 as in the header"),
    ),
    "empty cell": ("R004", lines(cell(7, 10, lambda _: "")), ("an empty cell",)),
    "blank cell": ("R004", lines(cell(7, 10, lambda _: "  ")), ("'  '",)),
    "twice in a row": ("R006", lambda files: twice(files), ("which is in fname_1 too", "10 different clips")),
    "unknown clip": (
        "R007",
        lines(cell(7, 10, lambda _: "zzzzzzzzz.wav")),
        ("'zzzzzzzzz.wav'", "which no clip is called"),
    ),
    "one list for all": ("R009", lambda files: alike(files), ("one list of clips for all 8 queries",)),
    "empty caption": (
        "Q001",
        lines(lambda rows: [*rows, rows[-1].replace(rows[-1].partition(",")[0], "", 1)]),
        ("no caption",),
    ),
    "query twice": ("Q002", lines(lambda rows: [*rows, rows[6]]), ("'The sea'", "line 7")),
    "foreign query": (
        "Q003",
        lines(lambda rows: [*rows, rows[6].replace(FIRST, "A violin")]),
        ("'A violin'", "which is not asked"),
    ),
    "query missing": ("Q004", lines(lambda rows: [*rows[:6], *rows[7:]]), ("no row for 'The sea'",)),
    "other order": ("Q005", lines(lambda rows: [rows[0], *reversed(rows[1:])]), ("sort the rows",)),
    "tab": ("M001", replace(META, "    R@1:", "\tR@1:"), ("a tab here",)),
    "tab before a comment": ("M001", replace(META, "!!null   # none", "!!null\t# none"), ("a tab here",)),
    "text after null": (
        "M002",
        replace(META, "!!null   # none", "!!null, Nvidia V100"),
        ("'Nvidia V100' after !!null",),
    ),
    "comma at null": (
        "M022",
        replace(META, "department: null,", "department: !!null,"),
        ("`!!null,` within brackets",),
    ),
    "no YAML": ("M003", replace(META, "label:", "label"), ("no YAML here",)),
    "no system": (
        "M004",
        lambda files: files.update({META: files[META].partition(b"system:")[0]}),
        ("no section system",),
    ),
    "key twice": ("M005", replace(META, "  name:", "  name: x\n  name:"), ("'name' a second time",)),
    "label of another task": (
        "M006",
        replace(META, f"label: {LABEL}", "label: Muestermann_ABC_task6_1"),
        ("'Muestermann_ABC_task6_1'",),
    ),
    "label of another system": (
        "M007",
        replace(META, f"label: {LABEL}", "label: Muestermann_ABC_task8_2"),
        (f"a folder called '{LABEL}'",),
    ),
    "no name": ("M008", replace(META, "  name: A system of ours\n", ""), ("no name",)),
    "long abbreviation": ("M009", replace(META, "abbreviation: ABC1", "abbreviation: ABCDEFGHIJK"), ("11 characters",)),
    "no abbreviation": ("M009", replace(META, "  abbreviation: ABC1\n", ""), ("no abbreviation",)),
    "no email": ("M010", replace(META, "      email: o@example.org\n", ""), ("author 2 without email",)),
    "nobody corresponds": ("M011", replace(META, "      corresponding: true\n", ""), ("no corresponding author",)),
    "two correspond": (
        "M011",
        replace(META, "firstname: O.", "firstname: O.\n      corresponding: true"),
        ("2 corresponding authors", "O. Other"),
    ),
    "no address": ("M012", replace(META, "o@example.org", "o at example"), ("'o at example'",)),
    "institution": (
        "M013",
        replace(META, "institute: Institute of A,", "institution: Institute of A,"),
        ("the key institution",),
    ),
    "no location": (
        "M014",
        replace(META, ', location: "Linz, Austria"}\n    - last', "}\n    - last"),
        ("no location",),
    ),
    "label of another author": (
        "M015",
        replace(META, "lastname: Muestermann", "lastname: Beispiel"),
        ("Zoë Beispiel",),
    ),
    "template left": ("M016", replace(META, "Zoë", "Firstname"), ("'Firstname', as in the template",)),
    "parameters in words": ("M017", replace(META, "total_parameters: 1000001", "total_parameters: 1M"), ("'1M'",)),
    "parameters with dots": (
        "M017",
        replace(META, "total_parameters: 1000001", "total_parameters: 1.000.001"),
        ("'1.000.001'",),
    ),
    "no parameters": (
        "M017",
        replace(META, "    total_parameters: 1000001", "    macs: 5"),
        ("no number of parameters",),
    ),
    "parameters in millions": (
        "M018",
        replace(META, "total_parameters: 1000001", "total_parameters: 442"),
        ("442 parameters",),
    ),
    "no description": ("M019", replace(META, "  description:", "  about:"), ("no description",)),
    "decimal comma": ("M020", replace(META, "    R@1: 0.5", "    R@1: 0,5"), ("R@1 of 0,5", "decimal point")),
    "date that is none": ("M003", replace(META, "!!null   # none", "!!timestamp x"), ("does not fit its type",)),
    "tag that does not fit": ("M003", replace(META, "!!null   # none", "!!int x"), ("does not fit its type",)),
    "per cent": ("M020", replace(META, "    R@1: 0.5", "    R@1: 50.0"), ("R@1 of 50.0", "write 0.5")),
    "no results": ("M021", lines(lambda rows: rows[:-3], META), ("no results",)),
    "other results": ("S001", replace(META, "    R@1: 0.5", "    R@1: 0.61"), ("R@1 0.61", "0.5")),
}
SPOILT["latin-1"] = (
    "F001",
    lambda files: files.update({OUTPUT: files[OUTPUT].replace(b"caption", b"\xe9")}),
    ("0xe9", "UTF-8"),
)


def twice(files: Files) -> None:
    import csv
    import io

    rows = list(csv.reader(io.StringIO(files[OUTPUT].decode(), newline="")))
    rows[3][9] = rows[3][1]
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator="\n").writerows(rows)
    files[OUTPUT] = target.getvalue().encode()


def alike(files: Files) -> None:
    import csv
    import io

    rows = list(csv.reader(io.StringIO(files[OUTPUT].decode(), newline="")))
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator="\n").writerows([rows[0], *([row[0], *rows[1][1:]] for row in rows[1:])])
    files[OUTPUT] = target.getvalue().encode()


ALSO = {
    "index 5": {"P018", "P021", "M007"},
    "no top folder": set(),
    "another task's folder": {"P024"},
    "two outputs": {"P018", "F004"},
    "two metas": {"P018", "M004", "M007", "M010", "M017", "M019", "M021"},
    "traversal": {"P023"},
    "backslashes": {"P023"},
    "absolute path": {"P023"},
    "case collision": {"P018", "P015", "P016", "F004", "P014", "P017", "F001", "P019", "R001"},
    "nothing in the top folder": set(),
    "one list for all": {"S001"},
    "empty caption": {"R002"},
    "other task": set(),
    "empty report": {"P020"},
    "no system": {"M021"},
    "decimal comma": {"M021"},
    "label of another task": {"M007"},
    "label of another author": {"M015"},
    "quote not closed": set(),
    "only a header": {"Q004"},
}
"""What else is rightly found then."""


def found(world: Any, spoil: Callable[[Files], object], systems: int = 1) -> list[Finding]:
    files = world.files("dcase2024", systems)
    spoil(files)
    kept: list[Finding] = world.look(files, "dcase2024").findings.kept
    return kept


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_spoilt_is_found(world: Any, case: str) -> None:
    code, spoil, words = SPOILT[case]
    findings = found(world, spoil)
    codes = {finding.check for finding in findings}
    assert code in codes
    assert codes <= {code} | ALSO.get(case, set())
    text = "\n".join(to_text(finding) for finding in findings if finding.check == code)
    for word in words:
        assert word in text
    assert in_full(findings) == TOLD[case]


def test_every_check_is_told_in_full() -> None:
    told = "".join(TOLD.values())
    # These are told in full in the tests below, and in those of members and of real files.
    elsewhere = {"P001", "P002", "P004", "P005", "P006", "P008", "S002", "F007", "Q007", *OF_ONE_FILE, *OF_ONE_ZIP}
    assert {check.code for check in ALL if f"{check.level} {check.code}  " not in told} == elsewhere


OF_ONE_FILE: dict[str, tuple[Callable[[list[list[str]]], object], bool, str, str, str]] = {
    "Q006": (
        lambda rows: None,
        False,
        "8 rows",
        "1,000 (hidden evaluation set) or 5,225 (development-testing split)",
        "look whether rows are missing; --queries FILE or --protocol NAME compares them with the queries",
    ),
    "R003": (
        lambda rows: [row.pop() for row in rows],
        True,
        "9 clips per query",
        "10",
        "write the list again to this depth",
    ),
    "R005": (
        lambda rows: rows[1].__setitem__(1, f"a\\{rows[1][1]}"),
        True,
        "a path, {0!r}",
        "the bare file name, {1!r}",
        "leave the folders out; `lbar validate --fix` writes a copy that has it right",
    ),
    "R008": (
        lambda rows: rows[1].__setitem__(1, "rain.mp3"),
        False,
        "'rain.mp3'",
        "a file name with .wav at its end",
        "write the name as the file is called, extension included",
    ),
}


@pytest.mark.parametrize("code", OF_ONE_FILE)
def test_what_is_spoilt_in_one_file_is_told_in_full(world: Any, code: str) -> None:
    spoil, known, *told = OF_ONE_FILE[code]
    rows = world.rows_of("dcase2022")
    spoil(rows)
    name = rows[1][1]
    kept = world.look_at_file("x.output.csv", world.csv(rows), "dcase2022", known=known).findings.kept
    (finding,) = [one for one in kept if one.check == code]
    values = (name, name.rpartition("\\")[2])
    assert [finding.found, finding.expected, finding.mend] == [text.format(*values) for text in told]


def test_a_list_that_is_too_deep(world: Any) -> None:
    rows = [[*row, "sea.wav" if number else "fname_11"] for number, row in enumerate(world.rows_of("dcase2024"))]
    (finding,) = [
        one
        for one in world.look_at_file("x.output.csv", world.csv(rows), "dcase2024").findings.kept
        if one.check == "R003"
    ]
    assert (finding.found, finding.expected, finding.line) == ("11 clips per query", "10", 1)
    assert finding.mend == "leave out the columns after the 10th"


OF_ONE_ZIP = {
    "P025": ("a package called 'other.zip'", "Muestermann_ABC.zip", "rename the zip"),
    "T004": (
        "2 captions that only this one or Muestermann_ABC_task8_1.output.csv has: 'The ocean' and others",
        "the same queries in all outputs",
        "look whether one of them is on another data set",
    ),
}


def test_a_zip_that_is_called_otherwise(world: Any) -> None:
    path = world.zip(world.files("dcase2024"), "other.zip")
    (finding,) = validate(path, get_profile("dcase2024"), world.expected).findings.kept
    path.unlink()
    assert (finding.check, finding.file) == ("P025", "other.zip")
    assert (finding.found, finding.expected, finding.mend) == OF_ONE_ZIP["P025"]


SEVERAL: dict[str, tuple[int, Callable[[Files], object]]] = {
    "five systems": (5, lambda files: None),
    "one abbreviation": (2, replace(META, "ABC1", "ABC2")),
    "one label": (2, replace(META.replace("_1", "_2"), "label: Muestermann_ABC_task8_2", f"label: {LABEL}")),
    "a nought too many": (2, replace(META.replace("_1", "_2"), "1000002", "10000010")),
    "two teams": (
        2,
        lambda files: [
            files.update(
                {name.replace("ABC_task8_2", "XYZ_task8_2"): files.pop(name).replace(b"ABC_task8_2", b"XYZ_task8_2")}
            )
            for name in list(files)
            if "task8_2" in name
        ],
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_what_is_spoilt_among_several_systems_is_told_in_full(world: Any, case: str) -> None:
    systems, spoil = SEVERAL[case]
    assert in_full(found(world, spoil, systems)) == TOLD[case]


def test_every_check_has_its_own_code_and_a_sentence() -> None:
    codes = [check.code for check in ALL]
    # Reading to the end is one rule for both kinds of output.
    assert sorted({code for code in codes if codes.count(code) > 1}) == ["F006"]
    for check in ALL:
        assert check.rule[0].isupper() or check.rule[0] == "`"
        assert check.rule.endswith(".")
        assert check.level in ("error", "warning")


def test_five_systems_are_too_many(world: Any) -> None:
    findings = found(world, lambda files: None, systems=5)
    assert {"P013", "P014"} <= {finding.check for finding in findings}


def test_abbreviations_of_a_team_differ(world: Any) -> None:
    (finding,) = found(world, replace(META, "ABC1", "ABC2"), systems=2)
    assert (finding.check, finding.file) == ("T002", META.replace("_1", "_2"))
    assert "'ABC2', as in Muestermann_ABC_task8_1.meta.yaml" in finding.found


def test_labels_of_a_team_differ(world: Any) -> None:
    findings = found(
        world, replace(META.replace("_1", "_2"), "label: Muestermann_ABC_task8_2", f"label: {LABEL}"), systems=2
    )
    assert {finding.check for finding in findings} == {"M007", "T001"}


def test_a_nought_too_many(world: Any) -> None:
    (finding,) = found(world, replace(META.replace("_1", "_2"), "1000002", "10000010"), systems=2)
    assert finding.check == "T003"


def test_systems_on_two_data_sets(world: Any) -> None:
    files = world.files("dcase2024", 2)
    other = OUTPUT.replace("_1", "_2")
    files[other] = files[other].replace(b"The sea", b"The ocean")
    (finding,) = world.look(files, "dcase2024", known=False).findings.kept
    assert (finding.check, finding.file) == ("T004", other)
    assert (finding.found, finding.expected, finding.mend) == OF_ONE_ZIP["T004"]


def test_two_teams_in_one_package(world: Any) -> None:
    def spoil(files: Files) -> None:
        for name in [name for name in files if "task8_2" in name]:
            files[name.replace("ABC_task8_2", "XYZ_task8_2")] = files.pop(name).replace(b"ABC_task8_2", b"XYZ_task8_2")

    (finding,) = found(world, spoil, systems=2)
    assert finding.check == "P015"
    assert "Muestermann_ABC, Muestermann_XYZ" in finding.found


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("typical neighborhood in Porto.wav", " typical neighborhood in Porto.wav"),
        ("Edit Radio.wav", "Edit Radio .wav"),
        ("Chat2 - (Apollonia's sPA).wav", "Chat2 - (Apollonia&#39;s sPA).wav"),
        ("Intersection Wet:Metro Pass.wav", "Intersection Wet_Metro Pass.wav"),
        ("rain twice.wav", "rain  twice.wav"),
    ],
)
def test_the_name_that_is_meant_is_said(world: Any, name: str, meant: str) -> None:
    def spoil(files: Files) -> None:
        assert meant.encode() in files[OUTPUT]
        files[OUTPUT] = files[OUTPUT].replace(meant.encode(), name.encode())

    findings = found(world, spoil)
    assert {finding.check for finding in findings} == {"R007"}
    assert all(f"did you mean {meant!r}?" in finding.found for finding in findings)
    assert all("--fix" in finding.mend for finding in findings)


def test_a_path_in_a_cell(world: Any) -> None:
    findings = found(world, replace(OUTPUT, "rain.wav", "/data/clips/rain.wav"))
    assert {finding.check for finding in findings} == {"R005", "R007"}
    assert "the bare file name, 'rain.wav'" in findings[0].expected


def test_a_query_in_another_spelling_is_one_finding(world: Any) -> None:
    findings = found(world, replace(OUTPUT, "A radio is tuned ", "A radio is tuned"))
    (finding,) = findings
    assert finding.check == "Q003"
    assert "did you mean 'A radio is tuned '?" in finding.found


def test_results_under_another_measures_name(world: Any) -> None:
    result = world.look(world.files("dcase2024"), "dcase2024")
    score = next(iter(result.scores.values()))["mAP@10"]
    (finding,) = found(world, replace(META, "    R@1: 0.5", f"    R@1: {score:.5f}"))
    assert finding.check == "S001"
    assert "which is the file's mAP@10" in finding.found


@pytest.mark.parametrize("text", ["0.5", "0.50", "5e-1", "0.500000000000001"])
def test_rounded_results_agree(world: Any, text: str) -> None:
    assert found(world, replace(META, "    R@1: 0.5", f"    R@1: {text}")) == []


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        # A system such as tags has no parameters; a plausible number has at least four digits.
        ("total_parameters: 1000001", "total_parameters: 0", []),
        ("total_parameters: 1000001", "total_parameters: 1", ["M018"]),
        ("total_parameters: 1000001", "total_parameters: -1", ["M017"]),
        # Everything found and nothing found are results like others, which the output does not have here.
        ("    R@1: 0.5", "    R@1: 1.0", ["S001"]),
        ("    R@1: 0.5", "    R@1: 0", ["S001"]),
        ("    R@1: 0.5", "    R@1: 1.0000001", ["M020"]),
        ("    R@1: 0.5", "    R@1: -0.0000001", ["M020", "S001"]),
    ],
)
def test_boundaries_of_numbers_in_a_meta_file(world: Any, old: str, new: str, codes: list[str]) -> None:
    assert sorted(finding.check for finding in found(world, replace(META, old, new))) == codes


def test_without_the_queries_there_are_hints_only(world: Any) -> None:
    files = world.files("dcase2024")
    files[OUTPUT] = files[OUTPUT].replace(b"rain.wav", b"rain")
    codes = {finding.check for finding in world.look(files, "dcase2024", known=False).findings.kept}
    assert codes == {"R008"}
    assert {
        finding.check for finding in world.look(world.files("dcase2022"), "dcase2022", known=False).findings.kept
    } == {"Q006"}


MATRIX: dict[str, tuple[str, Callable[[list[list[str]]], object], str]] = {
    "column twice": ("X001", lambda rows: [row.append(row[1]) for row in rows], "which is column 2 too"),
    "path": ("X002", lambda rows: rows[0].__setitem__(1, "audio/x.wav"), "'audio/x.wav', which is no file name"),
    "hidden file": (
        "X003",
        lambda rows: [row.append("._a.wav" if row[0] == "index" else "0.3") for row in rows],
        "a hidden file",
    ),
    "unknown clip": (
        "X004",
        lambda rows: [row.append("zz.wav" if row[0] == "index" else "0.31") for row in rows],
        "'zz.wav'",
    ),
    "clip missing": ("X005", lambda rows: [row.pop() for row in rows], "no column for 'sea [loop].wav'"),
    "short row": ("X006", lambda rows: rows[2].pop(), "12 cells"),
    "not a number": ("X007", lambda rows: rows[2].__setitem__(4, "nan"), "'nan'"),
    "infinite": ("X007", lambda rows: rows[2].__setitem__(4, "-inf"), "'-inf'"),
    "text": ("X007", lambda rows: rows[2].__setitem__(4, "0,5"), "'0,5'"),
    "underscore": ("X007", lambda rows: rows[2].__setitem__(4, "1_0"), "'1_0'"),
    "constant row": (
        "X008",
        lambda rows: rows[2].__setitem__(slice(1, None), ["0.123456"] * 12),
        "0.123456 for all 12 clips",
    ),
    "tie": ("X009", lambda rows: rows[2].__setitem__(4, rows[2][5]), "in 1 row of 8 clips share a score"),
    "no rows": ("X010", lambda rows: rows.__delitem__(slice(1, None)), "nothing below"),
    "rounded": (
        "X011",
        lambda rows: [row.__setitem__(slice(1, None), [f"{float(cell):.1f}" for cell in row[1:]]) for row in rows[1:]],
        "significant digit",
    ),
    "query twice": ("Q002", lambda rows: rows.append(rows[3]), "which line 4 answers already"),
    "query missing": ("Q004", lambda rows: rows.pop(), "no row for 'A swing squeaks at night'"),
}


@pytest.mark.parametrize("case", MATRIX)
def test_what_is_spoilt_in_a_matrix_is_found(world: Any, case: str) -> None:
    code, spoil, words = MATRIX[case]
    edition = get_profile("dcase2025")
    rows = world.rows(edition)
    spoil(rows)
    label = "Muestermann_ABC_task6_1"
    result = world.look_at_file(f"{label}.output.csv", world.csv(rows), "dcase2025")
    codes = {finding.check for finding in result.findings.kept}
    assert code in codes
    also = {"path": {"X004", "X005"}, "rounded": {"X009", "X008"}, "no rows": {"Q004"}, "column twice": {"X009"}}
    assert codes <= {code} | also.get(case, set())
    assert any(words in to_text(finding) for finding in result.findings.kept if finding.check == code)
    assert in_full(result.findings.kept) == TOLD[f"matrix: {case}"]


@pytest.mark.parametrize("name", sorted(editions()))
def test_the_other_kind_of_output(world: Any, name: str) -> None:
    other = "dcase2022" if get_profile(name).kind == "score-matrix" else "dcase2025"
    result = world.look_at_file("x.output.csv", world.csv(world.rows(get_profile(other))), name)
    (finding,) = result.findings.kept
    assert finding.check == "F004"
    assert "--profile" in finding.mend


def test_lists_of_another_depth(world: Any) -> None:
    rows = [row[:6] for row in world.rows(get_profile("dcase2024"))]
    result = world.look_at_file("x.output.csv", world.csv(rows), "dcase2024")
    codes = [finding.check for finding in result.findings.kept]
    assert codes == ["R003"]
    assert result.findings.kept[0].found == "5 clips per query"


def test_findings_of_one_mistake_take_bounded_room(world: Any) -> None:
    rows = world.rows(get_profile("dcase2024"))
    rows += [[f"query {number}", *rows[1][1:]] for number in range(3000)]
    result = world.look_at_file("x.output.csv", world.csv(rows), "dcase2024")
    assert result.findings.counts["Q003", "x.output.csv", "error"] == 3000
    assert len(result.findings.kept) == 1000
    assert result.errors == 3000
    text = list(result.to_text())
    assert len(text) == 8
    assert "2,995 more like the last" in text[5]


@pytest.mark.parametrize("name", ["dcase2024", "dcase2025"])
def test_what_is_no_output_at_all_is_not_read_to_its_end(
    world: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    content = world.csv(world.rows_of(name))
    monkeypatch.setattr(output_file, "MOST_ROWS", 5)
    result = world.look_at_file("x.output.csv", content, name)
    assert [(one.check, one.line) for one in result.findings.kept] == [("F006", 7)]
    monkeypatch.setattr(output_file, "MOST_COLUMNS", 5)
    result = world.look_at_file("x.output.csv", content, name)
    assert [(one.check, "columns" in one.found) for one in result.findings.kept] == [("F001", True)]


def test_a_wrong_name_is_compared_once(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # One comparison is all there is for eight rows with the name.
    monkeypatch.setattr(spelling, "_MOST_COMPARED", 1)
    world = dataclasses.replace(world, expected=of_task(world.task))
    rows = [row[:] for row in world.rows_of("dcase2024")]
    for row in rows[1:]:
        row[10] = "raain.wav"
    result = world.look_at_file("x.output.csv", world.csv(rows), "dcase2024")
    assert len(result.findings.kept) == 8
    assert all("did you mean 'rain.wav'?" in one.found for one in result.findings.kept)


def test_a_file_that_may_not_be_read(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is made up."""
    path = tmp_path / "x.output.csv"
    path.write_bytes(world.csv(world.rows_of("dcase2024")))

    edition = get_profile("dcase2024")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    (finding,) = validate(path, edition, world.expected).findings.kept
    assert (finding.check, finding.found) == ("P001", "Permission denied")


def test_another_data_set_is_one_finding(world: Any) -> None:
    rows = world.rows_of("dcase2024")
    for number, row in enumerate(rows[1:]):
        row[0] = f"query {number}"
    (finding,) = world.look_at_file("x.output.csv", world.csv(rows), "dcase2024").findings.kept
    assert (finding.check, finding.level, finding.line, finding.column) == ("Q007", "error", 2, "caption")
    assert finding.found == "8 captions, none of which is asked, such as 'query 0'"
    assert finding.expected == "the 8 queries of small, such as 'Rain falls on a roof, steadily.'"
    assert finding.mend == (
        "look whether it answers another data set; --queries FILE or --protocol NAME says which one it answers"
    )
    rows[1][0] = "the sea"
    codes = {one.check for one in world.look_at_file("x.output.csv", world.csv(rows), "dcase2024").findings.kept}
    assert codes == {"Q003", "Q004"}


def test_a_long_text_is_cut() -> None:
    assert shown("x" * 158) == f"'{'x' * 158}'"
    assert shown("x" * 159) == f"'{'x' * 155}…'"


def test_systems_that_differ_in_one_query(world: Any) -> None:
    files = world.files("dcase2024", 2)
    other = OUTPUT.replace("_1", "_2")
    files[other] = b"".join(row for row in files[other].splitlines(keepends=True) if not row.startswith(b"The sea"))
    (finding,) = [one for one in world.look(files, "dcase2024", known=False).findings.kept if one.check == "T004"]
    assert finding.found == "1 caption that only this one or Muestermann_ABC_task8_1.output.csv has: 'The sea'"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  development_testing:", "  another_set:\n    R@1: 0.9\n  development_testing:"),
        ("    R@1:", "    mAP@16: 0.9\n    R@1:"),
        ("    R@1:", "    R@5: !!null\n    R@1:"),
    ],
    ids=["of another set", "of another depth", "not known"],
)
def test_results_that_are_not_compared(world: Any, old: str, new: str) -> None:
    assert found(world, replace(META, old, new)) == []


def test_what_lacks_beside_a_misnamed_institute(world: Any) -> None:
    findings = found(
        world,
        replace(META, 'institute: Institute of B, location: "Linz, Austria"', "institution: Institute of B"),
    )
    assert [(one.check, one.found) for one in findings] == [
        ("M013", "the key institution"),
        ("M014", "no location"),
    ]


@pytest.mark.parametrize(("digits", "codes"), [(4, ["X009", "X011"]), (5, ["X009"])])
def test_few_digits_that_make_scores_equal_are_an_error(world: Any, digits: int, codes: list[str]) -> None:
    rows = world.rows_of("dcase2025")
    for row in rows[1:]:
        row[1:] = [f"0.{10 ** (digits - 1) + 7 * number}" for number in range(len(row) - 1)]
        row[4] = row[5]
    assert [
        one.check
        for one in world.look_at_file("x.output.csv", world.csv(rows), "dcase2025").findings.in_order()
        if one.check[0] == "X"
    ] == sorted(codes, key=lambda code: code != "X011")


@pytest.mark.parametrize("more", [4, 5])
def test_of_many_files_five_are_named(world: Any, more: int) -> None:
    files = {f"{TOP}/{LABEL}/{number}.csv": b"caption\n" for number in range(more)}
    findings = found(world, lambda sound: sound.update(files))
    (finding,) = [one for one in findings if one.check == "P016"]
    names = sorted(
        [*(f"{number}.csv" for number in range(more)), f"{LABEL}.output.csv"], key=lambda name: name[0] != "M"
    )
    assert finding.found == f"{more + 1} output files: {', '.join(map(repr, names[:5]))}"


@pytest.mark.parametrize(("rows", "codes"), [(1, set()), (2, set()), (3, {"Q002"})])
def test_a_query_that_is_asked_twice_has_one_row_or_two(world: Any, tmp_path: Path, rows: int, codes: set[str]) -> None:
    edition = get_profile("dcase2024")
    header, first, second, *_ = world.rows(edition)
    (tmp_path / "x.csv").write_bytes(world.csv([header, *[first] * rows, second]))
    asked = Expected("twice", (first[0], first[0], second[0]), world.expected.clips)
    found = {one.check for one in validate(tmp_path / "x.csv", edition, asked).findings.kept}
    assert found == codes
