"""A model's folder as transformers writes it: `config.json`, and the weights in one file or in shards."""

import os
from pathlib import Path

from harness.errors import UserError, one_line
from harness.machine import read_json
from systems.checkpoints.files import StateDict, read_checkpoint

# Transformers reads this when it is first imported: nothing is to be downloaded.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

COPY_AGAIN = "copy the model's files there again, as transformers wrote them"
"""How to mend such a folder, for messages."""


def read_model_config(directory: Path, model_type: str) -> dict[str, object]:
    """What `config.json` holds.

    Raises:
        UserError: the file is missing or damaged, or is of a model of another type.
    """
    path = directory / "config.json"
    config = _read_object(path)
    if config.get("model_type") != model_type:
        raise UserError(
            f"{path} is of a model of type {config.get('model_type')!r} where {model_type!r} is expected; "
            "name the folder of such a model in the card"
        )
    return config


def read_model_weights(directory: Path) -> StateDict:
    """All tensors of a model; where several files have them, of the file that transformers would take.

    Raises:
        UserError: there is no weights file, or one is damaged or holds more than tensors.
    """
    for name in ("model.safetensors", "pytorch_model.bin"):
        whole, index = directory / name, directory / f"{name}.index.json"
        if whole.exists():
            return read_checkpoint(whole).state
        if index.exists():
            shards = _read_object(index).get("weight_map")
            if not isinstance(shards, dict):
                raise UserError(f"{index} does not say which shard holds which weight; {COPY_AGAIN}")
            return {
                key: weight
                for shard in sorted({str(shard) for shard in shards.values()})
                for key, weight in read_checkpoint(directory / shard).state.items()
            }
    raise UserError(f"{directory} holds no weights: neither model.safetensors nor pytorch_model.bin; {COPY_AGAIN}")


def _read_object(path: Path) -> dict[str, object]:
    """The JSON object in a file."""
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise UserError(f"there is no {path} to read a model by; {COPY_AGAIN}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({one_line(error)}); {COPY_AGAIN}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object; {COPY_AGAIN}")
    return content
