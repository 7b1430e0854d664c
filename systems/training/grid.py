"""A grid search over a card's section `training:`: every combination is trained, the best on validation is kept."""

import hashlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import UserError
from harness.machine import (
    embedding_key,
    exclusive,
    read_json,
    read_yaml,
    require_undamaged,
    write_checksums,
)
from harness.runs import Curves

_GRIDS = Path(__file__).parents[1] / "cards" / "grids"

Train = Callable[[list[dict[str, Any]]], Iterator[str]]
"""Takes cards, and trains the system of each into its folder; gives a line on each result, in their order."""


def read_grid(path: Path) -> dict[str, list[Any]]:
    """Read a grid: fields of the section `training`, with dots as in `schedule.highest`, and values to try for each.

    Args:
        path: the file, or the name of a grid that comes with lbar, such as `table2`.

    Raises:
        UserError: the file is missing, or is no such grid.
    """
    known = {file.stem: file for file in sorted(_GRIDS.glob("*.yaml"))}
    if not path.exists() and str(path) in known:
        path = known[str(path)]
    try:
        grid = read_yaml(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"grid {path} cannot be read: {' '.join(str(error).split())}; name a file, or a grid that comes with lbar "
            f"({', '.join(known)})"
        ) from None
    if not isinstance(grid, dict) or not grid or not all(isinstance(one, list) and one for one in grid.values()):
        raise UserError(f"grid {path} is no grid; expected lines such as `supervised: [0, 0.5]`, a list for each field")
    return grid


def combinations(grid: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of values, by field.

    >>> list(combinations({"supervised": [0, 1], "schedule.highest": [0.1]}))
    [{'supervised': 0, 'schedule.highest': 0.1}, {'supervised': 1, 'schedule.highest': 0.1}]
    """
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def variant(card: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The card with the chosen values, by field, under a name that follows from them."""
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()
    changed: dict[str, Any] = json.loads(json.dumps(card))
    changed["name"] = f"{card['name']}-{digest[:8]}"
    for field, value in chosen.items():
        *above, last = field.split(".")
        section = changed.setdefault("training", {})
        for part in above:
            section = section.setdefault(part, {})
        section[last] = value
    return changed


class Tried(NamedTuple):
    """A combination that was trained: the system's name, the values by field, and what it reached by which measure."""

    name: str
    chosen: dict[str, Any]
    reached: float
    measure: str


def search(
    card: Mapping[str, Any],
    grid: Mapping[str, list[Any]],
    out: Path,
    runs: Path,
    train: Train,
    say: Callable[[str], None],
) -> str:
    """Train every combination that is not trained yet, and put the best in `out/<name>`.

    Args:
        card: the card that all of them share.
        grid: from `read_grid`.
        out: folder that receives the folder of each combination, and that of the best under the card's own name with
            `grid.json`, a list of all of them, best first.
        runs: folder of run folders, in whose MLflow store the trainings are nested in a run of the grid.
        train: trains them.
        say: receives a line for each.

    Returns:
        A line that names the best.

    Raises:
        UserError: a combination cannot be trained.
    """
    params = {field: json.dumps(values) for field, values in grid.items()}
    curves = Curves(runs, f"{card['name']} grid", embedding_key({"card": card, "grid": grid}), params)
    table = []
    for line, tried, key in _trained(card, grid, out, train):
        say(f"{tried.chosen}: {line}")
        if key and (warning := curves.try_nest(key, tried.reached)):
            say(warning)
        table.append(tried)
    table.sort(key=lambda tried: -tried.reached)
    best = table[0]
    content = json.dumps([tried._asdict() for tried in table], indent=2) + "\n"
    with exclusive(out / ".grid" / f"{card['name']}.lock", "a grid's best system", "LBAR_WEIGHTS"):
        folder = _kept(out / best.name, out / card["name"], card["name"], content)
    return f"{folder / 'card.yaml'}: the best of {len(table)}, {best.measure} {best.reached:.4f} by {best.chosen}"


def _trained(
    card: Mapping[str, Any], grid: Mapping[str, list[Any]], out: Path, train: Train
) -> Iterator[tuple[str, Tried, str | None]]:
    """Each combination when it is trained: the trainer's line, the result, and the key of its curves, if any."""
    tries = list(combinations(grid))
    variants = [variant(card, chosen) for chosen in tries]
    for chosen, one, line in zip(tries, variants, train(variants), strict=True):
        path = out / one["name"] / "training.json"
        require_undamaged(path, "delete its folder and run the same command again")
        record = read_json(path)
        yield line, Tried(one["name"], chosen, record["reached"], record["measure"]), record.get("key")


def _kept(best: Path, target: Path, name: str, table: str) -> Path:
    """Copy the best one's folder to the card's own name, with `grid.json`, and return the copy.

    What was there before is out of the way only while the copy is renamed; what a killed process left is cleared away.
    """
    import yaml

    unfinished, before = (target.with_name(f".{target.name}.{what}") for what in ("unfinished", "before"))
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(best, unfinished, ignore=shutil.ignore_patterns("*.lock"))
    # Both folders lie in the same folder, so that the relative paths in the card hold in the copy.
    card = read_yaml(unfinished / "card.yaml") | {"name": name}
    (unfinished / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    write_checksums(unfinished, ["card.yaml"])
    (unfinished / "grid.json").write_text(table, encoding="utf-8")
    if target.exists():
        shutil.rmtree(before, ignore_errors=True)
        target.rename(before)
    unfinished.rename(target)
    shutil.rmtree(before, ignore_errors=True)
    return target
