"""What wrapping a model puts around its weights: a prefix before every name, and a dictionary around them all."""

from collections.abc import Iterator, Mapping

from torch import Tensor

COMPILED = "_orig_mod."
"""`torch.compile` inserts this into the name of every weight of the part that is compiled, wherever that part is."""

_PREFIXES = ("module.", "model.")
"""`DataParallel` and `DistributedDataParallel` say `module.`; Lightning and many others keep a model as `model`."""

_KEYS = ("state_dict", "model_state_dict", "model", "module")
"""Under which of these keys training frameworks keep the weights in a file; the first that is there counts."""


def weights_in(content: object) -> dict[str, Tensor] | None:
    """The weights in what a file holds: by themselves, or under one of the usual keys; `None` where there are none."""
    if not isinstance(content, Mapping):
        return None
    for part in (content, *(content[key] for key in _KEYS if key in content)):
        if isinstance(part, Mapping) and part and all(map(_is_weight, part.items())):
            return dict(part)
    return None


def _is_weight(entry: tuple[object, object]) -> bool:
    name, value = entry
    return isinstance(name, str) and isinstance(value, Tensor)


def unwrapped(state: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The weights under their names, then without a prefix that all of these share, as long as there is one.

    >>> import torch
    >>> weight = torch.zeros(1)
    >>> [list(one) for one in unwrapped({"module.model.a": weight, "module.model.b": weight})]
    [['module.model.a', 'module.model.b'], ['model.a', 'model.b'], ['a', 'b']]
    """
    yield state
    for prefix in _PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            yield from unwrapped({name.removeprefix(prefix): tensor for name, tensor in state.items()})
