"""One training of a grid in a process of its own, so that others run beside it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError
from harness.interface.registered import is_card


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
