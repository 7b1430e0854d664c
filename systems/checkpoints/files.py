"""Weights files, read safely: only tensors and plain data, never code.

A checkpoint as torch writes it is a pickle, which can run any code when it is read. Here it is always read by torch's
restricted unpickler: a file that names anything but tensors and plain containers is refused, and the message has the
name. A file is mapped into memory, not copied, so that optimizer states in it cost nothing; but half-precision weights
are widened to float32, and files of torch before 1.6 are read whole.
"""

import hashlib
import logging
import pickle
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import UserError, one_line
from harness.machine import is_archive, is_sound, require_undamaged
from systems.checkpoints.wrappers import COMPILED, unwrapped, weights_in

StateDict = dict[str, Tensor]

_UNKNOWN_GLOBAL = re.compile(r"[Uu]nsupported (?:global: GLOBAL|GLOBAL|class) (\S+)")
_MOST_LISTED = 5
_log = logging.getLogger(__name__)


class _ReadOnlyDict(dict[Any, Any]):
    """Takes the place of the dictionaries in which the authors' training framework keeps its settings."""


class _ReadOnlyList(list[Any]):
    """Takes the place of its lists."""


# Both are plain containers; the package that defines them need not be installed.
_CONTAINERS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_ReadOnlyDict, "sacred.config.custom_containers.ReadOnlyDict"),
    (_ReadOnlyList, "sacred.config.custom_containers.ReadOnlyList"),
]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        path: the file.
        state: its tensors by name, mapped from the file; what `torch.compile` inserts into names is taken out.
        settings: `hyper_parameters`, if the training framework wrote them into the file.
    """

    path: Path
    state: StateDict
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a weights file: safetensors, a plain state dict, or one that a training framework put among other things.

    Raises:
        UserError: the file is missing or damaged, is no weights file, or names something that is not data.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected a weights file")
    if not path.is_file():
        raise UserError(f"there is no weights file {path}")
    known = require_undamaged(path, "get it, or train it, again")
    is_safetensors = path.suffix == ".safetensors"
    if not (known or is_safetensors) and not is_sound(path):
        raise UserError(f"{path} is damaged: it does not pass the checks that torch wrote into it; get it again")
    checkpoint = _read_safetensors(path) if is_safetensors else _read_torch(path)
    state = {name.replace(COMPILED, ""): tensor for name, tensor in checkpoint.state.items()}
    if len(state) < len(checkpoint.state):
        twice = next(
            name for name in checkpoint.state if COMPILED in name and name.replace(COMPILED, "") in checkpoint.state
        )
        raise UserError(f"{path} holds {twice.replace(COMPILED, '')} twice, with and without {COMPILED}; get it again")
    return replace(checkpoint, state=state)


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
            # Torch warns of unusual files; whatever is wrong with one, it is refused below.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive(path))
    # A damaged pickle can fail in any way.
    except Exception as error:
        named = _UNKNOWN_GLOBAL.search(str(error))
        if named is None:
            reason = "" if isinstance(error, pickle.UnpicklingError) else f" ({one_line(error, 120)})"
            raise UserError(f"{path} is no weights file, or is damaged{reason}; get it again") from None
        raise UserError(
            f"{path} was not read: it holds {named[1]}, which is no plain data and could run code; get a file with "
            "the weights alone, as safetensors or as a state dict"
        ) from None
    state = weights_in(content)
    if state is None:
        raise UserError(f"{path} holds no weights; expected a state dict, or a Lightning checkpoint with one")
    settings = content.get("hyper_parameters")
    return Checkpoint(path, state, settings if isinstance(settings, dict) else {})


def load_into(module: nn.Module, state: StateDict, path: Path) -> None:
    """Load weights into a module; float32 tensors are taken over without a copy.

    A prefix that all names share, such as `module.`, is left out where the module does not have it. Names that the
    module does not have are ignored, with a warning in the log: some published files have more.

    Args:
        module: may be on the meta device.
        state: weights under the module's own names.
        path: the file they come from, for messages.

    Raises:
        UserError: weights are missing, have another shape or are not finite; the first of them are listed, and of the
            surplus ones.
    """
    expected = module.state_dict()
    # The first of those that fit equally well, so that a name is left as it is where that serves.
    state = max(unwrapped(state), key=lambda names: len(expected.keys() & names.keys()))
    missing = [f"missing: {name} {_shape(tensor)}" for name, tensor in expected.items() if name not in state]
    unequal = [
        f"unequal: {name} is {_shape(state[name])}, expected {_shape(tensor)}"
        for name, tensor in expected.items()
        if name in state
        and (state[name].shape, state[name].is_floating_point()) != (tensor.shape, tensor.is_floating_point())
    ]
    surplus = [f"surplus: {name} {_shape(tensor)}" for name, tensor in state.items() if name not in expected]
    if missing or unequal:
        differ = f"of {len(expected)} names {len(missing)} are missing and {len(unequal)} of another shape"
        if len(missing) == len(expected):
            differ = f"it names {_beginnings(state)} where {_beginnings(expected)} are expected"
        raise UserError(
            f"{path} does not hold the weights of this {type(module).__name__}: {differ}; "
            "check that card and file belong together",
            [*_first(missing), *_first(unequal), *_first(surplus)],
        )
    if surplus:
        _log.warning("%s: %d names are not used; %s", path, len(surplus), "; ".join(_first(surplus)))
    # Half precision is widened; everything else stays as it is.
    found = {name: state[name].float() if state[name].is_floating_point() else state[name] for name in expected}
    if broken := [name for name, tensor in found.items() if not _is_finite(tensor)]:
        raise UserError(
            f"{path} cannot be used: {len(broken)} of its {len(found)} weights hold NaN or infinity "
            f"({', '.join(_first(broken))}); take a file from before its training went wrong, or get it again"
        )
    module.load_state_dict(found, assign=True)


def _is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are finite; the sum shows it in one pass, unless finite numbers add up to infinity."""
    return bool(tensor.sum().isfinite() or tensor.isfinite().all())


