"""The document of the page: every line of every standing, as plain values."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from harness.interface import weights_root
from harness.machine import plain_name
from harness.measures import is_median
from harness.runs import EvaluationRecord
from leaderboard.board import Entry, Standing, axis_names, get_axis, reasons
from leaderboard.results import read_result
from leaderboard.runs import SetAside, is_result


def page_name(entry: Entry) -> str:
    """Name of a measured system's page and data: readable, valid as a file name, different for every run."""
    assert entry.run is not None
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", entry.run.record.system.name).strip(".-")[:40]
    return f"{readable or 'system'}-{entry.run.record.id[:8]}"


def standing_name(standing: Standing) -> str:
    """Name of the folder with a standing's data."""
    first = standing.dataset.digest[:8] + (standing.dataset.audio_digest or "")[:8]
    return f"{standing.protocol.name}-{first}"


def board_document(standings: Sequence[Standing], set_aside: Sequence[SetAside]) -> dict[str, object]:
    """Everything the first page shows: standings, axes of the plot, and runs that are not comparable."""
    return {
        "standings": [standing_document(standing) for standing in standings],
        "axes": [
            {"name": axis.name, "label": axis.label, "less": axis.less_is_better, "style": axis.style}
            for axis in map(get_axis, axis_names())
        ],
        "apart": sorted(set(reasons(set_aside))),
    }


def standing_document(standing: Standing) -> dict[str, object]:
    """One standing: its protocol and data set, and its lines."""
    return {
        "id": standing_name(standing),
        "title": standing.title,
        "protocol": standing.protocol.name,
        "direction": standing.protocol.direction,
        "queries": standing.dataset.queries,
        "clips": standing.dataset.clips,
        "primary": standing.protocol.primary,
        "measures": standing.measures,
        "medians": [name for name in standing.measures if is_median(name)],
        "hardware": standing.hardware,
        "notes": standing.notes,
        "entries": [_entry(standing, entry) for entry in standing.entries],
    }


def _entry(standing: Standing, entry: Entry) -> dict[str, object]:
    values = [entry.measures.get(name) for name in standing.measures]
    line: dict[str, object] = {
        "label": entry.label,
        "place": entry.place,
        "group": entry.group,
        "stage": entry.stage,
        "costs": {name: get_axis(name).of(entry) for name in axis_names()},
        "trained": entry.trained_on,
        "values": [
            value and [value.value, *(bound for bound in (value.low, value.high) if bound is not None)]
            for value in values
        ],
    }
    if entry.run:
        record = entry.run.record
        line |= {
            "id": page_name(entry),
            "date": f"{record.created:%Y-%m-%d}",
            "precision": record.settings.precision,
            "tied": record.tied_fraction,
            "p95": entry.query_p95_seconds,
        }
    if entry.reported:
        result = entry.reported
        about = ("source", "team", "confidence", "note")
        line |= {"date": str(result.year), "reported": {name: getattr(result, name) for name in about}}
    return line


def system_document(entry: Entry) -> dict[str, object]:
    """The record, the speed and the training of a system, for its own page."""
    assert entry.run is not None
    record = entry.run.record
    environment = record.environment
    return {
        "label": entry.label,
        "name": record.system.name,
        "about": str((record.system.card or {}).get("about", "")),
        "facts": {
            "Stage": entry.stage,
            "Parameters": f"{record.system.parameters:,}" if record.system.parameters else "",
            "Trained on": ", ".join(record.system.trained_on),
            "Uses beside the sound": ", ".join(record.system.uses),
            "Licence": record.system.licence,
            "Source": record.system.source,
            "Sampling rate": f"{record.system.sample_rate:,} Hz" if record.system.sample_rate else "",
            "Precision": record.settings.precision,
            "Device": record.settings.device,
            "Evaluated": f"{record.created:%Y-%m-%d %H:%M} UTC",
            "Code": f"{environment.git.commit[:12]}{', changed' if environment.git.dirty else ''}"
            if environment.git
            else "",
            "System digest": record.system.digest or "unknown",
            "Processor": environment.cpu,
            "Accelerator": environment.accelerator.name if environment.accelerator else "",
            "Command": _without_folder(record.command),
            **_handed_in(entry.run.folder),
        },
        "card": record.system.card,
        "stages": (entry.speed.record.stages if entry.speed else {}),
        "curves": _curves(record, weights_root()),
    }


def _handed_in(folder: Path) -> dict[str, str]:
    """What those say of a result who handed it in; nothing of a run folder."""
    if not is_result(folder):
        return {}
    result = read_result(folder)
    return {"Handed in by": result.by, "What it is": result.about, "From": result.source, "Leaks": result.leaks}


def _without_folder(command: str) -> str:
    """A command line without the folder in which the program lies, which is of no use to others."""
    program, blank, rest = command.partition(" ")
    return f"{PurePath(program).name}{blank}{rest}"


def _curves(record: EvaluationRecord, weights: Path) -> dict[str, object] | None:
    """Loss and validation measure of every epoch, if the record of this training lies in the weights folder."""
    from leaderboard.report.curves import read_curves

    try:
        folder = weights / plain_name(record.system.name)
    except ValueError:
        # No system is trained into a folder by such a name.
        return None
    return read_curves(record.system.card or {}, folder / "training.json")
