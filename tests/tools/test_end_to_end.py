"""The split of an evaluation from files by stage, with a small system."""

from pathlib import Path
from typing import Any

import pytest

from systems.text import CaptionTokenizer

TOKENIZER = Path(__file__).resolve().parents[2] / "systems" / "text" / "tiny_tokenizer"


def test_what_it_prints(tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LBAR_CACHE", "the tool sets another")
    tool.main(["tiny-mn", "--clips", "2", "--sample", "1", "--precision", "fp32", "--processor"])
    said = capsys.readouterr().out
    assert said.startswith("tiny-mn, fp32: 2 clips, 10 captions\n\n| stage | seconds | share |\n")
    rows = [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| ")]
    assert {"| decode and resample, once", "| encode", "| mel", "| the rest", "| all"} <= set(rows)
    assert "measured on 1 clips" in said


def test_captions_are_as_long_as_those_of_clotho(tool: Any, tmp_path: Path) -> None:
    """11.3 words on average, and at most 21; the first may be several tokens, as no space comes before it."""
    tokenizer = CaptionTokenizer.read(TOKENIZER, 600, 32, normalised=True)
    lengths = [len(ids) for ids in tokenizer(tool.generated(tmp_path, 40, (0.1, 0.2)).captions)]
    assert min(lengths) >= 10
    assert max(lengths) <= 21
    assert 13 < sum(lengths) / len(lengths) < 15.5
