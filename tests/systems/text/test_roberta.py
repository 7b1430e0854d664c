import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from harness.errors import UserError
from systems.text.captions import pad
from systems.text.roberta import TextConfig, build, embed, read_pretrained

if TYPE_CHECKING:
    from transformers import RobertaModel

CONFIG = TextConfig(vocabulary=90, width=32, depth=2, heads=4, intermediate=64, positions=40)


@pytest.fixture(scope="module")
def model() -> "RobertaModel":
    torch.manual_seed(0)
    model = build(CONFIG)
    # As they are drawn, the biases are zero and the scales one: nothing would tell them apart.
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return model


@pytest.fixture(scope="module")
def ids() -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    lengths = [2, 32, 7, 3, 3, 18, 25, 2, 11, 5]
    return [[0, *torch.randint(5, 90, (length - 2,), generator=generator).tolist(), 2] for length in lengths]


@pytest.fixture
def directory(model: "RobertaModel", tmp_path: Path) -> Path:
    """What transformers 5 writes of the bare encoder."""
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def as_bin(directory: Path, change: Callable[[dict[str, Tensor]], object] = lambda weights: None) -> None:
    """What transformers 4 wrote."""
    from safetensors.torch import load_file

    weights = load_file(directory / "model.safetensors")
    change(weights)
    torch.save(weights, directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()


def as_sharded_bin(directory: Path) -> None:
    from safetensors.torch import load_file

    weights = list(load_file(directory / "model.safetensors").items())
    shards = {"pytorch_model-00001-of-00002.bin": weights[:20], "pytorch_model-00002-of-00002.bin": weights[20:]}
    for name, part in shards.items():
        torch.save(dict(part), directory / name)
    weight_map = {key: name for name, part in shards.items() for key, _ in part}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (directory / "model.safetensors").unlink()


def with_head(directory: Path) -> None:
    """A masked-language model around the same encoder."""
    from transformers import RobertaForMaskedLM

    whole = RobertaForMaskedLM.from_pretrained(directory)
    whole.save_pretrained(directory)


def with_pooler(directory: Path) -> None:
    from transformers import RobertaModel

    RobertaModel.from_pretrained(directory, add_pooling_layer=True).save_pretrained(directory)


def sharded(directory: Path) -> None:
    from transformers import RobertaModel

    whole = RobertaModel.from_pretrained(directory, add_pooling_layer=False)
    (directory / "model.safetensors").unlink()
    whole.save_pretrained(directory, max_shard_size="30KB")
    assert not (directory / "model.safetensors").exists()
    assert len(list(directory.glob("*.safetensors"))) > 1


def old(weights: dict[str, Tensor]) -> None:
    weights["embeddings.position_ids"] = torch.arange(40)[None]


def wrapped(weights: dict[str, Tensor]) -> None:
    for name in list(weights):
        weights[f"module.roberta.{name}"] = weights.pop(name)


def in_half(weights: dict[str, Tensor]) -> None:
    for name in weights:
        weights[name] = weights[name].half()


@pytest.mark.parametrize(
    "arrange",
    [
        lambda directory: None,
        sharded,
        as_bin,
        as_sharded_bin,
        lambda directory: as_bin(directory, old),
        lambda directory: as_bin(directory, wrapped),
        with_head,
        lambda directory: (with_head(directory), as_bin(directory)),
        with_pooler,
    ],
    ids=["safetensors", "shards", "bin", "bin shards", "old bin", "wrapped", "masked LM", "masked LM bin", "pooler"],
)
def test_every_layout(
    directory: Path,
    model: "RobertaModel",
    ids: list[list[int]],
    arrange: Callable[[Path], object],
    capfd: pytest.CaptureFixture[str],
) -> None:
    arrange(directory)
    capfd.readouterr()
    read = read_pretrained(directory, CONFIG)
    assert capfd.readouterr() == ("", "")
    assert read.state_dict().keys() == model.state_dict().keys()
    for name, weight in read.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name
    assert torch.equal(embed(read.eval(), ids), embed(model.eval(), ids))


def test_half_precision_files_become_float32(directory: Path) -> None:
    as_bin(directory, in_half)
    assert {weight.dtype for weight in read_pretrained(directory, CONFIG).parameters()} == {torch.float32}


def as_json(name: str, **fields: object) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        path = directory / name
        said = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(said | fields))

    return damage


