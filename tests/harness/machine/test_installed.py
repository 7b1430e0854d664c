from importlib import metadata
from pathlib import Path

import pytest

from harness.machine import entry_points


def install(place: Path, name: str, group: str) -> None:
    about = place / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{group}]\nthing = {name}:thing\n")


def test_what_is_installed_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not entry_points("tests.things")
    monkeypatch.syspath_prepend(tmp_path)
    assert not entry_points("tests.things")
    install(tmp_path, "one", "tests.things")
    assert [(entry.name, entry.value) for entry in entry_points("tests.things")] == [("thing", "one:thing")]
    assert entry_points("lbar.systems")


def test_distributions_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points("lbar.systems")
    monkeypatch.setattr(metadata, "entry_points", None)
    assert not entry_points("tests.things")
