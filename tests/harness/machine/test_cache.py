"""Where derived files are kept."""

import errno
import threading
import time
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.machine.cache import cache_root, embedding_key, exclusive


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


def test_the_same_parts_in_the_same_order_are_the_same_key() -> None:
    assert embedding_key("a", None, 1) == embedding_key("a", None, 1)
    different = [(), ("a",), ("a", "b"), ("b", "a"), ("ab",), (["a", "b"],), ("a", None), (1,), ("1",)]
    assert len({embedding_key(*parts) for parts in different}) == len(different)


def test_one_at_a_time_and_who_waits_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lock, order = tmp_path / "new" / "lock", []

    def second() -> None:
        with exclusive(lock, "embeddings"):
            order.append("second")

    thread = threading.Thread(target=second)
    with exclusive(lock, "embeddings"):
        assert caplog.messages == []
        thread.start()
        while not caplog.messages:
            time.sleep(0.001)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert caplog.messages == [f"waiting for another process that keeps embeddings in {tmp_path / 'new'}"]


def test_a_disk_that_is_full_is_one_line_and_the_lock_is_free_again(tmp_path: Path) -> None:
    def fill() -> None:
        with exclusive(tmp_path / "lock", "weights", "LBAR_WEIGHTS"):
            raise OSError(errno.ENOSPC, "No space left on device")

    for _ in range(2):
        with pytest.raises(UserError, match=r"^cannot keep weights in .*: No space left.*set LBAR_WEIGHTS to a folder"):
            fill()
