"""From a card to a trained system in a folder of its own."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from harness.audio.store import PcmStore
from harness.datasets import load
from harness.interface.card_files import CardFile
from harness.interface.cards import parse_card
from harness.machine.progress import Progress, silent
from systems.audio.mel import SAMPLE_RATE
from systems.linear import LinearCard
from systems.training.data.training_set import decoded
from systems.training.export import export
from systems.training.linear import fit, validate


def train_linear(
    card: Mapping[str, object],
    folder: Path,  # noqa: ARG001
    out: Path,
    data_root: Path,
    progress: Progress = silent,
) -> str:
    """Fit on the development split and write `out/<name>/{card.yaml,<name>.safetensors,training.json}`.

    Returns:
        A line that names the card and says what it reaches on the validation split.

    Raises:
        UserError: the card does not fit, data are missing or broken, or the folder cannot be written.
    """
    parsed = parse_card(LinearCard, card)
    store = PcmStore.of(parsed.dataset, SAMPLE_RATE)
    development, validation = (
        decoded(load(parsed.dataset, split, data_root, progress=progress), store, progress)
        for split in ("development", "validation")
    )
    system = fit(parsed, development, store, progress)
    reached = validate(system, validation, store)
    trained = {
        "dataset": development.name,
        "development": {"captions_digest": development.digest, "audio_digest": store.digest(development.clips)},
        "validation": {
            "captions_digest": validation.digest,
            "audio_digest": store.digest(validation.clips),
            reached.name: reached.value,
        },
        "system_digest": system.info.digest,
        "packages": {name: version(name) for name in ("numpy", "scikit-learn", "torch")},
    }
    weights = f"{parsed.name}.safetensors"
    written = export(
        out / parsed.name,
        parsed.model_copy(
            update={
                "parameters": system.info.parameters,
                "trained_on": (parsed.dataset,),
                "files": {"weights": CardFile(path=weights, origin=f"`lbar train {parsed.name}` makes it")},
            }
        ).model_dump(mode="json", exclude_defaults=True),
        trained,
        {weights: system.weights.to_bytes()},
    )
    return f"{written}: {reached.name} {reached.value:.4f} on the validation split"
