"""A dual encoder before its training: published encoders if the card names them, and random weights."""

from pathlib import Path

from harness.interface import required_file
from systems.checkpoints import load_into, read_checkpoint, translated
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.text import read_pretrained


def initial_model(card: DualEncoderCard, folder: Path, seed: int) -> DualEncoder:
    """Build a dual encoder to be trained.

    Args:
        card: its `files` may have `audio_encoder` (a published file of its audio encoder) and `text_encoder` (a weights
            file in a model's folder, as transformers writes it); all other weights are drawn at random.
        folder: the card's folder.
        seed: of the random weights.

    Raises:
        UserError: a file is missing, or holds another encoder than the card's.
    """
    model = DualEncoder.seeded(card, seed)
    if "audio_encoder" in card.files:
        path = required_file(card.files, "audio_encoder", folder, card.name)
        load_into(model.audio, translated(read_checkpoint(path), card.audio.layouts), path)
    if "text_encoder" in card.files:
        path = required_file(card.files, "text_encoder", folder, card.name)
        model.text = read_pretrained(path.parent, card.text)
    return model
