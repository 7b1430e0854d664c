"""The shape of the packages: rooms with faces, narrow folders, short files, nothing heavy loaded before it is needed.

Which room may import which is held by import-linter (`tox -e lint`, contracts in pyproject.toml).
"""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("harness", "systems", "leaderboard")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
ROOMS = sorted(file.parent for package in PACKAGES for file in (ROOT / package).glob("*/__init__.py"))
FACES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("__init__.pyi"))
HEAVY = (
    "numpy",
    "pydantic",
    "torch",
    "transformers",
    "mlflow",
    "pandas",
    "sklearn",
    "matplotlib",
    "pyarrow",
    "lightning",
)


def dotted(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    """The folder directly below its package that a module lies in; a file there is a room of its own."""
    return ".".join(module.split(".")[:2])


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and name of every module of ours that a file imports from, wherever in the file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            if node.module and node.module.split(".")[0] in PACKAGES:
                yield node.lineno, node.module
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if name.name.split(".")[0] in PACKAGES)


def test_other_rooms_are_used_by_their_faces() -> None:
    names = {dotted(folder / "__init__.py") for folder in ROOMS}
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports from {module}"
        for file in FILES
        for line, module in imports(file)
        if room_of(module) != room_of(dotted(file))
        and room_of(module) in names
        and module != room_of(module)
        # Loading the face would take longer than all that `import harness` may.
        and module != "harness.interface.addresses"
    ]
    assert wrong == []


def test_a_room_says_what_it_is_for() -> None:
    assert len(ROOMS) > 15
    for folder in ROOMS:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))), folder


@pytest.mark.parametrize("face", FACES, ids=dotted)
def test_every_name_of_a_face_is_there(face: Path) -> None:
    package = importlib.import_module(dotted(face))
    assert package.__all__
    for name in package.__all__:
        if (face.parent / name).is_dir() or (face.parent / f"{name}.py").is_file():
            # Importing the module must not put it in the place of the name.
            importlib.import_module(f"{dotted(face)}.{name}")
        assert getattr(package, name) is not None
        assert not isinstance(getattr(package, name), ModuleType)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import harness

    with pytest.raises(AttributeError, match="evalaute"):
        harness.evalaute  # noqa: B018


def test_no_folder_is_wide_and_no_file_long() -> None:
    folders = {parent for file in FILES for parent in file.parents if parent.is_relative_to(ROOT) and parent != ROOT}
    for folder in folders:
        beside = [path for path in folder.iterdir() if path.suffix == ".py" or any(path.rglob("*.py"))]
        assert len([path for path in beside if path.name not in ("__init__.py", "__pycache__")]) <= 14, folder
    for file in FILES:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 400, file


@pytest.mark.parametrize(
    "statement",
    [
        "import harness",
        "from harness.cli import build; build()",
        "import leaderboard.cli.board",
        "import systems.training.cli",
    ],
)
def test_nothing_heavy_is_loaded(statement: str) -> None:
    code = f"import sys; {statement}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
