"""Where in a data root a data set is."""

import filecmp
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import UserError, nearest


def possible_homes(data_root: Path, dataset: str) -> list[Path]:
    """The data root itself, and its subfolders whose name begins with that of the data set, whatever the case."""
    subfolders = sorted(data_root.iterdir()) if data_root.is_dir() else []
    return [data_root, *(sub for sub in subfolders if sub.name.lower().startswith(dataset) and sub.is_dir())]


def find_files(data_root: Path, dataset: str, candidates: Sequence[str]) -> list[Path]:
    """The first of the relative paths `candidates` that exists, in each of `possible_homes`.

    Others of the candidates in the same home are found as well where they have another content.
    """
    homes = possible_homes(data_root, dataset)
    found = [path for home in homes for path in distinct(home / name for name in candidates)]
    return list({path.resolve(): path for path in found}.values())


def distinct(paths: Iterable[Path]) -> list[Path]:
    """The first of the files that exist, and those whose content differs from it."""
    there = [path for path in paths if path.is_file()]
    return [path for path in there if path == there[0] or not filecmp.cmp(there[0], path, shallow=False)]


def find_file(data_root: Path, dataset: str, candidates: Sequence[str]) -> Path:
    """The one file that `find_files` finds.

    Raises:
        UserError: there is none, or one in several folders.
    """
    found = find_files(data_root, dataset, candidates)
    if not found:
        where = f"in {data_root} or a subfolder {dataset}*" if data_root.is_dir() else f"as {data_root} does not exist"
        names, near = " or ".join(candidates), _near(data_root, dataset, candidates)
        raise UserError(
            f"{names} not found {where}{near}; get it with `lbar data fetch {dataset}`, or say where it is with "
            "--data-root"
        )
    if len(found) > 1:
        places = " and ".join(str(path) for path in found)
        mend = "give one folder with --data-root, or move the others away"
        raise UserError(f"{dataset} is in the data root several times: {places}; {mend}")
    return found[0]


def _near(data_root: Path, dataset: str, candidates: Sequence[str]) -> str:
    """A clause on the file whose name is nearest to one that is looked for; empty where there is none."""
    tables = [path for home in possible_homes(data_root, dataset) for path in sorted(home.glob("*.csv"))]
    names = {path.name: path for path in tables}
    near = (nearest(Path(name).name, names, cutoff=0.8) for name in candidates)
    return next((f" (the nearest is {names[name]})" for name in near if name), "")
