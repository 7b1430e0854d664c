"""The gates by name; a new one is a function from a request to results, and an entry here."""

from collections.abc import Callable, Sequence

from harness.errors import UserError, unknown
from leaderboard.gates import quality_gate, speed_gate
from leaderboard.gates.result import GateRequest, GateResult

GATES: dict[str, Callable[[GateRequest], list[GateResult]]] = {
    quality_gate.NAME: quality_gate.quality_gate,
    speed_gate.NAME: speed_gate.speed_gate,
}


def run_gates(names: Sequence[str], request: GateRequest) -> list[GateResult]:
    """Run gates one after the other.

    Args:
        names: which; none means that of quality, and that of speed where speeds are given.
        request: what they check.

    Raises:
        UserError: there is no such gate, several gates share one baseline, or a gate cannot be run.
    """
    chosen = names or [quality_gate.NAME, *([speed_gate.NAME] if request.speeds else [])]
    for name in chosen:
        if name not in GATES:
            raise unknown("gate", name, GATES)
    if request.baseline and len(chosen) > 1:
        raise UserError(
            f"--baseline {request.baseline} can be of one gate; say by --only of which of {', '.join(chosen)}"
        )
    return [result for name in chosen for result in GATES[name](request)]
