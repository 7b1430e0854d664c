"""What somebody gets who installs the package instead of the checkout."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("harness", "systems", "leaderboard")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy: building leaves traces."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE", "lbar.py"):
        shutil.copy(ROOT / file, copy)
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(copy)]
    subprocess.run([sys.executable, "-m", *command], check=True)
    (path,) = out.glob("lbar-*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    files = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == files | {"lbar.py"}


@pytest.mark.slow
def test_the_licences_travel_with_it(wheel: zipfile.ZipFile) -> None:
    names = {Path(name).name for name in wheel.namelist() if ".dist-info/licenses/" in name}
    assert names == {"LICENSE", "LICENCES.md", "GPL-2.0.txt", "GPL-3.0.txt", "CC0-1.0.txt"}


def test_each_lower_bound_is_what_the_lowest_run_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    taken = dict(line.split("==") for line in lines if not line.startswith("#"))
    bounds = [(one.name.lower(), bound) for one in map(Requirement, needed) for bound in one.specifier]
    assert len(bounds) > 30
    untried = [
        f"{name}{bound}"
        for name, bound in bounds
        if bound.operator == ">=" and Version(taken[name.replace("_", "-")]) != Version(bound.version)
    ]
    assert untried == []
