import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.interface.cards.card import Card, read_card
from harness.interface.conformance import check
from systems.clap import ClapSystem, from_card

TOKENIZER = Path(__file__).resolve().parents[2] / "systems" / "text" / "tiny_tokenizer"
RATE = 8_000
LENGTH = 2 * RATE
CARD = {"factory": "systems.clap:from_card", "name": "tiny", "files": {"model": {"path": "model"}}}


def save_tiny(directory: Path, fuses: bool) -> None:
    """A CLAP directory with random weights that hears windows of 2 s at 8 kHz."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    text = {
        "vocab_size": 600,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 66,
    }
    audio = {
        "num_mel_bins": 16,
        "spec_size": 64,
        "window_size": 4,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "patch_embeds_hidden_size": 8,
        "hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "num_hidden_layers": 2,
        "enable_fusion": fuses,
    }
    torch.manual_seed(0)
    model = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=12))
    for parameter in model.parameters():
        # Larger than by default, so that what comes out depends on what goes in.
        parameter.data += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(directory)
    ClapFeatureExtractor(
        feature_size=16,
        sampling_rate=RATE,
        hop_length=80,
        max_length_s=2,
        fft_window_size=256,
        frequency_max=RATE // 2,
        truncation="fusion" if fuses else "rand_trunc",
    ).save_pretrained(directory)
    for file in TOKENIZER.iterdir():
        shutil.copy(file, directory)


@pytest.fixture(scope="module", params=[False, True], ids=["unfused", "fused"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a card, with a model directory in it."""
    root = tmp_path_factory.mktemp("clap")
    save_tiny(root / "model", request.param)
    return root


@pytest.fixture(scope="module")
def system(folder: Path) -> ClapSystem:
    return from_card(CARD, folder)


@pytest.fixture(scope="module")
def unfused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clap")
    save_tiny(root / "model", False)
    return root


@pytest.fixture
def copied(unfused: Path, tmp_path: Path) -> Path:
    """A folder whose model directory may be damaged."""
    return Path(shutil.copytree(unfused, tmp_path / "card"))


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def test_keeps_the_contract(system: ClapSystem) -> None:
    assert system.info.sample_rate == RATE
    assert check(system) == []


