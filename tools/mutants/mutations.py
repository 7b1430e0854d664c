"""The places of a module where a small change would make it wrong, as cosmic-ray's operators change them."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names

Position = tuple[int, int]

_ALIKE = (
    {"Add", "Sub", "Mul", "Div", "FloorDiv"},
    {"BitOr", "BitAnd", "BitXor"},
    {"LShift", "RShift"},
    {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"},
    {"Is", "IsNot"},
    {"In", "NotIn"},
)
"""Operators that are put in each other's place."""


@dataclass(frozen=True)
class Mutation:
    """One change of one module.

    Attributes:
        module: path of the module.
        line: where it is, from 1.
        column: from 0.
        before: the line as it is, without its indentation.
        after: the changed line.
        whole_before: the module as it is.
        whole_after: the changed module.
    """

    module: str
    line: int
    column: int
    before: str
    after: str
    whole_before: str
    whole_after: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by in `unchanging.toml`, wherever in the module its line stands."""
        return self.module, self.before, self.after


@dataclass(frozen=True)
class Place:
    """A place of a module, and the operator that is to change it there.

    Attributes:
        module: path of the module.
        start: line and column.
        draw: decides whether it is in a sample. It depends on the line alone, so that a sample stays as it is where the
            code does.
        operator: that changes it.
        occurrence: number of the place among those that the operator can change.
    """

    module: str
    start: Position
    draw: bytes
    operator: Operator
    occurrence: int


class SwapArguments(Operator):
    """Swaps the first two positional arguments of a call; cosmic-ray has no operator for what is said in two places."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        """Every call of at least two plain arguments."""
        if node.type == "arglist":
            first, second = node.children[0], node.children[2] if len(node.children) > 2 else node.children[0]
            if "argument" not in (first.type, second.type) and first.get_code().strip() != second.get_code().strip():
                yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002
        """Swap them."""
        code = [child.get_code() for child in node.children]
        code[0], code[2] = code[2].strip(), f" {code[0].strip()}"
        return parso.parse("".join(code)).children[0]

    @classmethod
    def examples(cls) -> Iterable[Any]:
        """None."""
        return ()


def places(root: Path, module: str, seed: int) -> list[Place]:
    """The places of a module that can be changed, each with one operator that is drawn among those that can do so."""
    source = (root / module).read_text(encoding="utf-8")
    tree, lines = parso.parse(source), source.splitlines()
    passed_over = list(_passed_over(ast.parse(source)))
    of_start: dict[Position, Place] = {}
    for operator in _operators():
        found = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, start in enumerate(found):
            if any(first <= start < last for first, last in passed_over):
                continue
            said = f"{seed}|{module}|{lines[start[0] - 1].strip()}|{start[1]}|{type(operator).__name__}|"
            draw = hashlib.sha256(f"{said}{found[:occurrence].count(start)}".encode()).digest()
            if start not in of_start or draw < of_start[start].draw:
                of_start[start] = Place(module, start, draw, operator, occurrence)
    return sorted(of_start.values(), key=lambda place: place.draw)


def mutated(root: Path, place: Place) -> Mutation | None:
    """The change at a place; `None` where the module would be no Python then, or be as it was."""
    source = (root / place.module).read_text(encoding="utf-8")
    code = MutationVisitor.mutate_code(source, place.operator, place.occurrence)
    try:
        ast.parse(code or "(")
    except SyntaxError:
        return None
    before, after = source.splitlines(), (code or "").splitlines()
    at = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    if code is None or at is None:
        return None
    return Mutation(place.module, at + 1, place.start[1], before[at].strip(), after[at].strip(), source, code)


def _operators() -> Iterator[Operator]:
    for name in operator_names():
        operator = get_operator(name)
        if not operator.arguments() and _is_hard_to_see(name.rpartition("/")[2]):
            yield operator()
    yield SwapArguments()


def _is_hard_to_see(name: str) -> bool:
    """Whether what an operator makes may go unnoticed; `a >> b` for a sum of floats, say, ends in an error at once.

    >>> _is_hard_to_see("ReplaceBinaryOperator_Add_Sub"), _is_hard_to_see("ReplaceBinaryOperator_Add_RShift")
    (True, False)
    """
    kind, *operators = name.split("_")
    if len(operators) != 2 or kind == "ReplaceUnaryOperator":
        return name not in ("ReplaceUnaryOperator_USub_Not", "ReplaceUnaryOperator_USub_Invert")
    return any(set(operators) <= alike for alike in _ALIKE)


def _passed_over(tree: ast.Module) -> Iterator[tuple[Position, Position]]:
    """Where a change says nothing of the tests: types, imports, decorators, and sizes of blocks, which are `1 << n`."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            parts = [*node.decorator_list, *node.bases]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            parts = [node]
        elif isinstance(node, ast.Assign) and node in tree.body and "<<" in ast.unparse(node.value):
            parts = [node.value]
        for part in parts:
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)  # type: ignore[attr-defined]
