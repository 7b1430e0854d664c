"""Write leaderboard/results/known_data.json anew, from the captions files of a data root; audio is not needed.

python tools/known_data.py DATA_ROOT
"""

import json
import sys
from pathlib import Path

from harness.datasets import load
from harness.errors import UserError
from harness.machine import read_json, write_text
from harness.protocols import PROTOCOLS, pose
from leaderboard.results import KNOWN, known_data_of


def main() -> None:
    """Look at every protocol whose data are there; what is known of the others stays."""
    found = read_json(KNOWN) if KNOWN.exists() else {}
    for name, rules in PROTOCOLS.items():
        if rules.dataset == "folder":
            continue
        try:
            found[name] = known_data_of(pose(rules, load(rules.dataset, rules.split, Path(sys.argv[1])))).model_dump()
        except UserError as error:
            sys.stdout.write(f"{name}: {error}\n")
    write_text(KNOWN, json.dumps({name: found[name] for name in PROTOCOLS if name in found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
