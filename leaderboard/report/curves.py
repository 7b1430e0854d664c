"""The curves of a training, from the record that it leaves beside its weights."""

from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError
from harness.machine import read_json, require_undamaged

_SAME = ("audio", "text", "windows", "shared", "temperature")


def read_curves(card: Mapping[str, object], path: Path) -> dict[str, object] | None:
    """Loss and validation measure of every epoch; `None` if there is no whole record, or it is of another system.

    Args:
        card: the card of the evaluated system.
        path: the file `training.json`.
    """
    try:
        require_undamaged(path, "train the system again")
        trained = read_json(path)
        trained_card = trained["said"]["card"]
        if any(trained_card.get(field) != card.get(field) for field in _SAME):
            return None
        epochs = trained["epochs"]
        return {
            "measure": str(trained["measure"]),
            "best": int(trained["epoch"]),
            "epochs": [int(epoch["number"]) for epoch in epochs],
            "loss": [float(epoch["loss"]) for epoch in epochs],
            "reached": [float(epoch["reached"]) for epoch in epochs],
        }
    except (UserError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
