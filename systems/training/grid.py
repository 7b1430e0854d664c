"""A grid search over what a card's training says: every combination trained, the best on validation kept."""

import hashlib
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from harness.errors import UserError
from harness.interface import is_card
from harness.machine import embedding_key
from harness.runs import Curves

Train = Callable[[Mapping[str, object], str], str]
"""Trains a card into its folder, on a device; returns a line on what came of it."""


def read_grid(path: Path) -> dict[str, list[Any]]:
    """Read a grid: fields of the section `training`, dotted where they lie deeper, and the values to try.

    Raises:
        UserError: the file is missing or no such grid.
    """
    import yaml

    try:
        grid = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"grid {path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(grid, dict) or not grid or not all(isinstance(one, list) and one for one in grid.values()):
        raise UserError(f"grid {path} is none; expected lines like `supervised: [0, 0.5]`, a list of values a field")
    return grid


def combinations(grid: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of values, by field.

    >>> list(combinations({"supervised": [0, 1], "schedule.highest": [0.1]}))
    [{'supervised': 0, 'schedule.highest': 0.1}, {'supervised': 1, 'schedule.highest': 0.1}]
    """
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def variant(card: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The card with these values, under a name of its own that they decide."""
    said = json.dumps(chosen, sort_keys=True)
    changed: dict[str, Any] = json.loads(json.dumps(card))
    changed["name"] = f"{card['name']}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
    for field, value in chosen.items():
        *above, last = field.split(".")
        section = changed.setdefault("training", {})
        for part in above:
            section = section.setdefault(part, {})
        section[last] = value
    return changed


class Tried(NamedTuple):
    """A combination that was trained: the system's name, the values, and what it reached by which measure."""

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
    devices: Sequence[str],
    say: Callable[[str], None],
) -> str:
    """Train every combination that is not trained yet, and put the best in `out/<name>`.

    Args:
        card: what all of them share.
        grid: from `read_grid`.
        out: folder that receives a folder for each combination, and the best one's under the card's own name, with
            `grid.json`, which has all of them, best first.
        runs: folder of run folders, in whose MLflow store the trainings are nested in a run of the grid.
        train: what trains one of them.
        devices: as many are trained at a time, each on its own.
        say: receives a line for each.

    Returns:
        A line that names the best.

    Raises:
        UserError: a combination cannot be trained.
    """
    params = {field: json.dumps(values) for field, values in grid.items()}
    curves = Curves(runs, f"{card['name']} grid", embedding_key({"card": card, "grid": grid}), params)
    free = SimpleQueue[str]()
    for device in devices:
        free.put(device)

    def train_one(chosen: Mapping[str, Any]) -> tuple[str, Tried, str | None]:
        device = free.get()
        try:
            one = variant(card, chosen)
            line = train(one, device)
        finally:
            free.put(device)
        record = json.loads((out / one["name"] / "training.json").read_text())
        tried = Tried(one["name"], dict(chosen), record["reached"], record["measure"])
        return line, tried, record.get("key")

    table = []
    with ThreadPoolExecutor(len(devices)) as pool:
        # What is not in a process of its own stays in this thread: Python's warnings are switched for all threads.
        trained = (map if len(devices) == 1 else pool.map)(train_one, combinations(grid))
        for line, tried, key in trained:
            say(f"{tried.chosen}: {line}")
            if key and (warning := curves.try_nest(key, tried.reached)):
                say(warning)
            table.append(tried)
    table.sort(key=lambda tried: -tried.reached)
    best = table[0]
    folder = _kept(out / best.name, out / card["name"], card["name"])
    (folder / "grid.json").write_text(json.dumps([tried._asdict() for tried in table], indent=2) + "\n")
    return f"{folder / 'card.yaml'}: the best of {len(table)}, {best.measure} {best.reached:.4f} by {best.chosen}"


def _kept(best: Path, target: Path, name: str) -> Path:
    """The best one's folder under the card's own name."""
    import yaml

    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(best, unfinished, ignore=shutil.ignore_patterns(".lock"))
    # As it stands in its own folder: both lie at one depth, so that all its paths hold.
    card = yaml.safe_load((unfinished / "card.yaml").read_text(encoding="utf-8")) | {"name": name}
    (unfinished / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    return unfinished.replace(target)


def train_apart(
    base: str, variant: Mapping[str, object], out: Path, data_root: Path, device: str, precision: str
) -> str:
    """Train a variant of a card by a command of its own, whose messages go to standard error.

    Args:
        base: the card it is a variant of, a registered name or a path.
        variant: from `grid.variant`.
        out: folder that receives the system's.
        data_root: folder with the data sets.
        device: in torch's words.
        precision: `fp32`, `bf16` or `fp16`.

    Returns:
        The line that the command says of what came of it.

    Raises:
        UserError: the command failed; it has said why.
    """
    name = str(variant["name"])
    card = out / ".grid" / f"{name}.yaml"
    card.parent.mkdir(parents=True, exist_ok=True)
    said = {
        "base": str(Path(base).resolve()) if is_card(base) else base,
        "name": name,
        "training": variant["training"],
    }
    card.write_text(json.dumps(said))
    options = ["--out", str(out), "--data-root", str(data_root), "--device", device, "--precision", precision]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "harness", "train", str(card), *options], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"{name} could not be trained on {device}; why is said above, what is done is not done again")
    return done.stdout.strip()
