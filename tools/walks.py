"""Count the files that the protocol, the system and the record of an evaluation pass through.

    python tools/walks.py

Evaluates `linear` on `everyday` in a temporary folder and reads the board from it. Of each of the three objects it
prints the number of files whose functions receive it as an argument, the number of moves from one such file to another,
and the files in the order of the first visit.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import leaderboard
from harness import EvaluationRecord, Options, Protocol, evaluate, get_protocol, load_system

ROOT = Path(leaderboard.__file__).parents[1]
PACKAGES = ("harness", "systems", "leaderboard")


def main() -> None:
    """Evaluate, and print the three walks."""
    system, protocol = load_system("linear", device="cpu"), get_protocol("everyday")
    wanted: dict[str, Callable[[object], bool]] = {
        "protocol": lambda value: isinstance(value, Protocol),
        "system": lambda value: value is system,
        "record": lambda value: isinstance(value, EvaluationRecord),
    }
    walks: dict[str, list[str]] = {name: [] for name in wanted}

    def visit(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event != "call" or not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in PACKAGES:
            return
        file = path.relative_to(ROOT).as_posix()
        for name, is_wanted in wanted.items():
            if any(map(is_wanted, frame.f_locals.values())) and walks[name][-1:] != [file]:
                walks[name].append(file)

    with tempfile.TemporaryDirectory() as out:
        sys.setprofile(visit)
        try:
            evaluate(system, protocol, Options(out=Path(out), device="cpu"))
            leaderboard.load(out)
        finally:
            sys.setprofile(None)
    for name, files in walks.items():
        visited = dict.fromkeys(files)
        sys.stdout.write(f"{name}: {len(visited)} files, {len(files) - 1} moves: {', '.join(visited)}\n")


if __name__ == "__main__":
    main()
