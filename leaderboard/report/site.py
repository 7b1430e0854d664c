"""Building the page: a folder that opens from disk without a network, and replaces an older one whole or not at all."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from harness.errors import UserError
from harness.machine import Advance, Progress, silent
from leaderboard.board import Entry, Standing, measured
from leaderboard.report.answers_data import Items, best_items, queries_document, run_document
from leaderboard.report.board_data import board_document, page_name, standing_document, standing_name, system_document
from leaderboard.report.clips import Material, find_material
from leaderboard.report.encoding import script
from leaderboard.report.shell import page
from leaderboard.runs import Answers, SetAside, is_result, read_answers

ASSETS = "assets"
_MARK = "lbar-board.txt"
_MARKED = "This folder was written by `lbar board --html` and is replaced whole by the next one.\n"


def build(
    standings: Sequence[Standing],
    set_aside: Sequence[SetAside],
    site: Path,
    data_root: Path,
    *,
    progress: Progress = silent,
) -> list[str]:
    """Write the page.

    Args:
        standings: what is shown, with their groups.
        set_aside: the runs that are not comparable.
        site: the folder; if it exists, it must be empty or an older page.
        data_root: folder with the data sets, for audio and relevance.
        progress: opened for the systems.

    Returns:
        A line for each thing that could not be shown.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    site = site.absolute()
    if site.exists() and not (site / _MARK).is_file() and (not site.is_dir() or any(site.iterdir())):
        raise UserError(f"{site} holds something that is no page of this command; name an empty or a new folder")
    unfinished = site.with_name(f".{site.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _write_site(unfinished, standings, set_aside)
        advance = progress("write the page", sum(len(standing.rows) for standing in standings))
        problems: list[str] = []
        for standing in standings:
            answered, found = _write_data(standing, unfinished, site, data_root)
            _write_systems(standing, unfinished, answered, advance)
            problems += found
        _replace(unfinished, site)
    except OSError as error:
        raise UserError(f"cannot write {site}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return problems


def _write_site(folder: Path, standings: Sequence[Standing], set_aside: Sequence[SetAside]) -> None:
    """Write the assets, the board, the page that compares, and the mark by which the folder is recognised."""
    (folder / ASSETS).mkdir(parents=True)
    (folder / "systems").mkdir()
    for asset in files("leaderboard.report").joinpath(ASSETS).iterdir():
        (folder / ASSETS / asset.name).write_bytes(asset.read_bytes())
    _write(folder / "index.html", page("Leaderboard", "board", board_document(standings, set_aside)))
    measured_only = {"standings": [_measured_document(standing) for standing in standings]}
    _write(folder / "compare.html", page("Compare two systems", "compare", measured_only))
    _write(folder / _MARK, _MARKED)


def _write_data(standing: Standing, unfinished: Path, site: Path, data_root: Path) -> tuple[set[str], list[str]]:
    """Write the scripts that pages load: the standing, its queries, and the answers of each system.

    Returns:
        The page names of the systems with answers, and a line for each problem.
    """
    name = standing_name(standing)
    (unfinished / "data" / name).mkdir(parents=True)

    def write(part: str, document: object) -> None:
        _write(unfinished / "data" / name / f"{part}.js", script(f"{name}/{part}", document))

    answers, readable, problems = _readable(measured(standing).entries)
    items, bests = Items(), []
    material = Material(why_not="none of the systems' answers can be read")
    if answers is not None:
        for run, entry in enumerate(readable):
            best = None
            assert entry.run is not None
            try:
                # A result has no rankings.
                best = None if is_result(entry.run.folder) else best_items(entry.run, len(answers.queries), items)
                bests += [] if best is None else [best]
            except UserError as error:
                problems.append(str(error))
            write(page_name(entry), run_document(answers, run, best))
        material = find_material(standing, answers.queries, data_root)
        write("queries", queries_document(answers, material, items, bests, site))
    if material.why_not:
        problems.append(f"{standing.protocol.name}: no audio and no further relevance: {material.why_not}")
    write("standing", _measured_document(standing))
    return {page_name(entry) for entry in readable}, problems


def _write_systems(standing: Standing, unfinished: Path, answered: set[str], advance: Advance) -> None:
    """Write the page of each system, with its own line of the board only: all lines would take quadratic space."""
    entries = measured(standing).entries
    document = _measured_document(standing)
    lines = document.pop("entries")
    assert isinstance(lines, list)
    for entry, line in zip(entries, lines, strict=True):
        own = system_document(entry) | {
            "standing": document | {"systems": len(entries)},
            "entry": line,
            "answered": page_name(entry) in answered,
        }
        _write(unfinished / "systems" / f"{page_name(entry)}.html", page(entry.label, "system", own, "../"))
        advance(1)


def _readable(entries: Sequence[Entry]) -> tuple[Answers | None, list[Entry], list[str]]:
    """The answers of the systems whose tables can be read, these systems, and a line for each of the others."""
    readable, problems = [], []
    for entry in entries:
        assert entry.run is not None
        if (entry.run.folder / "per_query.parquet").is_file():
            readable.append(entry)
        else:
            problems.append(f"{entry.run.folder} has no per_query.parquet")
    while readable:
        try:
            return read_answers([entry.run for entry in readable if entry.run]), readable, problems
        except UserError as error:
            problems.append(str(error))
        left = [entry for entry in readable if entry.run and _reads(entry)]
        readable = left if len(left) < len(readable) else left[:1]
    return None, [], problems


def _reads(entry: Entry) -> bool:
    assert entry.run is not None
    try:
        read_answers([entry.run])
    except UserError:
        return False
    return True


def _measured_document(standing: Standing) -> dict[str, object]:
    """The document of a standing without reported systems, of which no answers are known."""
    return standing_document(measured(standing))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _replace(unfinished: Path, site: Path) -> None:
    """Put the new folder in the old one's place; if that fails the old one is put back."""
    old = site.with_name(f".{site.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if site.exists():
        site.rename(old)
    try:
        unfinished.rename(site)
    except OSError:
        with suppress(OSError):
            old.rename(site)
        raise
    shutil.rmtree(old, ignore_errors=True)
