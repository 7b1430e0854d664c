"""What published weights files call their tensors, and what we call them.

A layout is data: name prefixes and what they become, longest first. Sources: the key lists of the authors' systems
(OptimusPrimus/salsa), of the DCASE 2025 Task 6 baseline, and the loaders of ATST-SED.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import UserError
from systems.checkpoints.files import Checkpoint, StateDict


@dataclass(frozen=True, slots=True)
class Layout:
    """How one kind of file names its tensors.

    Attributes:
        name: of the kind, for messages.
        sign: a prefix that only this kind has.
        prefixes: what a name starts with, and what that becomes; the first that fits counts. `None` leaves it out.
        inserted: a word that some files have between prefix and name.
    """

    name: str
    sign: str
    prefixes: tuple[tuple[str, str | None], ...]
    inserted: str = ""


SYSTEM_LAYOUTS = (
    Layout(
        "the authors' Lightning checkpoint",
        "sentence_embedding_model.",
        (
            ("audio_embedding_model.model.model.", "audio."),
            ("audio_embedding_model.model.atst.", "audio."),
            ("sentence_embedding_model.embeddings.position_ids", None),
            ("sentence_embedding_model.", "text."),
            ("project_audio.0.", "audio_projection."),
            ("project_sentence.0.", "text_projection."),
            # Frozen, or not used when embedding; the front end's kernels are made, not loaded.
            ("audio_embedding_model.model.resampler.", None),
            ("audio_embedding_model.model.mel.", None),
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
            ("audio_embedding_model.model.model.", "audio."),
            ("text_embedding_model.embeddings.position_ids", None),
            ("text_embedding_model.", "text."),
            ("audio_projection.", "audio_projection."),
            ("text_projection.", "text_projection."),
            ("tau", None),
        ),
        inserted="_orig_mod.",
    ),
)
"""Whole systems; a file without any of their signs is taken as ours, whose names are the module's own."""

ATST_LAYOUTS = (
    Layout(
        "ATST-Frame of ATST-SED, clip and frame branch",
        "encoder.encoder.frame_encoder.",
        (("encoder.encoder.frame_encoder.", ""), ("encoder.encoder.teacher_module.", None)),
    ),
    Layout(
        "ATST-Frame, self-supervised",
        "model.teacher.encoder.",
        (
            ("model.teacher.encoder.cls_token", None),
            ("model.teacher.encoder.norm.", "norm_frame."),
            ("model.teacher.encoder.", ""),
            ("model.", None),
        ),
    ),
    Layout(
        "ATST-Frame, fine-tuned on AudioSet",
        "encoder.encoder.",
        (("encoder.encoder.", ""), ("head.", None), ("encoder.head.", None)),
    ),
    Layout("ATST-Frame of PretrainedSED", "model.atst.", (("model.atst.", ""), ("model.", None))),
)
"""An ATST-Frame alone; a file without any of their signs is taken as bare. The first sign that is found counts."""


def system_state(checkpoint: Checkpoint) -> StateDict:
    """A whole system's tensors under the names of `DualEncoder`."""
    return _renamed(checkpoint, SYSTEM_LAYOUTS)


def encoder_state(checkpoint: Checkpoint, encoder: str) -> StateDict:
    """An audio encoder's tensors under the published encoder's own names.

    Args:
        checkpoint: of the encoder alone.
        encoder: `passt`, `atst` or `mobilenet`; the first and the last have one layout only.
    """
    return _renamed(checkpoint, ATST_LAYOUTS if encoder == "atst" else ())


def layout_of(names: Iterable[str], layouts: tuple[Layout, ...]) -> Layout | None:
    """The first layout whose sign a name has; `None` for names that are used as they are."""
    all_names = list(names)
    return next((one for one in layouts if any(name.startswith(one.sign) for name in all_names)), None)


def _renamed(checkpoint: Checkpoint, layouts: tuple[Layout, ...]) -> StateDict:
    """Tensors under our names; what no prefix covers keeps its own, and is listed as surplus by who loads it.

    Raises:
        UserError: two tensors of the file would get one name.
    """
    layout = layout_of(checkpoint.state, layouts)
    if layout is None:
        return checkpoint.state
    renamed: StateDict = {}
    for name, tensor in checkpoint.state.items():
        plain = name.replace(layout.inserted, "") if layout.inserted else name
        prefix, replacement = next(((p, r) for p, r in layout.prefixes if plain.startswith(p)), ("", ""))
        if replacement is None:
            continue
        ours = replacement + plain.removeprefix(prefix)
        if ours in renamed:
            raise UserError(f"{checkpoint.path} holds {ours} twice (as {layout.name}); get it again")
        renamed[ours] = tensor
    return renamed