def test_as_transformers(system: ClapSystem, folder: Path) -> None:
    from transformers import ClapFeatureExtractor, ClapModel, RobertaTokenizer

    model = ClapModel.from_pretrained(folder / "model", local_files_only=True).eval()
    captions = ["A dog barks, twice!", "rain", "Birds SING while a train passes"]
    tokens = RobertaTokenizer.from_pretrained(TOKENIZER)(captions, padding=True, return_tensors="pt")
    tokens.pop("token_type_ids", None)
    extractor = ClapFeatureExtractor.from_pretrained(folder / "model", local_files_only=True)
    clips = [noise(LENGTH, 1), noise(LENGTH // 3, 2)]
    features = extractor(clips, sampling_rate=RATE, return_tensors="pt")["input_features"]
    with torch.inference_mode():
        text = model.get_text_features(**tokens).pooler_output
        audio = model.get_audio_features(features.float(), torch.zeros(2, 1, dtype=torch.bool)).pooler_output
    np.testing.assert_allclose(system.embed_text(captions), text, atol=1e-5)
    np.testing.assert_allclose(system.embed_audio(clips), audio, atol=1e-5)


def test_a_long_clip_is_the_weighed_mean_of_its_windows(system: ClapSystem) -> None:
    clip = noise(2 * LENGTH + LENGTH // 4)
    windows = system.embed_audio([clip[:LENGTH], clip[LENGTH : 2 * LENGTH], clip[2 * LENGTH :]])
    np.testing.assert_allclose(np.linalg.norm(windows, axis=1), 1, rtol=1e-5)
    expected = np.average(windows, axis=0, weights=[4, 4, 1])
    np.testing.assert_allclose(system.embed_audio([clip])[0], expected, atol=1e-5)
    # What rounding leaves over is no window.
    np.testing.assert_allclose(system.embed_audio([clip[: LENGTH + 3]])[0], windows[0], atol=1e-5)


def test_an_empty_clip_is_silence(system: ClapSystem) -> None:
    empty, silent = system.embed_audio([np.zeros(0, np.float32), np.zeros(LENGTH, np.float32)])
    np.testing.assert_allclose(empty, silent, atol=1e-5)


def test_no_clips_and_no_captions(system: ClapSystem) -> None:
    for nothing in (system.embed_audio([]), system.embed_text([])):
        assert (nothing.shape, nothing.dtype) == ((0, 12), np.float32)


def test_half_precision_says_the_same(system: ClapSystem, folder: Path) -> None:
    half = from_card(CARD, folder, precision="bf16")
    clips, captions = [noise(LENGTH, seed) for seed in range(3)], ["a dog", "rain falls on a roof"]
    for found, expected in (
        (half.embed_audio(clips), system.embed_audio(clips)),
        (half.embed_text(captions), system.embed_text(captions)),
    ):
        assert found.dtype == np.float32
        cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
        assert cosines.min() > 0.99
        assert (found != expected).any()


def test_weights_as_torch_writes_them(copied: Path, unfused: Path) -> None:
    from safetensors.torch import load_file

    model = copied / "model"
    state = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    # Not all versions write the tables of indices.
    del state["text_model.embeddings.position_ids"]
    torch.save(state, model / "pytorch_model.bin")
    assert from_card(CARD, copied).info.digest == from_card(CARD, unfused).info.digest


def test_digest_follows_weights_configuration_and_tokenizer(copied: Path, unfused: Path) -> None:
    from safetensors.torch import load_file, save_file

    known = {from_card(CARD, unfused).info.digest}
    model = copied / "model"

    def change_weights() -> None:
        state = load_file(model / "model.safetensors")
        state["audio_projection.linear1.bias"] += 1
        save_file(state, model / "model.safetensors")

    def change_configuration() -> None:
        config = json.loads((model / "config.json").read_text("utf-8"))
        config["text_config"]["layer_norm_eps"] = 1e-6
        (model / "config.json").write_text(json.dumps(config), "utf-8")

    def swap_two_tokens() -> None:
        vocabulary = json.loads((model / "vocab.json").read_text("utf-8"))
        *_, one, other = vocabulary
        vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
        (model / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")

    steps = (change_weights, change_configuration, lambda: change_extractor(model, hop_length=100), swap_two_tokens)
    for step in steps:
        step()
        digest = from_card(CARD, copied).info.digest
        assert digest not in known
        known.add(digest)


def change_extractor(model: Path, **changes: object) -> None:
    path = model / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def delete(name: str) -> Callable[[Path], None]:
    return lambda model: (model / name).unlink()


def said(**changes: object) -> Callable[[Path], object]:
    def change(model: Path) -> None:
        config = json.loads((model / "config.json").read_text("utf-8"))
        (model / "config.json").write_text(json.dumps(config | changes), "utf-8")

    return change


def cut_short(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def without_a_key(model: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(model / "model.safetensors")
    del state["text_projection.linear1.weight"]
    save_file(state, model / "model.safetensors")


def without_tokenizer(model: Path) -> None:
    delete("vocab.json")(model)
    delete("merges.txt")(model)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, r"tiny lacks what it needs: .*model"),
        (delete("config.json"), r"there is no .*config\.json"),
        (lambda model: (model / "config.json").write_text("{", "utf-8"), r"config\.json cannot be read"),
        (lambda model: (model / "config.json").write_text("[]", "utf-8"), "holds no JSON object"),
        (said(model_type="roberta"), "is of a model of type 'roberta' where 'clap' is expected"),
        (said(audio_config={"patch_size": "big"}), r"config\.json describes no model"),
        (said(projection_dim=13), "does not hold the weights"),
        (delete("model.safetensors"), r"neither model\.safetensors nor pytorch_model\.bin"),
        (cut_short, r"model\.safetensors cannot be read"),
        (without_a_key, "1 are missing"),
        (without_tokenizer, "holds no tokenizer"),
        (delete("preprocessor_config.json"), "holds no feature extractor"),
        (lambda model: change_extractor(model, truncation="fusion"), "'fusion' and the model has enable_fusion False"),
    ],
)
def test_bad_directories_are_told_in_one_line(copied: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(copied / "model")
    with pytest.raises(UserError, match=message) as caught:
        from_card(CARD, copied)
    assert "\n" not in str(caught.value)


def test_the_card_that_comes_with_the_package() -> None:
    from transformers import ClapConfig, ClapModel

    card = Card.model_validate(read_card("clap")[0])
    with torch.device("meta"):
        model = ClapModel(ClapConfig())
    assert card.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert card.files["model"].may_be_fetched
