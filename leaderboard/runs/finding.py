"""Find the run that a person names by its folder or its system."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError, nearest
from harness.protocols import get_protocol
from harness.runs import read_record
from leaderboard.runs.collecting import Board, Row, collect


def find_rows(names: Sequence[str], out: Path, protocol: str | None = None, results: Path | None = None) -> list[Row]:
    """Find runs by the path of their folder, its name in `out`, or the name of a system, which means its newest run.

    Where there are no such runs in `out`, what was handed in as a result counts, too.

    Args:
        names: at least one.
        out: the folder of run folders.
        protocol: the protocol of the systems' runs, by its name or its YAML file; by default the one under which all
            of them have a run.
        results: the folder of results.

    Raises:
        UserError: there is no such run, or several protocols would do.
    """
    folders = {name: folder for name in names if (folder := _folder(name, out)) is not None}
    systems = [name for name in names if name not in folders]
    rows = {name: Row(folder, read_record(folder)) for name, folder in folders.items()}
    if systems:
        if protocol is None and rows:
            protocol = next(iter(rows.values())).record.protocol.name
        rows |= _by_system(systems, out, protocol, results)
    return [rows[name] for name in names]


def protocol_named(name: str, board: Board) -> str:
    """The name of a protocol that is named so by runs or by itself, or described by the YAML file of this path.

    Raises:
        UserError: neither a run nor a protocol has this name.
    """
    if any(row.record.protocol.name == name for row in board.rows):
        return name
    return get_protocol(name).name


def _folder(name: str, out: Path) -> Path | None:
    for folder in (Path(name), out / name):
        if (folder / "record.json").is_file():
            return folder
    return None


Systems = dict[str, dict[str, Row]]
"""The newest run of each system, by protocol."""


def _newest(board: Board) -> Systems:
    by_protocol: Systems = {}
    for row in sorted(board.rows, key=lambda row: row.record.created):
        by_protocol.setdefault(row.record.protocol.name, {})[row.record.system.name] = row
    return by_protocol


def _shared(names: Sequence[str], by_protocol: Systems, protocol: str | None) -> list[str]:
    """The protocols under which all of these systems have a run."""
    shared = [one for one, rows in by_protocol.items() if all(name in rows for name in names)]
    return shared if protocol is None else [one for one in shared if one == protocol]


def _by_system(names: Sequence[str], out: Path, protocol: str | None, results: Path | None) -> dict[str, Row]:
    board = collect(out)
    by_protocol = _newest(board)
    handed_in = _newest(collect(results)) if results else {}
    if protocol is not None and protocol not in handed_in:
        protocol = protocol_named(protocol, board)
    if not _shared(names, by_protocol, protocol):
        by_protocol = {one: handed_in.get(one, {}) | by_protocol.get(one, {}) for one in (*by_protocol, *handed_in)}
    known = {name for rows in by_protocol.values() for name in rows}
    for name in names:
        if name not in known:
            near = nearest(name, known) or nearest(name.partition(":")[0], known)
            hint = f"did you mean {near!r}?" if near else f"systems with runs are {', '.join(sorted(known)) or 'none'}"
            raise UserError(f"{name!r} is neither a run folder nor a system with a run in {out}; {hint}")
    shared = _shared(names, by_protocol, protocol)
    if len(shared) != 1:
        wanted = f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"
        if shared:
            raise UserError(f"{wanted} runs under {', '.join(sorted(shared))}; name one with --protocol")
        where = f"under {protocol}" if protocol else "under one protocol"
        raise UserError(f"{wanted} no comparable runs {where} in {out}; `lbar board` shows what is there")
    return {name: by_protocol[shared[0]][name] for name in names}
