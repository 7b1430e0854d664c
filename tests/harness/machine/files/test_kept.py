from pathlib import Path

import pytest
from filelock import FileLock

from harness.errors import UserError
from harness.machine.files.kept import KINDS_OF_KEPT, disk_of, kept_in

DECODER = "0123abcd"
FOLDERS = {
    "samples": f"pcm/clotho-{DECODER}",
    "old-samples": "pcm/clotho-ffffffff",
    "embeddings": "embeddings/" + 64 * "a",
    "correspondences": "correspondences/" + 64 * "b",
    "systems": "systems/" + 64 * "e",
    "everyday": "everyday-1",
    "indexes": "indexes/" + 64 * "d",
    "mlflow": "mlflow/" + 16 * "c",
}
OTHERS = ("pcm/mine", "embeddings/mine", "everyday-mine", "photographs", f"deep/pcm/clotho-{DECODER}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "cache"
    for size, folder in enumerate((*FOLDERS.values(), *OTHERS), 1):
        (root / folder / "inside").mkdir(parents=True)
        (root / folder / "inside" / "file").write_bytes(bytes(1_000_000 * size))
        (root / folder / "lock").touch()
    return root


def test_every_kind_is_found_with_its_size_and_nothing_else_is(root: Path) -> None:
    found = kept_in(root, DECODER)
    assert [one.kind for one in found] == list(KINDS_OF_KEPT)
    assert {one.kind: one.folder for one in found} == {kind: root / folder for kind, folder in FOLDERS.items()}
    assert [round(one.size, -6) for one in found] == [1_000_000 * size for size in range(1, 1 + len(FOLDERS))]


def test_a_link_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "everyday-2").symlink_to(tmp_path / "elsewhere")
    assert root / "everyday-2" not in [one.folder for one in kept_in(root, DECODER)]


def test_no_cache_holds_nothing(tmp_path: Path) -> None:
    assert kept_in(tmp_path / "none", DECODER) == []


def test_deleting_takes_the_folder_and_leaves_the_others(root: Path) -> None:
    found = kept_in(root, DECODER)
    assert found[0].delete()
    assert kept_in(root, DECODER) == found[1:]
    assert all((root / other / "inside" / "file").exists() for other in OTHERS)


@pytest.mark.parametrize("lock", ["lock", "16000hz.lock", ".development.lock"])
def test_what_another_process_is_writing_stays(root: Path, lock: str) -> None:
    first = kept_in(root, DECODER)[0]
    with FileLock(first.folder / lock):
        assert not first.delete()
    assert (first.folder / "inside" / "file").exists()
    assert first.delete()


def test_what_cannot_be_deleted_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path / "inside"))

    monkeypatch.setattr("harness.machine.files.kept.shutil.rmtree", refuse)
    with pytest.raises(UserError, match="inside cannot be deleted: Permission denied"):
        kept_in(root, DECODER)[0].delete()


def test_free_space_is_asked_where_the_folder_would_be(tmp_path: Path) -> None:
    assert disk_of(tmp_path / "not" / "there").number == tmp_path.stat().st_dev
    assert disk_of(tmp_path / "not" / "there").free > 0
