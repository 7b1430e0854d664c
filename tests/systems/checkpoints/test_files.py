"""Weights files of every kind, whole and broken, harmless and not."""

import io
import logging
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import systems
from harness.errors import UserError
from harness.machine import CHECKSUMS, damaged_files
from systems.checkpoints.files import load_into, read_checkpoint, weights_digest, write_weights


class Dangerous:
    def __init__(self, function: Callable[..., object] = print) -> None:
        self.function = function

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return self.function, ("code was run",)


@pytest.fixture
def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def empty() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def assert_equal(found: nn.Module, expected: nn.Module) -> None:
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("way", ["zip", "legacy", "lightning", "safetensors"])
def test_round_trip(module: nn.Module, tmp_path: Path, way: str) -> None:
    path = tmp_path / ("weights.safetensors" if way == "safetensors" else "weights.pt")
    match way:
        case "zip":
            torch.save(module.state_dict(), path)
        case "legacy":
            torch.save(module.state_dict(), path, _use_new_zipfile_serialization=False)
        case "lightning":
            torch.save({"state_dict": module.state_dict(), "hyper_parameters": {"a": [1]}, "epoch": 3}, path)
        case "safetensors":
            write_weights(module, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint.settings == ({"a": [1]} if way == "lightning" else {})
    target = empty()
    load_into(target, checkpoint.state, path)
    assert_equal(target, module)


@pytest.mark.parametrize("place", [300, 1000, -400])
def test_a_byte_that_flipped_in_a_checkpoint_is_found(tmp_path: Path, place: int) -> None:
    """Torch itself does not look: it maps the file into memory, or skips the archive's checks."""
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.arange(1000.0)}, path)
    read_checkpoint(path)
    content = bytearray(path.read_bytes())
    content[place] ^= 8
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"weights\.pt is damaged: it does not pass the checks that torch wrote"):
        read_checkpoint(path)


def test_the_weights_that_come_with_it_are_what_they_were() -> None:
    folder = Path(systems.__file__).parent / "weights"
    assert damaged_files(folder) == []
    named = [line.split("  ")[1] for line in (folder / CHECKSUMS).read_text().splitlines()]
    assert named == sorted(path.name for path in folder.glob("*.safetensors"))


def test_half_the_space_and_read_as_float32(module: nn.Module, tmp_path: Path) -> None:
    write_weights(module, tmp_path / "half.safetensors", torch.float16)
    target = empty()
    load_into(target, read_checkpoint(tmp_path / "half.safetensors").state, tmp_path)
    assert target[0].weight.dtype == torch.float32
    torch.testing.assert_close(target[0].weight, module[0].weight, rtol=1e-3, atol=1e-3)
    assert target[1].num_batches_tracked.dtype == torch.int64


def test_missing_and_unequal_are_listed_surplus_is_told_of(module: nn.Module, caplog: pytest.LogCaptureFixture) -> None:
    state = module.state_dict() | {"more": torch.zeros(2, 3)}
    with caplog.at_level(logging.WARNING):
        load_into(empty(), state, Path("file.pt"))
    assert "file.pt: 1 names are not used; surplus: more 2 x 3" in caplog.text
    del state["0.bias"]
    state["0.weight"] = torch.zeros(4, 4)
    state["1.bias"] = torch.zeros(4, dtype=torch.int8)
    with pytest.raises(UserError, match=r"of 7 names 1 are missing and 2 of another shape") as caught:
        load_into(empty(), state, Path("file.pt"))
    assert caught.value.problems == (
        "missing: 0.bias 4",
        "unequal: 0.weight is 4 x 4, expected 4 x 3",
        "unequal: 1.bias is 4 int8, expected 4",
        "surplus: more 2 x 3",
    )


def test_weights_of_something_else_are_not_a_page_of_names() -> None:
    names = ("encoder.a", "encoder.b", *(f"layer{index}" for index in range(500)))
    with pytest.raises(UserError) as caught:
        load_into(empty(), {name: torch.zeros(1) for name in names}, Path("file.pt"))
    assert str(caught.value) == (
        "file.pt does not hold the weights of this Sequential: it names 2 weights encoder.…, 1 layer0, 1 layer1, "
        "1 layer2, 1 layer3, and 496 more where 5 weights 1.…, 2 0.… are expected; "
        "check that card and file belong together"
    )
    assert caught.value.problems == (
        *(f"missing: {name}" for name in ("0.weight 4 x 3", "0.bias 4", *(f"1.{one} 4" for one in BATCH_NORM))),
        "and 2 more",
        *("surplus: encoder.a 1", "surplus: encoder.b 1", *(f"surplus: layer{index} 1" for index in range(3))),
        "and 497 more",
    )


