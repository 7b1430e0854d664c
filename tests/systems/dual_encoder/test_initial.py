"""Published encoders, each from its own file, in one dual encoder."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.errors import UserError
from harness.interface.cards.files import CardFile
from systems.checkpoints.files import weights_digest
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.initial import initial_model
from systems.dual_encoder.model import DualEncoder

Card = Callable[..., DualEncoderCard]
Seeded = Callable[[DualEncoderCard], DualEncoder]


@pytest.mark.parametrize(("encoder", "prefix"), [("passt", ""), ("atst", "encoder.encoder."), ("mobilenet", "")])
def test_encoders_from_their_files_and_the_rest_drawn(
    dual_card: Card, seeded_model: Seeded, tmp_path: Path, encoder: str, prefix: str
) -> None:
    card = dual_card(encoder)
    published = seeded_model(card)
    torch.save({f"{prefix}{name}": tensor for name, tensor in published.audio.state_dict().items()}, tmp_path / "a.pt")
    published.text.save_pretrained(tmp_path / "roberta")
    files = card.files | {
        "audio_encoder": CardFile(path="a.pt"),
        "text_encoder": CardFile(path="roberta/model.safetensors"),
    }
    model = initial_model(card.model_copy(update={"files": files}), tmp_path, 7)
    assert weights_digest(model.audio) == weights_digest(published.audio)
    assert weights_digest(model.text) == weights_digest(published.text)
    drawn = DualEncoder.seeded(card, 7)
    assert weights_digest(model.audio_projection) == weights_digest(drawn.audio_projection)
    with torch.no_grad():
        model.audio.get_parameter(next(name for name, _ in model.audio.named_parameters())).add_(1)


def test_without_files_all_is_drawn(dual_card: Card, tmp_path: Path) -> None:
    assert weights_digest(initial_model(dual_card(), tmp_path, 3)) == weights_digest(DualEncoder.seeded(dual_card(), 3))


@pytest.mark.shared
def test_a_real_published_encoder(dual_card: Card, shared: Path) -> None:
    audio = {"encoder": "mobilenet", "width_multiplier": 0.4}
    files = {"audio_encoder": CardFile(path="mn04_as_mAP_432.pt")}
    card = dual_card("mobilenet", audio=audio, files=files)
    model = initial_model(card, shared / "weights", 0)
    file = torch.load(shared / "weights" / "mn04_as_mAP_432.pt", weights_only=True)
    torch.testing.assert_close(model.audio.state_dict()["classifier.5.bias"], file["classifier.5.bias"])
    with pytest.raises(UserError, match=r"mn04_as_mAP_432\.pt does not hold the weights of this Passt"):
        initial_model(dual_card("passt", files=files), shared / "weights", 0)


def test_a_missing_file_is_named(dual_card: Card, tmp_path: Path) -> None:
    card = dual_card(files={"audio_encoder": CardFile(path="gone.pt", urls=("http://a/gone.pt",))})
    with pytest.raises(UserError, match=r"gone\.pt is not there; get it by"):
        initial_model(card, tmp_path, 0)
