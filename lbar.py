"""The command `lbar`: it runs if `harness`, `systems` and `leaderboard` are its own, and says so where they are not.

Other distributions, and folders that people have, are called so, too.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

_HOME = Path(__file__).resolve().parent
_MEND = "leave that folder or take it off PYTHONPATH, or give lbar an environment of its own (pipx, uv tool, tox)"


def stranger() -> str | None:
    """A line on the first of the three packages that Python finds elsewhere than beside this file, and on the mend."""
    for name in ("harness", "systems", "leaderboard"):
        spec = find_spec(name)
        found = spec and Path(spec.origin or next(iter(spec.submodule_search_locations or ()), "")).resolve()
        if found not in (_HOME / name / "__init__.py", None):
            return f"`import {name}` finds {found}, which is not lbar's in {_HOME / name}; {_MEND}"
    return None


def main() -> None:
    """Run the command line; the exit code is 2 where other packages stand in for its own."""
    line = stranger()
    try:
        if line is None:
            from harness.cli.app import main as command
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "harness":
            raise
        line = f"{_HOME / 'harness'} is not lbar's, another distribution has written into it ({error}); {_MEND}"
    if line is not None:
        sys.stderr.write(f"lbar: {line}\n")
        sys.exit(2)
    command()


if __name__ == "__main__":
    main()
