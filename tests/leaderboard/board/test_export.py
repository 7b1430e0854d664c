import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from leaderboard.board.entries import standings
from leaderboard.board.export import to_csv, to_latex, to_markdown
from leaderboard.runs.collecting import collect

MakeRun = Callable[..., Path]
NASTY = 'a|b & 100% "quoted", _x_ <i>#1</i> {\\} \n$^~'


def test_csv_has_every_digit_and_any_name_verbatim(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, NASTY, protocol="clotho-dcase2024")
    make_run(tmp_path, "b", protocol="clotho-dcase2025")
    found = standings(collect(tmp_path), reported=True)
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    measured = [row for row in rows if row["kind"] == "measured"]
    assert [row["system"] for row in measured] == [NASTY, "b"]
    record = found[0].rows[0].record
    assert float(measured[0]["mAP@10"]) == record.primary.value
    assert float(measured[0]["R@1.low"]) == record.measures[1].low
    assert (measured[0]["mAP@16"], measured[0]["place"]) == ("", "1")
    reported = next(row for row in rows if row["system"] == "DCASE 2024 baseline")
    assert (reported["kind"], reported["mAP@10"], reported["place"], reported["mAP@10.low"]) == (
        "reported",
        "0.22",
        "",
        "",
    )
    assert all(row["source"] for row in rows if row["kind"] == "reported")


def test_markdown_has_as_many_cells_in_every_row(tmp_path: Path, make_run: MakeRun) -> None:
    for name in (NASTY, "plain"):
        make_run(tmp_path, name)
    lines = [line for line in to_markdown(standings(collect(tmp_path))).splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({len(re.findall(r"(?<!\\)\|", line.replace("\\\\", ""))) for line in lines}) == 1
    assert "<i>" not in "".join(lines)
    assert any("0." in line and "[0." in line for line in lines)


@pytest.mark.parametrize("percent", [False, True])
def test_latex_aligns_numbers_and_has_the_best_in_bold(tmp_path: Path, make_run: MakeRun, percent: bool) -> None:
    make_run(tmp_path, NASTY, quality=-3.0, protocol="clotho-dcase2024")
    make_run(tmp_path, "best", quality=3.0, protocol="clotho-dcase2024")
    (standing,) = standings(collect(tmp_path), reported=True)
    text = to_latex([standing], percent=percent)
    needs, title, begin, top, header, middle, *rows, bottom, end, note, last = text.split("\n")
    assert note.startswith(r"\par{\footnotesize † uses what is written beside the clips")
    assert needs == r"% needs \usepackage{booktabs, siunitx} and \sisetup{mode=text, reset-text-series=false}"
    assert title == f"% {standing.title}"
    assert (top, middle, bottom, end, last) == (r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}", "")
    numbers = {"S[table-format=2.1]", "S[table-format=3.1]"} if percent else {"S[table-format=1.3]"}
    layout = re.fullmatch(r"\\begin\{tabular\}\{(rl(?:S\[table-format=\d\.\d\]@\{ \}l){4}[lr]+)\}", begin)
    assert layout is not None
    assert set(re.findall(r"S\[.*?\]", layout[1])) <= numbers
    columns = len(re.sub(r"S\[.*?\]|@\{ \}", "", layout[1])) + layout[1].count("S[")
    for row in (header, *rows):
        cells = re.split(r"(?<!\\)&", row.removesuffix(r" \\"))
        assert row.endswith(r" \\")
        assert len(cells) + row.count(r"\multicolumn{2}") == columns
        assert row.count("{") == row.count("}")
    names = [f"{name} (\\%)" if percent else name for name in standing.measures]
    assert re.findall(r"\\multicolumn\{2\}\{c\}\{(.*?)\}", header) == names
    value = standing.entries[0].measures["mAP@10"].value
    best, *others = rows
    assert f"& \\bfseries {100 * value:.1f} & [" in best if percent else f"& \\bfseries {value:.3f} & [" in best
    assert best.count(r"\bfseries") == 4
    assert not [row for row in others if r"\bfseries" in row]
    assert len(others) > 1


def test_latex_escapes_what_it_must(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, NASTY)
    (row,) = (line for line in to_latex(standings(collect(tmp_path))).splitlines() if line.startswith("1 &"))
    assert r"a|b \& 100\% " in row
    assert r"\_x\_" in row
    assert r"\{\textbackslash{}\} \$\textasciicircum{}\textasciitilde{}" in row


def test_equal_bests_are_both_bold_and_a_hundred_per_cent_fits(tmp_path: Path, make_run: MakeRun) -> None:
    for name in ("one", "two"):
        make_run(tmp_path, name, quality=50.0)
    text = to_latex(standings(collect(tmp_path)), percent=True)
    assert text.count("S[table-format=3.1]") == 4
    assert text.count(r"\bfseries 100.0 & [100.0, 100.0]") == 8


def test_markdown_in_per_cent(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, "one")
    found = standings(collect(tmp_path))
    one = found[0].entries[0].measures["mAP@10"]
    text = to_markdown(found, percent=True)
    assert "| mAP@10 (%) |" in text
    assert f"| {100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}] |" in text


def test_two_builds_of_a_system_are_told_apart(tmp_path: Path, make_run: MakeRun) -> None:
    for seed in (1, 2):
        make_run(tmp_path, "mine", seed=seed)
    found = standings(collect(tmp_path))
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert {row["system"] for row in rows} == {"mine"}
    assert len({row["digest"] for row in rows}) == len({row["label"] for row in rows}) == 2
    assert {row["label"] for row in rows} == {f"mine {row['digest'][:8]}" for row in rows}
    for text in (to_markdown(found), to_latex(found)):
        assert all(row["label"] in text for row in rows)


def test_systems_that_use_more_than_sound_are_marked_and_the_mark_is_explained(
    tmp_path: Path, make_run: MakeRun
) -> None:
    make_run(tmp_path, "hearing", protocol="clotho-dcase2024")
    without = standings(collect(tmp_path))
    assert "†" not in to_markdown(without) + to_latex(without)
    assert not to_csv(without).splitlines()[0].endswith(",uses")

    make_run(tmp_path, "hybrid", protocol="clotho-dcase2024", system={"uses": ("keywords",)})
    found = standings(collect(tmp_path), reported=True)
    for text in (to_markdown(found), to_latex(found)):
        marked = [line for line in text.splitlines() if " † " in line]
        assert sum("hybrid †" in line or "hybrid MN (content + metadata) †" in line for line in marked) == 2
        assert len([line for line in text.splitlines() if "† uses what is written beside the clips" in line]) == 1
    rows = {row["system"]: row["uses"] for row in csv.DictReader(io.StringIO(to_csv(found)))}
    assert (rows["hearing"], rows["hybrid"], rows["hybrid MN (content + metadata)"]) == ("", "keywords", "keywords")


def test_no_runs_are_no_rows() -> None:
    assert to_csv([]).count("\n") == 1
    assert to_markdown([]) == to_latex([]) == ""
