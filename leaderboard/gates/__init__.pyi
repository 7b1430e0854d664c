from .gate import run_gates as run_gates
from .result import GateRequest as GateRequest
from .result import GateResult as GateResult