BATCH_NORM = ("weight", "bias", "running_mean")


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module.model._orig_mod."])
def test_what_wrapping_a_model_puts_around_its_weights(
    module: nn.Module, tmp_path: Path, key: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = {prefix + name: tensor for name, tensor in module.state_dict().items()}
    torch.save({key: state, "epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "weights.pt")
    torch.save(state, tmp_path / "plain.pt")
    for path in (tmp_path / "weights.pt", tmp_path / "plain.pt"):
        target = empty()
        load_into(target, read_checkpoint(path).state, path)
        assert_equal(target, module)
    assert caplog.text == ""


def test_a_prefix_that_is_the_modules_own_stays(tmp_path: Path) -> None:
    own = nn.ModuleDict({"model": nn.Linear(2, 2)})
    target = nn.ModuleDict({"model": nn.Linear(2, 2)})
    load_into(target, dict(own.state_dict()), tmp_path)
    assert_equal(target, own)


def test_a_name_that_is_there_compiled_and_not(tmp_path: Path) -> None:
    torch.save({"a.x": torch.zeros(1), "a._orig_mod.x": torch.zeros(1)}, tmp_path / "file.pt")
    with pytest.raises(UserError, match=r"file\.pt holds a\.x twice, with and without _orig_mod\.; get it again"):
        read_checkpoint(tmp_path / "file.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_refused(module: nn.Module, value: float) -> None:
    state = module.state_dict()
    state["0.bias"] = torch.tensor([1, value, 1, 1], dtype=torch.float16)
    with pytest.raises(
        UserError, match=r"file\.pt cannot be used: 1 of its 7 weights hold NaN or infinity \(0\.bias\)"
    ):
        load_into(empty(), state, Path("file.pt"))


def test_finite_numbers_whose_sum_is_not() -> None:
    target = nn.Linear(2, 1)
    state = {"weight": torch.full((1, 2), torch.finfo(torch.float32).max), "bias": torch.zeros(1)}
    load_into(target, state, Path("file.pt"))
    assert target.weight.isfinite().all()


def test_an_unknown_global_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}, "hyper_parameters": Dangerous()}, tmp_path / "bad.ckpt")
    with pytest.raises(UserError, match=r"bad\.ckpt was not read: it holds (\w+\.)?print, which is no"):
        read_checkpoint(tmp_path / "bad.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Dangerous(), protocol=2))
    with pytest.raises(UserError, match=r"plain\.ckpt"):
        read_checkpoint(tmp_path / "plain.ckpt")
    assert "code was run" not in capsys.readouterr().out


@pytest.mark.parametrize("function", [os.system, eval, sys.exit, subprocess.call])
@pytest.mark.parametrize("zipped", [True, False])
def test_the_worst_are_named_too(tmp_path: Path, function: Callable[..., object], zipped: bool) -> None:
    content = {"state_dict": {"a": torch.zeros(1)}, "hyper_parameters": Dangerous(function)}
    torch.save(content, tmp_path / "bad.ckpt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=rf"bad\.ckpt was not read: it holds (\w+\.)?{function.__name__}, which is no"):
        read_checkpoint(tmp_path / "bad.ckpt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_file_is_one_line(module: nn.Module, tmp_path: Path, share: float, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save(module.state_dict(), path)
    else:
        write_weights(module, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert "get it again" in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"hello", b"PK\x03\x04", pickle.dumps([1, 2]), pickle.dumps({}), b"\x80\x02.", b"."]
)
def test_what_is_no_weights_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"file\.pt"):
        read_checkpoint(tmp_path / "file.pt")


@pytest.mark.parametrize(
    "content",
    [{}, {"state_dict": {}}, {"state_dict": {"a": 1}}, [torch.zeros(1)], {"a": "b"}, {1: torch.zeros(1)}],
)
def test_data_without_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(UserError, match="holds no weights"):
        read_checkpoint(tmp_path / "file.pt")


def test_a_foreign_zip(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("hello.txt", "hello")
    (tmp_path / "file.pt").write_bytes(packed.getvalue())
    with pytest.raises(UserError, match=r"file\.pt"):
        read_checkpoint(tmp_path / "file.pt")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no weights file"):
        read_checkpoint(tmp_path / "gone.pt")


def test_others_may_read_it_as_any_file(module: nn.Module, tmp_path: Path) -> None:
    write_weights(module, tmp_path / "weights.safetensors")
    (tmp_path / "other").touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_folder_that_is_not_there(module: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"weights\.safetensors cannot be written"):
        write_weights(module, tmp_path / "gone" / "weights.safetensors")
    with pytest.raises(UserError, match="is a folder; expected a weights file"):
        read_checkpoint(tmp_path)


def test_the_digest_follows_names_shapes_and_numbers(module: nn.Module) -> None:
    first = weights_digest(module)
    assert weights_digest(module) == first
    assert weights_digest(nn.Sequential(nn.Identity(), *module)) != first
    with torch.no_grad():
        module[0].weight[0, 0] += 1
    assert weights_digest(module) != first


def test_a_full_disk_leaves_nothing(module: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UserError, match="cannot be written .*No space left"):
        write_weights(module, tmp_path / "weights.safetensors")
    assert list(tmp_path.iterdir()) == []


MEASURE = """
import re, sys, torch
from torch import nn
from pathlib import Path
from systems.checkpoints import read_checkpoint, load_into

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

path = Path(sys.argv[1])
torch.save({"a": torch.zeros(3)}, path.with_name("small.pt"))
read_checkpoint(path.with_name("small.pt"))
before = peak()
with torch.device("meta"):
    module = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(12)))
load_into(module, read_checkpoint(path).state, path)
total = sum(float(parameter.detach().sum()) for parameter in module.parameters())
size = sum(parameter.nbytes for parameter in module.parameters())
print(total, (peak() - before) / size)
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_a_large_file_costs_its_weights_and_not_its_optimizer(tmp_path: Path, suffix: str) -> None:
    module = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(12)))
    path = tmp_path / f"large{suffix}"
    if suffix == ".ckpt":
        moments = [torch.zeros_like(parameter) for parameter in module.parameters() for _ in range(2)]
        torch.save({"state_dict": module.state_dict(), "optimizer_states": moments}, path)
    else:
        write_weights(module, path)
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    total, share = map(float, done.stdout.split())
    assert total == pytest.approx(sum(float(parameter.detach().sum()) for parameter in module.parameters()))
    assert 0.9 < share < 1.3
