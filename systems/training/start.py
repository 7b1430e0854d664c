"""The model that a training begins with: drawn, pretrained, or another system's."""

from pathlib import Path

from harness.interface import parse_card, read_card, required_files
from systems.dual_encoder import DualEncoder, DualEncoderCard, LateFusion, TrainingConfig, initial_model, read_model


def start_of(card: DualEncoderCard, config: TrainingConfig, folder: Path) -> DualEncoder:
    """The model as it is before the first step.

    Raises:
        UserError: the weights it starts from are missing or another system's.
    """
    if not config.start:
        return initial_model(card, folder, config.seed)
    fields, its_folder = read_card(config.start)
    start = parse_card(DualEncoderCard, fields)
    (weights,) = required_files(start.files, ["weights"], its_folder, start.name)
    if card.metadata is not None and start.metadata is None:
        return _with_fusion(card, read_model(card.model_copy(update={"metadata": None}), weights), config.seed)
    return read_model(card, weights)


def temperature_of(card: DualEncoderCard, config: TrainingConfig) -> float:
    """The temperature as it is before the first step: the card's, or that which the system started from learned."""
    if config.temperature == "constant" or not config.start:
        return card.temperature
    return parse_card(DualEncoderCard, read_card(config.start)[0]).temperature


def _with_fusion(card: DualEncoderCard, hearing: DualEncoder, seed: int) -> DualEncoder:
    """A hybrid system with the towers of one that hears only.

    Late fusion projects keywords as captions are projected, to begin with; mid-level fusion is drawn at random.
    """
    model = DualEncoder.seeded(card, seed)
    model.audio, model.text, model.text_projection = hearing.audio, hearing.text, hearing.text_projection
    if isinstance(model.fusion, LateFusion):
        model.audio_projection = hearing.audio_projection
        model.fusion.projection.load_state_dict(hearing.text_projection.state_dict())
    return model