def truncate(name: str) -> Callable[[Path], object]:
    return lambda directory: (directory / name).write_bytes((directory / name).read_bytes()[:-1000])


def without(*names: str) -> Callable[[dict[str, Tensor]], None]:
    def change(weights: dict[str, Tensor]) -> None:
        for name in names:
            del weights[name]

    return change


class Payload:
    """Says so where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("unpickled",)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "config.json to read a model by"),
        (lambda directory: (directory / "config.json").write_text("{"), "config.json cannot be read (JSONDecodeError"),
        (lambda directory: (directory / "config.json").write_text("[]"), "holds no JSON object"),
        (as_json("config.json", model_type="bert"), "type 'bert' where 'roberta' is expected"),
        (
            as_json("config.json", hidden_size=768, num_hidden_layers=12),
            "hidden_size is 768 where 32 is expected, num_hidden_layers is 12 where 2 is expected",
        ),
        (as_json("config.json", num_attention_heads=8), "num_attention_heads is 8 where 4 is expected"),
        (lambda directory: (directory / "model.safetensors").unlink(), "holds no weights"),
        (truncate("model.safetensors"), "cannot be read as safetensors (SafetensorError"),
        (lambda directory: (as_bin(directory), truncate("pytorch_model.bin")(directory)), "pytorch_model.bin"),
        (
            lambda directory: as_bin(
                directory, without("embeddings.LayerNorm.bias", "encoder.layer.1.output.dense.bias")
            ),
            "missing: embeddings.LayerNorm.bias 32; missing: encoder.layer.1.output.dense.bias 32",
        ),
        (
            lambda directory: as_bin(directory, lambda weights: weights.clear()),
            "pytorch_model.bin holds no weights",
        ),
        (
            lambda directory: as_bin(
                directory, lambda weights: weights.update({"embeddings.LayerNorm.bias": torch.ones(31)})
            ),
            "unequal: embeddings.LayerNorm.bias is 31, expected 32",
        ),
        (
            lambda directory: as_bin(
                directory, lambda weights: weights.update({"encoder.layer.2.output.dense.bias": torch.ones(32)})
            ),
            "no place for, the first encoder.layer.2.output.dense.bias;",
        ),
        (
            lambda directory: as_bin(directory, lambda weights: weights.update(x=1)),
            "pytorch_model.bin holds no weights",
        ),
        (lambda directory: as_bin(directory, lambda weights: weights.update(x=Payload())), "print, which is no"),
        (
            lambda directory: (sharded(directory), min(directory.glob("model-*")).unlink()),
            "model-00001-of-",
        ),
        (
            lambda directory: (sharded(directory), (directory / "model.safetensors.index.json").write_text("{}")),
            "does not say which shard",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    directory: Path, damage: Callable[[Path], object], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    damage(directory)
    capfd.readouterr()
    with pytest.raises(UserError) as caught:
        read_pretrained(directory, CONFIG)
    message = str(caught.value)
    assert said in "; ".join([message, *caught.value.problems])
    assert str(directory) in message
    assert "\n" not in message
    assert "weights_only" not in message
    assert len(message) < 1000
    assert capfd.readouterr() == ("", "")


def test_a_plain_pickle_is_not_executed(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (directory / "model.safetensors").unlink()
    (directory / "pytorch_model.bin").write_bytes(pickle.dumps({"embeddings.LayerNorm.bias": Payload()}))
    capfd.readouterr()
    with pytest.raises(UserError, match=r"pytorch_model\.bin"):
        read_pretrained(directory, CONFIG)
    assert capfd.readouterr() == ("", "")


MEASURE = """
import re, sys
from pathlib import Path
from systems.text.roberta import TextConfig, read_pretrained

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def read(name, **size):
    return read_pretrained(Path(sys.argv[1]) / name, TextConfig(vocabulary=90, positions=40, **size))

