"""Change the core modules in small ways, and see whether their tests notice.

    tox -e mutants                          a fixed sample of 200 changes, all areas
    tox -e mutants -- --area statistics     of one area
    tox -e mutants -- --sample 20 --area checks --jobs 4

Changes are those of cosmic-ray's operators, and two arguments swapped; one at each of the sampled places, which depend
on the seed and the code alone. Each is tried in a copy of the code against the test files of its area (`areas.toml`).
What no test notices is listed, with the reason where it changes nothing (`unchanging.toml`); exit code 1 where fewer
than 97 % of the others are caught.
"""

import argparse
import sys
import tempfile
import tomllib
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from mutations import Mutation, mutated, places  # noqa: E402
from trials import Outcome, Trial, copied, limit_of, run  # noqa: E402

LEAST = 0.97


def main() -> int:
    """Try the sample; returns the exit code."""
    areas = tomllib.loads((HERE / "areas.toml").read_text(encoding="utf-8"))
    options = _options(areas)
    chosen = {name: areas[name] for name in options.area or areas}
    samples = _samples(chosen, options.sample, options.seed)
    if options.list:
        for name, sample in samples.items():
            for one in sample:
                _say(f"{name}  {_text(one)}")
        return 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [copied(ROOT, Path(folder) / str(number)) for number in range(options.jobs)]
        survivors, tried = _tried(chosen, samples, copies)
    return _report(survivors, tried)


def _options(areas: dict[str, object]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=200, help="number of changes (200)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    parser.add_argument("--area", action="append", choices=list(areas), help="only this one; may be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time (1)")
    parser.add_argument("--list", action="store_true", help="list the sample and try nothing")
    return parser.parse_args()


def _samples(areas: dict[str, dict[str, list[str]]], size: int, seed: int) -> dict[str, list[Mutation]]:
    """Of each area as large a part as its places are of all places, and eight at least."""
    found = {
        name: sorted(
            (one for module in area["modules"] for one in places(ROOT, module, seed)), key=lambda one: one.draw
        )
        for name, area in areas.items()
    }
    total = sum(map(len, found.values()))
    wanted = {name: max(8, round(size * len(some) / total)) for name, some in found.items()}
    return {
        name: list(islice((one for place in some if (one := mutated(ROOT, place))), wanted[name]))
        for name, some in found.items()
    }


def _tried(
    areas: dict[str, dict[str, list[str]]], samples: dict[str, list[Mutation]], copies: list[Path]
) -> tuple[list[Mutation], Counter[str]]:
    """The mutations that no test noticed, and how many were tried in each area."""
    undisturbed: dict[str, Outcome] = {}
    names = list(areas)
    plain = {name: Trial(tuple(area["tests"]), tuple(area.get("leave_out", ()))) for name, area in areas.items()}
    run(list(plain.values()), copies, lambda number, outcome: undisturbed.update({names[number]: outcome}))
    for name, outcome in undisturbed.items():
        if not outcome.passed:
            raise SystemExit(f"{name}: its tests fail without any change:\n{outcome.told[-4000:]}")
        _say(f"{name}: unchanged, {outcome.seconds:.0f} s")
    wanted = [(name, one) for name in names for one in samples[name]]
    trials = [
        replace(
            plain[name],
            module=one.module,
            before=one.whole_before,
            after=one.whole_after,
            limit=limit_of(undisturbed[name]),
        )
        for name, one in wanted
    ]
    survivors: list[Mutation] = []

    def told(number: int, outcome: Outcome) -> None:
        name, one = wanted[number]
        if outcome.passed:
            survivors.append(one)
        _say(f"{name}: {'SURVIVES' if outcome.passed else 'caught'}, {outcome.seconds:.0f} s: {_text(one)}")

    run(trials, copies, told)
    return survivors, Counter(name for name, _ in wanted)


def _report(survivors: list[Mutation], tried: Counter[str]) -> int:
    known = {
        (one["module"], one["before"], one["after"]): one["reason"]
        for one in tomllib.loads((HERE / "unchanging.toml").read_text(encoding="utf-8")).get("mutation", ())
    }
    unchanging = [one for one in survivors if one.key in known]
    holes = [one for one in survivors if one.key not in known]
    for one in unchanging:
        _say(f"changes nothing: {_text(one)}: {known[one.key]}")
    for one in holes:
        _say(f"no test notices: {_text(one)}")
    changing = tried.total() - len(unchanging)
    score = (changing - len(holes)) / changing
    _say(f"{tried.total()} mutations: {dict(tried)}")
    _say(f"{changing - len(holes)} of {changing} that change something are caught: {score:.1%}")
    return 0 if score >= LEAST else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _text(one: Mutation) -> str:
    return f"{one.module}:{one.line}:{one.column}: {one.before}  ->  {one.after}"


if __name__ == "__main__":
    sys.exit(main())
