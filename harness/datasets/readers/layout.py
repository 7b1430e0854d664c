"""Where in a data root a data set is."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError


def possible_homes(data_root: Path, dataset: str) -> list[Path]:
    """The data root itself, and its subfolders whose name begins with that of the data set, whatever the case."""
    subfolders = sorted(data_root.iterdir()) if data_root.is_dir() else []
    return [data_root, *(sub for sub in subfolders if sub.name.lower().startswith(dataset) and sub.is_dir())]


def find_files(data_root: Path, dataset: str, candidates: Sequence[str]) -> list[Path]:
    """The first of the relative paths `candidates` that exists, in each of `possible_homes`."""
    homes = possible_homes(data_root, dataset)
    found = (next((path for name in candidates if (path := home / name).is_file()), None) for home in homes)
    return list({path.resolve(): path for path in found if path}.values())


def find_file(data_root: Path, dataset: str, candidates: Sequence[str]) -> Path:
    """The one file that `find_files` finds.

    Raises:
        UserError: there is none, or one in several folders.
    """
    found = find_files(data_root, dataset, candidates)
    if not found:
        where = f"in {data_root} or a subfolder {dataset}*" if data_root.is_dir() else f"as {data_root} does not exist"
        names = " or ".join(candidates)
        raise UserError(
            f"{names} not found {where}; get it with `lbar data fetch {dataset}`, or say where it is with --data-root"
        )
    if len(found) > 1:
        places = " and ".join(str(path) for path in found)
        raise UserError(f"{dataset} is in the data root several times: {places}; give one folder with --data-root")
    return found[0]
