"""The table of queries as people type them: a row for each system, and its place in the page."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tabulate_intents", ROOT / "tools" / "tabulate_intents.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_real_runs_takes_its_place_in_the_page(tool: ModuleType, tmp_path: Path) -> None:
    from harness.evaluation.options import Options
    from harness.evaluation.several import evaluate_all
    from harness.protocols.description import get_protocol

    names = ("everyday-multi", "everyday-intents-negation")
    options = Options(out=tmp_path / "runs", device="auto")
    for name in names:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("harness.evaluation.several.try_mirror", lambda *_, **__: None)
            evaluate_all(["random"], get_protocol(name), options, say=lambda _: None)
    table = tool.intents_table(tmp_path / "runs")
    header, _, row = table.splitlines()
    assert header.count("|") == row.count("|") == 10
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[0] == "random"
    assert cells[2:6] == ["", "", "", ""]
    assert float(cells[8].split()[0]) == pytest.approx(0.5, abs=0.08), "a random order has 0.5"
    page = tmp_path / "intents.md"
    page.write_text((ROOT / "docs" / "results" / "intents.md").read_text())
    for _ in range(2):
        tool.main(str(tmp_path / "runs"), str(page))
    assert page.read_text().count(row) == 1
    page.write_text("no place")
    with pytest.raises(SystemExit, match="has 0 places for the table"):
        tool.main(str(tmp_path / "runs"), str(page))
