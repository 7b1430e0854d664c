"""Building the page: a folder that opens from disk, needs no network, and replaces an older one whole or not at all."""

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
from leaderboard.runs import Answers, SetAside, read_answers

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
        standings: what is shown, their groups found out.
        set_aside: what may not stand there.
        site: the folder; one that is there must be empty or an older page.
        data_root: where audio and relevance are looked for.
        progress: opened for the systems.

    Returns:
        What could not be shown, a line each.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    site = site.absolute()
    if site.exists() and not (site / _MARK).is_file() and (not site.is_dir() or any(site.iterdir())):
        raise UserError(f"{site} holds something that is no page of this command; name an empty or a new folder")
    unfinished = site.with_name(f".{site.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        (unfinished / ASSETS).mkdir(parents=True)
        for asset in files("leaderboard.report").joinpath(ASSETS).iterdir():
            (unfinished / ASSETS / asset.name).write_bytes(asset.read_bytes())
        document = board_document(standings, set_aside)
        _write(unfinished / "index.html", page("Leaderboard", "board", document))
        slim = {"standings": [_slim(standing) for standing in standings]}
        _write(unfinished / "compare.html", page("Compare two systems", "compare", slim))
        advance = progress("write the page", sum(len(standing.rows) for standing in standings))
        problems: list[str] = []
        for standing in standings:
            problems += _standing(standing, unfinished, site, data_root, advance)
        _write(unfinished / _MARK, _MARKED)
        _replace(unfinished, site)
    except OSError as error:
        raise UserError(f"cannot write {site}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return problems


def _standing(standing: Standing, unfinished: Path, site: Path, data_root: Path, advance: Advance) -> list[str]:
    """Write a standing's data and the page of each of its systems."""
    entries = measured(standing).entries
    folder = unfinished / "data" / standing_name(standing)
    folder.mkdir(parents=True)
    (unfinished / "systems").mkdir(exist_ok=True)
    answers, readable, problems = _readable(entries)
    items, bests = Items(), []
    for run, entry in enumerate(readable):
        best = None
        assert answers is not None
        assert entry.run is not None
        try:
            best = best_items(entry.run, len(answers.queries), items)
            bests.append(best)
        except UserError as error:
            problems.append(str(error))
        name = f"{standing_name(standing)}/{page_name(entry)}"
        _write(unfinished / "data" / f"{name}.js", script(name, run_document(answers, run, best)))
    material = Material(why_not="none of the systems' answers can be read")
    if answers is not None:
        material = find_material(standing, answers.queries, data_root)
        name = f"{standing_name(standing)}/queries"
        document = queries_document(answers, material, items, bests, site)
        _write(unfinished / "data" / f"{name}.js", script(name, document))
    if material.why_not:
        problems.append(f"{standing.protocol.name}: no audio and no further relevance: {material.why_not}")
    slim = _slim(standing)
    name = f"{standing_name(standing)}/standing"
    _write(unfinished / "data" / f"{name}.js", script(name, slim))
    # A page has its own line only: what all of them had would grow with the square of their number.
    lines = slim.pop("entries")
    assert isinstance(lines, list)
    answered = {page_name(entry) for entry in readable}
    for entry, line in zip(entries, lines, strict=True):
        document = system_document(entry) | {
            "standing": slim | {"systems": len(entries)},
            "entry": line,
            "answered": page_name(entry) in answered,
        }
        _write(unfinished / "systems" / f"{page_name(entry)}.html", page(entry.label, "system", document, "../"))
        advance(1)
    return problems


def _readable(entries: Sequence[Entry]) -> tuple[Answers | None, list[Entry], list[str]]:
    """The answers of those systems whose tables can be read, those systems, and a line for each of the others."""
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


def _slim(standing: Standing) -> dict[str, object]:
    """A standing without what was reported by others, which has no answers to look at."""
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
