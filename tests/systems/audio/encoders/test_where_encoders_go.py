"""Where things go, an audio encoder: one file holds all that is known of it, and every command takes it from there."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from harness.errors import UserError
from harness.interface.cards.card import parse_card, read_card
from harness.interface.conformance import check
from harness.interface.systems import load_system
from harness.machine.progress import silent
from systems.audio import encoders
from systems.checkpoints.files import weights_digest
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.training.trainer import trainer_of

PLAIN = """
from pydantic import PositiveInt
from torch import nn

from systems.audio import AudioConfig, AudioEncoder, KaldiLogMel
from systems.checkpoints import Layout


class PlainConfig(AudioConfig):
    layouts = (Layout("the published file", "net.", (("net.", ""), ("optimizer.", None))),)
    authors_name = "plain"
    authors_prefixes = (("plain.", ""),)

    encoder: str
    width: PositiveInt = 8

    def build(self):
        return Plain(self.width)

    def front_end(self):
        return KaldiLogMel()

    def longest_window(self):
        return 64_000


class Plain(AudioEncoder):
    unused = ("head.",)

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.convolution = nn.Conv1d(128, width, 3, padding=1)
        self.head = nn.Linear(width, 3)

    def forward(self, images, generator=None):
        return self.convolution(images).mT


ENCODER = PlainConfig
"""


@pytest.fixture(params=["plain", "plain_encoder:PlainConfig"], ids=["in the folder", "elsewhere"])
def card(
    request: pytest.FixtureRequest,
    dual_card: Callable[..., DualEncoderCard],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    session_cache: Path,
    migrated_runs: Path,
) -> Path:
    """A card that names the new encoder, whose file lies with the other encoders or where Python imports from."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / f"{request.param.partition(':')[0]}.py").write_text(PLAIN)
    for module in ("plain_encoder", f"{encoders.__name__}.plain"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(encoders, "__path__", [*encoders.__path__, str(folder)])
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("LBAR_TRUST", "1")
    monkeypatch.chdir(tmp_path)
    card = dual_card().model_dump(mode="json", exclude_unset=True) | {
        "trainer": "systems.training.two_stage:train_dual_encoder",
        "name": "small-plain",
        "audio": {"encoder": request.param},
        "windows": {"seconds": 2, "longest_seconds": 2},
        "training": {"data": ["clotho"], "validation": "clotho", "batch": 8, "epochs": 1, "captions": "all"},
    }
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(card))
    return path


def parsed(path: Path) -> DualEncoderCard:
    return parse_card(DualEncoderCard, read_card(str(path))[0])


def change(path: Path, **fields: object) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | fields))


def test_an_authors_checkpoint_is_read_and_held_against_the_card(card: Path, tmp_path: Path) -> None:
    model = DualEncoder.seeded(parsed(card), 3)
    names = {
        "audio.": "audio_embedding_model.plain.",
        "text.": "sentence_embedding_model.",
        "audio_projection.": "project_audio.0.",
        "text_projection.": "project_sentence.0.",
    }
    state = {
        next(new + name.removeprefix(old) for old, new in names.items() if name.startswith(old)): tensor
        for name, tensor in model.state_dict().items()
    }
    settings = {"audio_features": {"model": "plain_large", "segment_length": 2}}
    torch.save({"state_dict": state, "hyper_parameters": settings}, tmp_path / "authors.ckpt")
    files = yaml.safe_load(card.read_text())["files"] | {"weights": {"path": "authors.ckpt"}}
    change(card, files=files)
    system = load_system(str(card), device="cpu")
    assert check(system) == []
    assert weights_digest(system.model) == weights_digest(model)  # type: ignore[attr-defined]
    assert system.info.card["audio"] == {**yaml.safe_load(card.read_text())["audio"], "width": 8}  # type: ignore[index]
    settings["audio_features"]["model"] = "passt"
    torch.save({"state_dict": state, "hyper_parameters": settings}, tmp_path / "authors.ckpt")
    with pytest.raises(UserError, match="audio_features.model is 'passt', expected a name beginning with 'plain'"):
        load_system(str(card), device="cpu")


def test_it_is_trained_from_its_published_file(card: Path, small_clotho: Path, tmp_path: Path) -> None:
    published = DualEncoder.seeded(parsed(card), 3).audio
    file = {f"net.{name}": tensor for name, tensor in published.state_dict().items()}
    torch.save(file | {"optimizer.step": torch.zeros(1)}, tmp_path / "plain.pt")
    files = yaml.safe_load(card.read_text())["files"]
    change(card, files={"tokenizer": files["tokenizer"], "audio_encoder": {"path": "plain.pt", "training_only": True}})
    trainer_of(str(card), device="cpu")(tmp_path / "trained", small_clotho, silent)
    trained = load_system(str(tmp_path / "trained" / "small-plain" / "card.yaml"), device="cpu")
    weights = trained.model.audio.state_dict()  # type: ignore[attr-defined]
    assert torch.equal(weights["head.weight"], published.head.weight)
    assert not torch.equal(weights["convolution.weight"], published.convolution.weight)
    assert torch.allclose(weights["convolution.weight"], published.convolution.weight, atol=1e-3)


def test_a_window_it_does_not_take_is_refused(card: Path) -> None:
    change(card, windows={"seconds": 3})
    with pytest.raises(UserError, match=r"windows\.seconds is 3, longer than the 2 s that this encoder takes at once"):
        parsed(card)


@pytest.mark.parametrize("card", ["plain_encoder:PlainConfig"], indirect=True)
def test_a_change_of_code_that_is_not_ours_is_another_system(card: Path, tmp_path: Path) -> None:
    change(card, random_weights=0)
    digest = load_system(str(card), device="cpu").info.digest
    assert load_system(str(card), device="cpu").info.digest == digest
    file = tmp_path / "code" / "plain_encoder.py"
    file.write_text(file.read_text() + "# changed\n")
    assert load_system(str(card), device="cpu").info.digest != digest
