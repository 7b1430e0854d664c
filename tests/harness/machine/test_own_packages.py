import os
import subprocess
from pathlib import Path

import pytest

from harness.machine import other_packages, own_packages, own_process


def test_a_process_of_ours_finds_our_packages_and_the_modules_of_others_still(tmp_path: Path) -> None:
    for name in ("harness", "systems", "leaderboard"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError")
    (tmp_path / "mine.py").write_text("HERE = 1")
    code = "import mine, harness.errors, systems, leaderboard; print(mine.HERE, harness.__file__)"
    variables = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(own_process(code), cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", str(Path(own_packages.__file__).parents[1] / "__init__.py")]


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert other_packages() == []


def test_folders_and_distributions_of_our_names_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").touch()
    for distribution, file, content in (
        ("theirs", "RECORD", "systems/__init__.py,,\nsystems/a.py,,\n"),
        ("others", "top_level.txt", "leaderboard\n"),
        ("neither", "RECORD", "operating/systems/a.py,,\nsystems_of/harness.py,,\n"),
    ):
        folder = tmp_path / "site" / f"{distribution}-1.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
        (folder / file).write_text(content)
    monkeypatch.syspath_prepend(tmp_path / "site")
    shadow, other, third = other_packages()
    assert shadow.startswith(f"{tmp_path / 'harness' / '__init__.py'} is what Python in {tmp_path} takes for lbar's")
    assert other == (
        "systems belongs to theirs, too, installed in the same environment; "
        "install lbar in one of its own (pipx, uv tool, tox)"
    )
    assert third.startswith("leaderboard belongs to others, too")
