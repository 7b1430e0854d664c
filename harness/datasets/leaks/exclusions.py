"""Lists of clips that must not be trained on, because they are in an evaluation set."""

import re
from collections.abc import Iterable
from pathlib import Path

from harness.datasets.clip_names import stem
from harness.datasets.readers.captions_csv import read_csv
from harness.errors import UserError
from harness.machine import read_json

_ID = re.compile(r"\d+|Y[\w-]{11}")


def read_exclusions(path: Path) -> frozenset[str]:
    """Read a list of FreeSound numbers and AudioSet videos, as text.

    Read are the lists of the DCASE challenge (a column `sound_id`), of aac-datasets (columns `index,id`) and of WavCaps
    (JSON: lists by source). Entries that are no ids, such as `Not found`, are left out.

    Returns:
        FreeSound numbers (`"117790"`) and AudioSet videos (`"Yr1nicOVtvkQ"`).

    Raises:
        UserError: the file is not such a list, or has no id.
    """
    entries = _json_entries(path) if path.suffix == ".json" else _csv_entries(path)
    ids = frozenset(identifier for entry in entries if _ID.fullmatch(identifier := stem(entry)))
    if not ids:
        raise UserError(f"{path}: no FreeSound or AudioSet id in this list; expected numbers or Y<youtube_id>")
    return ids


def _csv_entries(path: Path) -> Iterable[str]:
    table = read_csv(path)
    return table.column("id" if "id" in table.header else "sound_id")


def _json_entries(path: Path) -> Iterable[str]:
    try:
        by_source: dict[str, list[str]] = read_json(path)
        return [str(entry) for entries in by_source.values() for entry in entries]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path}: not an exclusion list ({error}); expected JSON lists by source") from error
