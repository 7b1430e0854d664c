"""Kept images are those that would be computed anew, and towers learn tags and captions by themselves."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.errors import UserError
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.schedule import Schedule
from systems.dual_encoder.training_section import TrainingConfig
from systems.text.captions import CaptionTokenizer
from systems.training.data.batches import Batch, Batches
from systems.training.data.images import Images
from systems.training.data.tags import tags_of
from systems.training.data.training_set import TrainingSet
from systems.training.fitting.fit import fit
from systems.training.fitting.module import Fitting, Hooks
from systems.training.fitting.towers import TowersFitting

Card = Callable[..., DualEncoderCard]
MEL = {"bands": 32, "hop": 1280, "edge_jitter": False}
AUDIO = {
    "passt": {"encoder": "passt", "mel": MEL, "width": 32, "depth": 1, "heads": 4, "classes": 1, "patchout_time": 0}
    | {"patchout_frequency": 0},
    "atst": {"encoder": "atst", "width": 32, "depth": 1, "heads": 4, "frequency_warp": 1},
    "mobilenet": {"encoder": "mobilenet", "mel": MEL, "width_multiplier": 0.1, "classes": 1, "norm_momentum": 0.1},
}
SETTINGS = {"data": ("clotho",), "validation": "clotho", "batch": 8, "captions": "two", "keep_images": True}
SHORT = {"seconds": 2, "longest_seconds": 3}


def arguments(card: DualEncoderCard, data: TrainingSet, **more: object) -> tuple[object, ...]:
    tokenizer = CaptionTokenizer.read(Path(card.files["tokenizer"].path), 600)
    config = TrainingConfig.model_validate(SETTINGS | more)
    hooks = Hooks(lambda _: 0.0, lambda _: None)
    return DualEncoder.seeded(card, 0), tokenizer, config, 0.05, data, (), hooks


def first_batch(data: TrainingSet, images: Images | None, longest: int | None = None) -> Batch:
    config = TrainingConfig.model_validate(SETTINGS)
    return Batches(data, [[0, 5, 2]] * len(data.captions), config, longest, 0, images=images)[0]


@pytest.mark.parametrize("encoder", list(AUDIO))
def test_features_of_kept_images_are_those_of_the_sound(dual_card: Card, data: TrainingSet, encoder: str) -> None:
    model = DualEncoder.seeded(dual_card(audio=AUDIO[encoder], windows=SHORT), 0).eval()
    reads: list[int] = []

    def read(clip: int) -> object:
        reads.append(clip)
        return data.read(clip)

    images = Images(model, read)  # type: ignore[arg-type]
    kept, heard = first_batch(data, images), first_batch(data, None)
    with torch.no_grad():
        found = model.describe_images(kept.images, kept.lengths)
        expected = model.describe_clips([waveform.numpy() for waveform in heard.waveforms])
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)
    assert float((found - expected).abs().mean()) < 0.05 * float(expected.std())
    first_batch(data, images)
    assert sorted(reads) == sorted(set(reads))
    assert kept.images[0].dtype == torch.float16


def test_what_cannot_be_kept_is_refused(dual_card: Card) -> None:
    for change in ({"audio": {"encoder": "passt"}}, {"windows": {"seconds": None, "longest_seconds": 2}}):
        for wanted in ({"keep_images": True}, {"keep_images": False, "objective": "towers"}):
            settings = {"audio": AUDIO["mobilenet"], "training": SETTINGS | wanted} | change
            with pytest.raises(ValidationError, match="need windows of a fixed length, whose images are the same"):
                dual_card(**settings)
    with pytest.raises(ValidationError, match="are not for systems with metadata"):
        dual_card(audio=AUDIO["mobilenet"], metadata={"fusion": "late"}, training=SETTINGS)
    with pytest.raises(ValidationError, match="objective is towers, which needs no teachers"):
        TrainingConfig.model_validate(SETTINGS | {"objective": "towers", "captions": "one"})


@pytest.mark.parametrize("encoder", list(AUDIO))
def test_towers_learn_tags_and_captions(dual_card: Card, data: TrainingSet, tmp_path: Path, encoder: str) -> None:
    """The tags of a clip are the words of its first caption; they are learned by heart."""
    card = dual_card(audio=AUDIO[encoder], windows=SHORT)
    schedule = Schedule(highest=5e-3, warm_up=0, end=12)
    made = arguments(card, data, objective="towers", epochs=12, schedule=schedule, batch=8)
    first = [data.captions[int(np.flatnonzero(data.owners == clip)[0])] for clip in range(len(data.clips))]
    tags = [frozenset(text.split()[:4]) for text in first]
    model = made[0]
    assert isinstance(model, DualEncoder)
    images = Images(model, data.read)
    towers = TowersFitting(*made, tags=tags, validation_tags=tags, validation_images=images)
    before = towers.validated()
    projection = model.audio_projection.weight.clone()
    fitted = fit(towers, tmp_path)
    assert fitted.best.reached > before + 0.1
    assert fitted.epochs[-1].loss < 0.8 * fitted.epochs[0].loss
    assert torch.equal(model.audio_projection.weight, projection)


def test_a_training_with_kept_images_goes_as_one_without(dual_card: Card, data: TrainingSet, tmp_path: Path) -> None:
    card = dual_card(audio=AUDIO["atst"], windows=SHORT)
    losses = [
        fit(Fitting(*arguments(card, data, epochs=2, keep_images=kept)), tmp_path / str(kept)).epochs[-1].loss
        for kept in (True, False)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


def test_tags_are_read_beside_the_captions(data: TrainingSet, tmp_path: Path) -> None:
    from dataclasses import replace

    (dataset,) = data.datasets
    there = replace(dataset, root=tmp_path)
    with pytest.raises(UserError, match="clotho has no tags to pre-train on .no file .*scenes_development.json."):
        tags_of(there)
    scenes = [{"name": clip.name, "sounds": [{"label": "cat"}], "room": "hall"} for clip in dataset.clips]
    path = tmp_path / "scenes_development.json"
    path.write_text(json.dumps(scenes))
    assert tags_of(there)[0] == {"cat", "in: hall"}
    path.write_text(json.dumps(scenes[1:]))
    with pytest.raises(UserError, match=f"says nothing of 1 clips, the first {dataset.clips[0].name}"):
        tags_of(there)
