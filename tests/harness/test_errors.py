import runpy
from pathlib import Path

import pytest

from harness.errors import one_line_and_place

CODE = """import json


def read(text):
    return json.loads(text)


read("{")
"""


def test_the_line_of_a_file_in_the_working_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="property name") as caught:
        runpy.run_path(str(tmp_path / "mine.py"))
    assert one_line_and_place(caught.value).startswith("JSONDecodeError: Expecting property name")
    # Not where json raised it, but where it was called.
    assert one_line_and_place(caught.value).endswith(", at mine.py:5")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert one_line_and_place(caught.value).endswith("(char 1)")
