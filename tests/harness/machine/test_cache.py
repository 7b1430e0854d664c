"""Where derived files are kept."""

from pathlib import Path

import pytest

from harness.machine.cache import cache_root


def test_the_variable_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "elsewhere"))
    assert cache_root() == tmp_path / "elsewhere"
    monkeypatch.setenv("LBAR_CACHE", "~/kept")
    assert cache_root() == Path.home() / "kept"


@pytest.mark.parametrize("value", [None, ""])
def test_else_it_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LBAR_CACHE", raising=False)
    if value is not None:
        monkeypatch.setenv("LBAR_CACHE", value)
    assert cache_root().name == "lbar"
    assert cache_root().is_relative_to(tmp_path)
