"""A trained system's folder: its card, its files, and what it was trained on."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import UserError


def export(
    folder: Path, card: Mapping[str, object], trained: Mapping[str, object], files: Mapping[str, bytes] | None = None
) -> Path:
    """Put `files`, `training.json` and `card.yaml` in place one by one, the card last: it is what a system loads by.

    Args:
        folder: where they go; made where it is not there, and what it held under these names is replaced.
        card: what the card says.
        trained: how the system was trained, and on what.
        files: what the card names, weights say: file name and content.

    Returns:
        The card's path.

    Raises:
        UserError: the folder cannot be written.
    """
    import yaml

    contents = {
        **(files or {}),
        "training.json": (json.dumps(trained, indent=2) + "\n").encode(),
        "card.yaml": yaml.safe_dump(dict(card), sort_keys=False).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
            for name, content in contents.items():
                (Path(unfinished) / name).write_bytes(content)
            for name in contents:
                (Path(unfinished) / name).replace(folder / name)
    except OSError as error:
        raise UserError(
            f"cannot write {folder}: {error.strerror or error}; make room or name another folder by --out"
        ) from error
    return folder / "card.yaml"
