"""Counts the inputs that the fuzzing gives to readers, and prints the counts."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random

import pytest

COUNTS = pytest.StashKey[dict[str, int]]()


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> dict[str, int]:
    """By kind of file, how many inputs were given to its readers."""
    return request.config.stash.setdefault(COUNTS, {})


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    counts = config.stash.get(COUNTS, {})
    if counts:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
        terminalreporter.write_line(f"fuzzed with {sum(counts.values()):,} inputs: {kinds}")


@pytest.fixture(scope="session")
def mutate() -> Callable[[Random, bytes], bytes]:
    """Makes a spoilt copy of a file's bytes."""
    spec = spec_from_file_location("mutations", Path(__file__).with_name("mutations.py"))
    assert spec is not None
    assert spec.loader is not None
    mutations = module_from_spec(spec)
    spec.loader.exec_module(mutations)
    found: Callable[[Random, bytes], bytes] = mutations.mutated
    return found
