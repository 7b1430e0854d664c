"""The folder of a trained system: its card, its files, and a record of the training."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import UserError
from harness.machine import CHECKSUMS, write_checksums

_CARD = "card.yaml"
_UNFINISHED = ".unfinished-"
_LOCK = ".export.lock"


def export(
    folder: Path,
    card: Mapping[str, object],
    trained: Mapping[str, object],
    files: Mapping[str, bytes] | None = None,
    written: Sequence[str] = (),
) -> Path:
    """Write `files`, `training.json`, `card.yaml`, and the checksums of all of them.

    The card is put in place after what it names, since a system is loaded by it.

    Args:
        folder: receives them; files of these names in it are replaced.
        card: the fields of the card.
        trained: the record of the training.
        files: further files that the card names, such as weights: file name and content.
        written: names of files that the card names and that are in the folder already.

    Returns:
        The card's path.

    Raises:
        UserError: the folder cannot be written.
    """
    import yaml
    from filelock import FileLock

    contents = {
        **(files or {}),
        "training.json": (json.dumps(trained, indent=2) + "\n").encode(),
        _CARD: yaml.safe_dump(dict(card), sort_keys=False).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / _LOCK):
            _clear(folder)
            _place(folder, contents, [folder / name for name in written])
    except OSError as error:
        raise UserError(
            f"cannot write {folder}: {error.strerror or error}; make room or name another folder by --out"
        ) from error
    return folder / _CARD


def remove(part: Path) -> None:
    """Remove a folder in a system's folder; where a kill leaves some of it, `clear_unfinished` removes the rest."""
    if part.exists():
        clear_unfinished(part.parent)
        shutil.rmtree(part.rename(part.with_name(_UNFINISHED + part.name)), ignore_errors=True)


def clear_unfinished(folder: Path) -> None:
    """Remove what processes left that were killed while they wrote into a system's folder, if any did."""
    from filelock import FileLock

    if any(folder.glob(f"{_UNFINISHED}*")):
        with FileLock(folder / _LOCK):
            _clear(folder)


def _clear(folder: Path) -> None:
    for left in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _place(folder: Path, contents: Mapping[str, bytes], written: Sequence[Path]) -> None:
    """Write all files into a folder of their own first, then rename them in their order, the card after all others."""
    with TemporaryDirectory(prefix=_UNFINISHED, dir=folder) as name:
        unfinished = Path(name)
        for file, content in contents.items():
            (unfinished / file).write_bytes(content)
        write_checksums(unfinished, contents, written)
        for file in (*(file for file in contents if file != _CARD), CHECKSUMS, _CARD):
            (unfinished / file).replace(folder / file)
