import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from harness.errors import UserError
from systems.checkpoints.model_folder import read_model_config, read_model_weights


def test_the_configuration_of_a_model_of_the_wanted_type(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 4}))
    assert read_model_config(tmp_path, "bert")["hidden_size"] == 4
    with pytest.raises(UserError, match=r"config\.json is of a model of type 'bert' where 'clap' is expected"):
        read_model_config(tmp_path, "clap")


def test_shards_are_put_together_and_a_whole_file_goes_first(tmp_path: Path) -> None:
    for name in "ab":
        save_file({name: torch.ones(2)}, tmp_path / f"model-{name}.safetensors")
    index = {"weight_map": {name: f"model-{name}.safetensors" for name in "ab"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert set(read_model_weights(tmp_path)) == {"a", "b"}
    save_file({"whole": torch.ones(2)}, tmp_path / "model.safetensors")
    assert set(read_model_weights(tmp_path)) == {"whole"}


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no weights: neither model\.safetensors nor pytorch_model\.bin; copy"):
        read_model_weights(tmp_path)
