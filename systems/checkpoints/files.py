"""Weights files, read safely: tensors and plain data come out of them, never code.

A checkpoint as torch writes it is a pickle, which can run anything when it is read. Here it is read by torch's
restricted unpickler, always: a file that names anything but tensors and plain containers is refused by that name. What
a file holds is mapped into memory, not copied, so that one whose optimizer states are twice its weights costs its
weights alone; but half-precision weights are widened, and files of torch before 1.6 are read whole.
"""

import hashlib
import logging
import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import UserError, one_line

StateDict = dict[str, Tensor]

_UNKNOWN_GLOBAL = re.compile(r"[Uu]nsupported (?:global: GLOBAL|GLOBAL|class) (\S+)")
_MOST_LISTED = 10
_log = logging.getLogger(__name__)


class _ReadOnlyDict(dict[Any, Any]):
    """Stands for the dictionary class in which the authors' training framework keeps its settings."""


class _ReadOnlyList(list[Any]):
    """The same for its lists."""


# Both are containers and nothing else; the package they come from need not be installed.
_CONTAINERS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_ReadOnlyDict, "sacred.config.custom_containers.ReadOnlyDict"),
    (_ReadOnlyList, "sacred.config.custom_containers.ReadOnlyList"),
]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        path: the file.
        state: its tensors by name, mapped from the file.
        settings: `hyper_parameters` where the training framework wrote some.
    """

    path: Path
    state: StateDict
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a weights file: safetensors, a plain state dict or a Lightning checkpoint.

    Raises:
        UserError: it is missing, cut short, no weights file, or names something that is not data.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected a weights file")
    if not path.is_file():
        raise UserError(f"there is no weights file {path}")
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)


def _read_safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return Checkpoint(path, load_file(path))
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read as safetensors ({one_line(error)}); get it again") from None


def _read_torch(path: Path) -> Checkpoint:
    try:
        with torch.serialization.safe_globals(_CONTAINERS), warnings.catch_warnings():
            # Of what an unusual file might mean: it is read, or it is refused below.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    # A damaged pickle can fail in any way.
    except Exception as error:
        named = _UNKNOWN_GLOBAL.search(str(error))
        if named is None:
            reason = "" if isinstance(error, pickle.UnpicklingError) else f" ({one_line(error, 120)})"
            raise UserError(f"{path} is no weights file, or is damaged{reason}; get it again") from None
        raise UserError(
            f"{path} was not read: it holds {named[1]}, which is no plain data and could run code; get the weights "
            "alone, as safetensors or as a state dict"
        ) from None
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path} holds no weights; expected a state dict, or a Lightning checkpoint with one")
    settings = content.get("hyper_parameters") if state is not content else None
    return Checkpoint(path, dict(state), settings if isinstance(settings, dict) else {})


def _is_zip(path: Path) -> bool:
    """Whether torch wrote it in the format that can be mapped; older files are read whole."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def load_into(module: nn.Module, state: StateDict, path: Path) -> None:
    """Give a module its weights; they are taken over as they are, without a copy.

    Names the module does not know are left alone and told of in the log: published files carry some.

    Args:
        module: may be on the meta device.
        state: under the module's own names.
        path: where they come from, for messages.

    Raises:
        UserError: names are missing or of another shape; all of them are listed, the surplus ones too.
    """
    expected = module.state_dict()
    missing = [f"missing: {name} {_shape(tensor)}" for name, tensor in expected.items() if name not in state]
    unequal = [
        f"unequal: {name} is {_shape(state[name])}, expected {_shape(tensor)}"
        for name, tensor in expected.items()
        if name in state and not _fits(state[name], tensor)
    ]
    surplus = [f"surplus: {name} {_shape(tensor)}" for name, tensor in state.items() if name not in expected]
    if missing or unequal:
        raise UserError(
            f"{path} does not hold the weights of this {type(module).__name__}: of {len(expected)} names "
            f"{len(missing)} are missing and {len(unequal)} of another shape; check that card and file belong together",
            [*_first(missing), *_first(unequal), *_first(surplus)],
        )
    if surplus:
        _log.warning("%s: %d names are not used; %s", path, len(surplus), "; ".join(_first(surplus)))
    module.load_state_dict({name: _as_float32(state[name]) for name in expected}, assign=True)


def weights_digest(module: nn.Module) -> str:
    """SHA-256 over a module's weights by name: the same whatever file they were read from."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LISTED
    return [*lines[:_MOST_LISTED], f"and {more} more"] if more > 0 else lines


def write_weights(module: nn.Module, path: Path, kind: torch.dtype = torch.float32) -> None:
    """Write a module's weights as safetensors, under a temporary name first.

    Args:
        module: whose state is written.
        path: the file.
        kind: of the floating numbers in the file: half precision takes half the space.

    Raises:
        UserError: the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    unfinished = path.with_name(f"{path.name}.unfinished")
    state = module.state_dict()
    stored = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    try:
        # Made here, the file may be read by whom the person's other files may.
        unfinished.touch()
        mode = unfinished.stat().st_mode
        save_file({name: tensor.cpu().contiguous() for name, tensor in stored.items()}, unfinished)
        unfinished.chmod(mode)
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        raise UserError(
            f"{path} cannot be written ({one_line(error, 120)}); make room, or name a folder that can be written"
        ) from error


def _as_float32(tensor: Tensor) -> Tensor:
    """Half-precision weights widened, everything else as it is."""
    return tensor.float() if tensor.is_floating_point() else tensor


def _fits(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and found.is_floating_point() == expected.is_floating_point()


def _shape(tensor: Tensor) -> str:
    """Shape, and the type where it is no usual one for weights."""
    shape = " x ".join(map(str, tensor.shape)) or "scalar"
    return shape if tensor.is_floating_point() else f"{shape} {str(tensor.dtype).removeprefix('torch.')}"
