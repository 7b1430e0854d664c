"""The names that published weights files give to tensors, translated into those of our modules.

Here are the layouts of whole systems; those of audio encoders are in the encoders' files. Sources: the key lists of the
authors' systems (OptimusPrimus/salsa) and of the DCASE 2025 Task 6 baseline.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import UserError
from systems.checkpoints.files import Checkpoint, StateDict
from systems.checkpoints.wrappers import unwrapped

Prefixes = tuple[tuple[str, str | None], ...]
"""What a name may begin with, and what replaces this; `None` leaves the tensor out. The first that fits counts."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one kind of file names its tensors.

    Attributes:
        name: of the kind of file, for messages.
        sign: the beginning of a name that only this kind has.
        prefixes: how its names are translated.
    """

    name: str
    sign: str
    prefixes: Prefixes


SYSTEM_LAYOUTS = (
    Layout(
        "the authors' Lightning checkpoint",
        "sentence_embedding_model.",
        (
            ("sentence_embedding_model.embeddings.position_ids", None),
            ("sentence_embedding_model.", "text."),
            ("project_audio.0.", "audio_projection."),
            ("project_sentence.0.", "text_projection."),
            # Frozen, or not used when embedding.
            ("audio_output_projection.", None),
            ("audio_token", None),
            ("posencode.", None),
            ("tau", None),
            ("timing_tau", None),
        ),
    ),
    Layout(
        "the DCASE 2025 baseline's checkpoint",
        "text_embedding_model.",
        (
            ("text_embedding_model.embeddings.position_ids", None),
            ("text_embedding_model.", "text."),
            ("audio_projection.", "audio_projection."),
            ("text_projection.", "text_projection."),
            ("tau", None),
        ),
    ),
)
"""Of whole systems; a file without any of their signs is taken for one of ours, with the names of `DualEncoder`."""


def system_state(checkpoint: Checkpoint, audio: Prefixes) -> StateDict:
    """The tensors of a whole system under the names of `DualEncoder`.

    Args:
        checkpoint: of the system.
        audio: how the names of its audio encoder, after `audio_embedding_model.`, are translated.
    """
    inside = [(f"audio_embedding_model.{start}", None if ours is None else f"audio.{ours}") for start, ours in audio]
    layouts = [replace(layout, prefixes=(*inside, *layout.prefixes)) for layout in SYSTEM_LAYOUTS]
    return translated(checkpoint, layouts)


def translated(checkpoint: Checkpoint, layouts: Sequence[Layout]) -> StateDict:
    """A checkpoint's tensors under our names, by the first layout whose sign is found; unchanged if none is.

    A name that no prefix fits stays as it is, and `load_into` lists it as surplus.

    Raises:
        UserError: two tensors of the file would get one name.
    """
    layout, state = _recognised(checkpoint, layouts)
    if layout is None:
        return state
    renamed: StateDict = {}
    for name, tensor in state.items():
        prefix, replacement = next(((p, r) for p, r in layout.prefixes if name.startswith(p)), ("", ""))
        if replacement is None:
            continue
        ours = replacement + name.removeprefix(prefix)
        if ours in renamed:
            raise UserError(f"{checkpoint.path} holds {ours} twice (as {layout.name}); get it again")
        renamed[ours] = tensor
    return renamed


def _recognised(checkpoint: Checkpoint, layouts: Sequence[Layout]) -> tuple[Layout | None, StateDict]:
    """The layout of a checkpoint, and its tensors under the names that this layout has; see `unwrapped`."""
    for state in unwrapped(checkpoint.state):
        for layout in layouts:
            if any(name.startswith(layout.sign) for name in state):
                return layout, state
    return None, checkpoint.state


def published_layout(checkpoint: Checkpoint) -> Layout | None:
    """The layout of a whole system that somebody else trained; `None` for one of ours."""
    return _recognised(checkpoint, SYSTEM_LAYOUTS)[0]
