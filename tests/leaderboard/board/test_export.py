import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

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


def test_latex_escapes_what_it_must(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, NASTY)
    text = to_latex(standings(collect(tmp_path)))
    (row,) = (line for line in text.splitlines() if line.startswith("1 &"))
    assert row.endswith(r"\\")
    assert r"a|b \& 100\% " in row
    assert r"\_x\_" in row
    assert r"\{\textbackslash{}\} \$\textasciicircum{}\textasciitilde{}" in row
    columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", text)
    assert columns is not None
    assert len(re.findall(r"(?<!\\)&", row)) == len(columns[1]) - 1


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
