"""The board as the page has it: every line of every standing, as plain values."""

import re
from collections.abc import Sequence
from pathlib import Path

from harness.interface import weights_root
from harness.runs import EvaluationRecord
from leaderboard.board import Entry, Standing
from leaderboard.runs import SetAside


def page_name(entry: Entry) -> str:
    """Name of a measured system's page and data: readable, safe as a file name, different for every run."""
    assert entry.run is not None
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", entry.run.record.system.name).strip(".-")[:40]
    return f"{readable or 'system'}-{entry.run.record.id[:8]}"


def standing_name(standing: Standing) -> str:
    """Name of a standing's data folder."""
    first = standing.dataset.digest[:8] + (standing.dataset.audio_digest or "")[:8]
    return f"{standing.protocol.name}-{first}"


def board_document(standings: Sequence[Standing], set_aside: Sequence[SetAside]) -> dict[str, object]:
    """Everything the first page shows."""
    return {
        "standings": [standing_document(standing) for standing in standings],
        "apart": sorted(
            {
                (f"{run.record.system.name}, {run.record.protocol.name}" if run.record else run.folder.name, run.reason)
                for run in set_aside
            }
        ),
    }


def standing_document(standing: Standing) -> dict[str, object]:
    """One standing: what it is of, and its lines."""
    return {
        "id": standing_name(standing),
        "title": standing.title,
        "protocol": standing.protocol.name,
        "direction": standing.protocol.direction,
        "queries": standing.dataset.queries,
        "clips": standing.dataset.clips,
        "primary": standing.protocol.primary,
        "measures": standing.measures,
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
        "parameters": entry.parameters or None,
        "trained": entry.trained_on,
        "values": [
            value and [_short(value.value), *(_short(bound) for bound in (value.low, value.high) if bound is not None)]
            for value in values
        ],
    }
    if entry.run:
        record = entry.run.record
        line |= {
            "id": page_name(entry),
            "date": f"{record.created:%Y-%m-%d}",
            "precision": record.settings.precision,
            "tied": _short(record.tied_fraction),
            "speed": entry.clips_per_second,
            "p95": entry.query_p95_seconds,
            "gflops": entry.gflops_per_clip,
        }
    if entry.reported:
        result = entry.reported
        about = ("source", "team", "confidence", "note")
        line |= {"date": str(result.year), "reported": {name: getattr(result, name) for name in about}}
    return line


def _short(value: float) -> float:
    """Exact enough for a screen, in a third of the bytes."""
    return round(value, 5)


def system_document(entry: Entry) -> dict[str, object]:
    """What a system's own page shows of its record, its speed and its training."""
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
            "Licence": record.system.licence,
            "Source": record.system.source,
            "Sampling rate": f"{record.system.sample_rate:,} Hz",
            "Precision": record.settings.precision,
            "Device": record.settings.device,
            "Evaluated": f"{record.created:%Y-%m-%d %H:%M} UTC",
            "Code": f"{environment.git.commit[:12]}{', changed' if environment.git.dirty else ''}"
            if environment.git
            else "",
            "System digest": record.system.digest or "unknown",
            "Processor": environment.cpu,
            "Accelerator": environment.accelerator.name if environment.accelerator else "",
            "Command": record.command,
        },
        "card": record.system.card,
        "stages": (entry.speed.record.stages if entry.speed else {}),
        "curves": _curves(record, weights_root()),
    }


def _curves(record: EvaluationRecord, weights: Path) -> dict[str, object] | None:
    """Loss and validation of every epoch, where the record of this system's training lies in the weights folder."""
    from leaderboard.report.curves import read_curves

    return read_curves(record.system.card or {}, weights / record.system.name / "training.json")
