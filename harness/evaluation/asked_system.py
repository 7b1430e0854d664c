"""A system that is asked for by its name, and what is recorded of it, which is kept where its files decide it.

A finished evaluation can then be looked up without building the system: to load weights takes seconds.
"""

import json
import logging
import platform
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import UserError
from harness.evaluation.options import Options
from harness.evaluation.scoring import recorded
from harness.interface import BuiltSystem, common_part, is_card, placed_files, read_card, target_of
from harness.machine import (
    cache_root,
    checksum,
    embedding_key,
    harness_code,
    installed_packages,
    package_code,
    read_bounded,
    require_undamaged,
    resolve,
    write_checksums,
    write_text,
)
from harness.runs import SystemRecord

_FILE = "system.json"
_log = logging.getLogger(__name__)


class _Kept(BaseModel):
    """What a record says of a system, and the device and precision it was built for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: SystemRecord
    device: str
    precision: str


class AskedSystem:
    """A system that is asked for.

    Attributes:
        record: what records say of it.
        options: how to evaluate it, with the device and the precision that it is, or was, built for.
        recalled: whether this was kept, so that the system has not been built.
    """

    def __init__(self, name: str, options: Options) -> None:
        """Recall what is kept of a system, or build it, and keep it.

        Raises:
            UserError: it cannot be built, or its `info` is not valid.
        """
        self.options = options
        self._name = name
        place = self._place()
        kept = None if place is None else _read(place)
        self.recalled = kept is not None
        if kept is None:
            built = self.built
            kept = _Kept(record=recorded(built.system), device=built.device, precision=built.precision)
            # The files may have changed while they were read.
            if place is not None and getattr(built.system, "decided_by_files", False) and place == self._place():
                _write(place, kept)
        self.record = kept.record
        self.options = replace(options, device=kept.device, precision=kept.precision)

    @cached_property
    def built(self) -> BuiltSystem:
        """The system, built when it is first asked for.

        Raises:
            UserError: it cannot be built.
        """
        return self.options.build(self._name)

    def _place(self) -> Path | None:
        """The folder for what is recorded of it, named after all that decides that; `None` where this is not known."""
        if self.options.workers or not is_card(target := target_of(self._name)):
            return None
        try:
            fields, folder = read_card(target)
            card = common_part(fields)
            files = placed_files(self._name, card, folder)
            contents = {
                key: _contents(needed.place)
                for key, needed in files.items()
                if needed.place is not None and not needed.file.training_only
            }
            device = resolve(self.options.device)
        except (UserError, OSError):
            # Building it says what is wrong.
            return None
        code = package_code(card.factory)
        if card.members or code is None:
            return None
        made_with = (code, harness_code(), installed_packages(), platform.python_version())
        said = json.dumps(fields, sort_keys=True, default=str)
        return cache_root() / "systems" / embedding_key(said, contents, device, self.options.precision, made_with)


def _contents(place: Path) -> list[tuple[str, str]]:
    """Name and checksum of a file, or of each file in a folder."""
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    return [(path.relative_to(place.parent).as_posix(), checksum(path)) for path in files]


def _read(place: Path) -> _Kept | None:
    """What is kept in a folder; `None` where there is nothing or, with a warning, where it is not as it was written."""
    file = place / _FILE
    try:
        if require_undamaged(file, ""):
            return _Kept.model_validate_json(read_bounded(file))
        if not file.exists():
            return None
    except (UserError, OSError, ValidationError):
        pass
    _log.warning("%s is damaged; the system is built to write it anew", file)
    return None


def _write(place: Path, kept: _Kept) -> None:
    # An evaluation does without it where the cache cannot be written.
    with suppress(UserError):
        write_text(place / _FILE, kept.model_dump_json())
        write_checksums(place, [_FILE])
