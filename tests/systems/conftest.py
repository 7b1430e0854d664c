"""A small data set in Clotho's layout, and cards and models to go with it."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from harness.interface.cards.files import CardFile
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.linear import LinearCard

RATE = 32_000
WORDS = {"low": "hum", "high": "whistle", "noise": "hiss", "clicks": "ticking"}
WAYS = ("A {}.", "The {} goes on.", "Somebody hears a {} far away.", "{} in a room.", "There is a {} again.")


def sound(kind: str, random: np.random.Generator) -> NDArray[np.float64]:
    """One to two seconds of a kind of sound."""
    time = np.arange(round(RATE * random.uniform(1, 2))) / RATE
    if kind == "low":
        return 0.3 * np.sin(2 * np.pi * random.uniform(100, 200) * time)
    if kind == "high":
        return 0.3 * np.sin(2 * np.pi * random.uniform(2_000, 4_000) * time)
    noise = random.uniform(-0.5, 0.5, len(time))
    return noise if kind == "noise" else noise * (time % 0.25 < 0.02)


@pytest.fixture(scope="session")
def small_clotho(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root: 24 clips of one or two kinds of sound for development, 8 for validation, five captions each."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for split, count in {"development": 24, "validation": 8}.items():
        (root / split).mkdir()
        rows = []
        for index in range(count):
            kinds = random.choice(list(WORDS), 1 + index % 2, replace=False)
            soundfile.write(
                root / split / f"{index}.wav", np.concatenate([sound(kind, random) for kind in kinds]), RATE
            )
            said = " and ".join(WORDS[kind] for kind in kinds)
            rows.append([f"{index}.wav", *(way.format(said) for way in WAYS)])
        with (root / f"clotho_captions_{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["file_name", *(f"caption_{number}" for number in range(1, 6))], *rows])
    return root


@pytest.fixture
def broken_clotho(small_clotho: Path, tmp_path: Path) -> Path:
    """The same, with a development clip that is missing, one that is no audio, and an empty validation clip."""
    root = shutil.copytree(small_clotho, tmp_path / "broken")
    (root / "development" / "3.wav").unlink()
    (root / "development" / "5.wav").write_bytes(b"no audio")
    (root / "validation" / "2.wav").write_bytes(b"")
    return root


@pytest.fixture(scope="session")
def small_card() -> LinearCard:
    """A linear system that the small data set can fit."""
    return LinearCard(
        factory="systems.linear:from_card",
        trainer="systems.training.linear:train_linear",
        name="small",
        files={"weights": CardFile(path="small.safetensors", origin="`lbar train linear` makes it")},
        dataset="clotho",
        trained_on=("clotho",),
        licence="Apache-2.0",
        source="test",
        bands=8,
        quantiles=(0.1, 0.9),
        lags=(1, 10),
        least_captions=2,
        topics=8,
        ridge=1.0,
        rank=4,
    )


TOKENIZER = Path(__file__).resolve().parents[2] / "systems" / "text" / "tiny_tokenizer"
ENCODERS = {
    "passt": {"encoder": "passt", "width": 32, "depth": 2, "heads": 4, "classes": 7},
    "atst": {"encoder": "atst", "width": 32, "depth": 2, "heads": 4},
    "mobilenet": {"encoder": "mobilenet", "width_multiplier": 0.1, "classes": 7},
}


@pytest.fixture(scope="session")
def dual_card() -> Callable[..., DualEncoderCard]:
    """Makes the card of a dual encoder of a few thousand weights, for the tokenizer that comes with the package."""

    def make(encoder: str = "passt", **more: object) -> DualEncoderCard:
        card = {
            "factory": "systems.dual_encoder.system:from_card",
            "name": f"small-{encoder}",
            "audio": ENCODERS[encoder],
            "text": {"vocabulary": 600, "width": 16, "depth": 1, "heads": 2, "intermediate": 32, "positions": 34},
            "shared": 8,
            "files": {"weights": {"path": "weights.safetensors"}, "tokenizer": {"path": str(TOKENIZER)}},
        }
        return DualEncoderCard.model_validate(card | more)

    return make


@pytest.fixture(scope="session")
def seeded_model() -> Callable[[DualEncoderCard], DualEncoder]:
    """Makes a dual encoder with random weights; its batch normalisation has seen some sound, so that clips differ."""

    def make(card: DualEncoderCard) -> DualEncoder:
        model = DualEncoder.seeded(card, 0)
        random = np.random.default_rng(0)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # The mean over all it has seen, not mostly what it started with.
        with torch.no_grad():
            model.train().embed_clips([sound(kind, random).astype(np.float32) for kind in WORDS])
        return model.eval()

    return make