def _beginnings(names: Iterable[str]) -> str:
    """What names begin with, the most frequent first.

    >>> _beginnings(["audio.a", "audio.b", "text.a"])
    '2 weights audio.…, 1 text.…'
    """
    counts = Counter(f"{first}.…" if rest else first for first, _, rest in (name.partition(".") for name in names))
    lines = [f"{count} {first}" for first, count in counts.most_common()]
    return ", ".join(_first(lines)).replace(" ", " weights ", 1)


def weights_digest(module: nn.Module) -> str:
    """SHA-256 over a module's weights and their names: the same whatever kind of file they were read from."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _first(lines: list[str]) -> list[str]:
    """The first five lines, and how many more there are."""
    more = len(lines) - _MOST_LISTED
    return [*lines[:_MOST_LISTED], f"and {more} more"] if more > 0 else lines


def write_weights(module: nn.Module, path: Path, kind: torch.dtype = torch.float32) -> None:
    """Write a module's weights as safetensors, under a temporary name first.

    Args:
        module: the module.
        path: the file.
        kind: type of floating-point weights in the file; half precision takes half the space.

    Raises:
        UserError: the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    unfinished = path.with_name(f"{path.name}.unfinished")
    state = module.state_dict()
    stored = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    try:
        # `save_file` would make a file that only its owner may read.
        unfinished.touch()
        mode = unfinished.stat().st_mode
        save_file({name: tensor.cpu().contiguous() for name, tensor in stored.items()}, unfinished)
        unfinished.chmod(mode)
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        raise UserError(
            f"{path} cannot be written ({one_line(error, 120)}); make room, or name a folder that can be written to"
        ) from error


def _shape(tensor: Tensor) -> str:
    """The shape, and the type if it is not a floating-point one."""
    shape = " x ".join(map(str, tensor.shape)) or "scalar"
    return shape if tensor.is_floating_point() else f"{shape} {str(tensor.dtype).removeprefix('torch.')}"
