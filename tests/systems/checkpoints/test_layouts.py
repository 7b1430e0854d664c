"""Published names against ours: the real key lists, and every layout of an encoder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.errors import UserError
from harness.interface.cards.card import parse_card, read_card
from systems.checkpoints.files import Checkpoint, StateDict, load_into, read_checkpoint
from systems.checkpoints.layouts import system_state, translated
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder

LISTS = {
    "salsa_state_dict_keys_passt": "passt-m3-clotho",
    "salsa_state_dict_keys_atst": "atst-m3-clotho",
    "salsa_state_dict_keys_mn40_as_ext": "mn-m3-clotho",
    "dcase2025_baseline_state_dict_keys": "dcase2025-baseline",
}


IN_MODEL = (("model.model.", ""),)


def published(path: Path) -> StateDict:
    """The names, shapes and types of a real file, without its numbers."""
    keys = json.loads(path.read_text())["keys"]
    return {name: torch.empty(shape, dtype=getattr(torch, kind), device="meta") for name, shape, kind in keys}


@pytest.mark.shared
@pytest.mark.parametrize(("names", "card"), LISTS.items())
def test_whole_systems_fit_to_the_last_name_and_shape(shared: Path, names: str, card: str) -> None:
    parsed = parse_card(DualEncoderCard, read_card(card)[0])
    file = Checkpoint(Path("file"), published(shared / "golden" / f"{names}.json"))
    state = system_state(file, parsed.audio.authors_prefixes)
    expected = DualEncoder.empty(parsed).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        name: tuple(tensor.shape) for name, tensor in expected.items()
    }


@pytest.mark.shared
def test_what_compiling_inserts_is_taken_out(shared: Path, tmp_path: Path) -> None:
    plain = published(shared / "golden" / "dcase2025_baseline_state_dict_keys.json")
    compiled = {
        name.replace("model.model.", "model.model._orig_mod.").replace(
            "text_embedding_model.", "text_embedding_model._orig_mod."
        ): torch.zeros(1)
        for name in plain
    }
    assert compiled.keys() != plain.keys()
    torch.save(compiled, tmp_path / "compiled.ckpt")
    found = system_state(read_checkpoint(tmp_path / "compiled.ckpt"), IN_MODEL)
    assert found.keys() == system_state(Checkpoint(Path("f"), plain), IN_MODEL).keys()


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model."])
def test_a_published_layout_under_a_prefix(prefix: str) -> None:
    state = {
        f"{prefix}{name}": torch.zeros(1) for name in ("sentence_embedding_model.x", "project_audio.0.bias", "tau")
    }
    assert set(system_state(Checkpoint(Path("file"), state), IN_MODEL)) == {"text.x", "audio_projection.bias"}


ATST = {
    "bare": ("", "norm_frame.", {}),
    "fine-tuned": ("encoder.encoder.", "encoder.encoder.norm_frame.", {"head.weight": 1}),
    "two branches": (
        "encoder.encoder.frame_encoder.",
        "encoder.encoder.frame_encoder.norm_frame.",
        {"encoder.encoder.teacher_module.pos_embed": 1},
    ),
    "self-supervised": (
        "model.teacher.encoder.",
        "model.teacher.encoder.norm.",
        {"model.teacher.encoder.cls_token": 1, "model.student.encoder.pos_embed": 1},
    ),
    "second copy": ("model.atst.", "model.atst.norm_frame.", {"model.head.weight": 1}),
}


@pytest.mark.parametrize("layout", ATST)
def test_every_layout_of_an_atst(
    dual_card: Callable[..., DualEncoderCard],
    seeded_model: Callable[[DualEncoderCard], DualEncoder],
    layout: str,
) -> None:
    card = dual_card("atst")
    encoder = seeded_model(card).audio
    prefix, norm, more = ATST[layout]
    file = {
        name.replace("norm_frame.", norm) if name.startswith("norm_frame.") else prefix + name: tensor
        for name, tensor in encoder.state_dict().items()
    } | {name: torch.zeros(count) for name, count in more.items()}
    state = translated(Checkpoint(Path("file"), file), card.audio.layouts)
    target = DualEncoder.empty(card).audio
    load_into(target, state, Path("file"))
    for name, tensor in encoder.state_dict().items():
        torch.testing.assert_close(target.state_dict()[name], tensor, rtol=0, atol=0)


def test_names_nobody_knows_are_kept_and_so_listed() -> None:
    state = {"sentence_embedding_model.x": torch.zeros(1), "new_head.weight": torch.zeros(1)}
    assert set(system_state(Checkpoint(Path("file"), state), IN_MODEL)) == {"text.x", "new_head.weight"}


def test_two_tensors_of_one_name() -> None:
    state = {name: torch.zeros(1) for name in ("text.x", "sentence_embedding_model.x")}
    with pytest.raises(UserError, match=r"file holds text\.x twice \(as the authors' Lightning checkpoint\)"):
        system_state(Checkpoint(Path("file"), state), IN_MODEL)