read("small", width=32, depth=2, heads=4, intermediate=64)
before = peak()
weights = list(read("large", width=1024, depth=4, heads=16, intermediate=4096).parameters())
total = sum(float(weight.detach().sum()) for weight in weights)
print(total, (peak() - before) / sum(weight.nbytes for weight in weights))
"""


@pytest.mark.slow
@pytest.mark.parametrize("arrange", [lambda directory: None, as_bin], ids=["safetensors", "bin"])
def test_reading_costs_the_weights_once(directory: Path, tmp_path: Path, arrange: Callable[[Path], object]) -> None:
    large = build(CONFIG.model_copy(update={"width": 1024, "depth": 4, "heads": 16, "intermediate": 4096}))
    large.save_pretrained(tmp_path / "large")
    directory.rename(tmp_path / "small")
    arrange(tmp_path / "small")
    arrange(tmp_path / "large")
    done = subprocess.run([sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True)
    total, share = map(float, done.stdout.split())
    assert total == pytest.approx(sum(float(weight.detach().sum()) for weight in large.parameters()), abs=1e-2)
    assert 0.9 < share < 1.3


@pytest.mark.shared
def test_the_defaults_are_roberta_large(shared: Path) -> None:
    expected = json.loads((shared / "golden" / "bare_keys.json").read_text())["roberta-large"]
    with torch.device("meta"):
        model = build(TextConfig())
    assert {name: list(weight.shape) for name, weight in model.state_dict().items()} == expected
    assert len(expected) == 389
    assert sum(weight.numel() for weight in model.parameters()) == 354_310_144


def test_build() -> None:
    model = build(CONFIG)
    assert model.pooler is None
    assert model.training
    assert model.config._attn_implementation == "sdpa"
    dropouts = [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert set(dropouts) == {0.2}
    norms = [module.eps for module in model.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert set(norms) == {1e-5}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"width": 30, "heads": 4}, "width 30 is not a multiple of heads 4"),
        ({"positions": 32}, "longest 32 is too long: 32 positions"),
        ({"longest": 2}, "longest"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_nonsensical_settings(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TextConfig.model_validate(CONFIG.model_dump() | fields)


def close(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).norm() <= 1e-5 * expected.norm())


@torch.no_grad()
@pytest.mark.parametrize("most", [1, 3, 64])
def test_a_vector_depends_on_its_caption_alone(model: "RobertaModel", ids: list[list[int]], most: int) -> None:
    model.eval()
    together = embed(model, ids, most)
    assert together.shape == (len(ids), 32)
    for one, vector in zip(ids, together, strict=True):
        assert close(vector, embed(model, [one])[0])
        assert close(vector, model(torch.tensor([one])).last_hidden_state[0, 0])
        input_ids, mask = pad([one, [0] * 32])
        assert close(vector, model(input_ids[:1], mask[:1]).last_hidden_state[0, 0])
    assert not close(together[1], together[2])


def test_as_many_tokens_as_there_are_positions() -> None:
    config = CONFIG.model_copy(update={"positions": 34})
    with torch.no_grad():
        assert torch.isfinite(embed(build(config), [[0, *[7] * 30, 2]])).all()


def test_no_captions(model: "RobertaModel") -> None:
    assert embed(model, []).shape == (0, 32)


def test_gradients_and_dropout_are_the_callers(ids: list[list[int]]) -> None:
    model = build(CONFIG)
    first, second = embed(model, ids, 3), embed(model, ids, 3)
    assert not close(first, second)
    first.sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    with torch.inference_mode():
        assert torch.equal(embed(model.eval(), ids), embed(model, ids))


def test_transformers_is_loaded_late_and_kept_offline() -> None:
    code = """
import sys
import systems.text.roberta as roberta
assert "transformers" not in sys.modules
roberta.build(roberta.TextConfig(vocabulary=90, width=8, depth=1, heads=1, intermediate=8, positions=40))
from huggingface_hub.constants import HF_HUB_OFFLINE
print(HF_HUB_OFFLINE)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_the_spread_of_random_weights_is_the_cards() -> None:
    torch.manual_seed(0)
    wide = build(CONFIG.model_copy(update={"initial_spread": 0.1}))
    assert float(build(CONFIG).embeddings.word_embeddings.weight.std().detach()) == pytest.approx(0.02, rel=0.1)
    assert float(wide.embeddings.word_embeddings.weight.std().detach()) == pytest.approx(0.1, rel=0.1)


def test_mean_pooling_leaves_padding_out(model: "RobertaModel", ids: list[list[int]]) -> None:
    together = embed(model.eval(), ids, pooling="mean")
    for row, one in zip(together, ids, strict=True):
        alone = model(input_ids=torch.tensor([one])).last_hidden_state[0].mean(dim=0)
        torch.testing.assert_close(row, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together, embed(model, ids), atol=1e-2)
