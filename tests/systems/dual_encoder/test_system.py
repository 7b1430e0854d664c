"""From a card and its files to vectors: golden numbers, the contract, and everything that can be wrong."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from harness.errors import UserError
from harness.interface.conformance import check
from harness.interface.systems import load_system
from systems.checkpoints.files import write_weights
from systems.dual_encoder import inference
from systems.dual_encoder import system as system_module
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.system import DualEncoderSystem, from_card

Card = Callable[..., DualEncoderCard]
Seeded = Callable[[DualEncoderCard], DualEncoder]
GOLDEN_CARD = {
    "factory": "systems.dual_encoder.system:from_card",
    "name": "salsa-tiny",
    "audio": {"encoder": "passt", "width": 32, "depth": 2, "heads": 4, "classes": 7},
    "windows": {"averaging": "published"},
    "text": {"vocabulary": 390, "width": 32, "depth": 2, "heads": 4, "intermediate": 64, "positions": 40},
    "shared": 16,
    "files": {"weights": {"path": "salsa_tiny.ckpt"}, "tokenizer": {"path": "tiny_tokenizer"}},
}


@pytest.fixture
def ready(dual_card: Card, seeded_model: Seeded, tmp_path: Path) -> tuple[dict[str, object], Path]:
    """A card as a file would hold it, and its folder with the weights in it."""
    card = dual_card()
    write_weights(seeded_model(card), tmp_path / "weights.safetensors")
    return card.model_dump(mode="json"), tmp_path


@pytest.mark.shared
def test_the_authors_checkpoint_gives_the_authors_embeddings(shared: Path) -> None:
    golden = np.load(shared / "golden" / "salsa_tiny_io.npz")
    clips = [
        (np.round(np.clip(0.1 * np.random.RandomState(100 + i).standard_normal(n), -1, 1) * 32767) / 32768).astype("f4")
        for i, n in enumerate((960_000, 384_000, 320_000))
    ]
    system = from_card(GOLDEN_CARD, shared / "golden")
    audio, text = system.embed_audio(clips), system.embed_text([str(caption) for caption in golden["captions"]])
    for found, expected in ((audio, golden["audio_emb"]), (text, golden["text_emb"])):
        assert np.abs(found - expected).max() <= 5e-5 * np.abs(expected).max()
    audio, text = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (audio, text))
    np.testing.assert_allclose(audio @ text.T, golden["similarity"], rtol=0, atol=5e-5)


@pytest.mark.shared
def test_a_card_that_contradicts_the_checkpoint(shared: Path) -> None:
    card = GOLDEN_CARD | {"windows": {"seconds": 5}}
    with pytest.raises(
        UserError, match=r"salsa_tiny\.ckpt was trained with other settings than card 'salsa-tiny'"
    ) as caught:
        from_card(card, shared / "golden")
    assert caught.value.problems == (
        "audio_features.segment_length is 10, expected 5.0",
        "audio_features.hop_length is 10, expected 5.0",
    )


@pytest.mark.shared
def test_weights_of_another_architecture(shared: Path) -> None:
    card = GOLDEN_CARD | {"files": GOLDEN_CARD["files"] | {"weights": {"path": "../weights/mn04_as_mAP_432.pt"}}}  # type: ignore[operator]
    with pytest.raises(UserError, match=r"mn04_as_mAP_432\.pt does not hold the weights of this DualEnc") as caught:
        from_card(card, shared / "golden")
    assert str(caught.value).endswith(
        "it names 308 weights features.…, 4 classifier.… where 39 weights audio.…, 37 text.…, 2 audio_projection.…, "
        "2 text_projection.… are expected; "
        "check that card and file belong together"
    )


AUTHORS = {
    "text.": "sentence_embedding_model.",
    "audio_projection.": "project_audio.0.",
    "text_projection.": "project_sentence.0.",
}
BASELINE = {"text.": "text_embedding_model.", "audio_projection.": "audio_projection."}


@pytest.mark.parametrize(
    ("names", "of"), [(AUTHORS, "the authors' Lightning"), (BASELINE, "the DCASE 2025 baseline's")]
)
def test_a_published_layout_decides_the_averaging(
    dual_card: Card, seeded_model: Seeded, tmp_path: Path, names: dict[str, str], of: str
) -> None:
    ours = seeded_model(dual_card()).state_dict()
    write_weights(seeded_model(dual_card()), tmp_path / "ours.safetensors")
    theirs = {}
    for name, tensor in ours.items():
        audio = name.replace("audio.", "audio_embedding_model.model.model.", 1) if name.startswith("audio.") else name
        start, replacement = next(((a, b) for a, b in names.items() if name.startswith(a)), ("", ""))
        theirs[audio if not start else name.replace(start, replacement, 1)] = tensor
    torch.save(theirs, tmp_path / "theirs.ckpt")
    tokenizer = dual_card().files["tokenizer"].model_dump()

    def system(file: str, **windows: object) -> DualEncoderSystem:
        said = dual_card().model_dump(mode="json", exclude={"windows", "files"}) | {"windows": windows}
        return from_card(said | {"files": {"weights": {"path": file}, "tokenizer": tokenizer}}, tmp_path)

    clips = [np.random.default_rng(0).uniform(-0.5, 0.5, 32_000 * seconds).astype(np.float32) for seconds in (11, 21)]
    full, true = (system("ours.safetensors", averaging=one).embed_audio(clips) for one in ("published", "true-length"))
    assert np.abs(full - true).max() > 1e-3 * np.abs(full).max()
    found = system("theirs.ckpt", longest_seconds=30)
    np.testing.assert_array_equal(found.embed_audio(clips), full)
    said = system("theirs.ckpt", averaging="published")
    assert found.info.digest == said.info.digest != system("ours.safetensors").info.digest
    assert found.info.card is not None
    assert found.info.card["windows"]["averaging"] == "published"
    np.testing.assert_array_equal(system("ours.safetensors").embed_audio(clips), true)
    with pytest.raises(
        UserError, match=rf"`averaging: true-length`, but .*theirs\.ckpt is {of} .* write `windows: {{ave"
    ):
        system("theirs.ckpt", averaging="true-length")


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
def test_keeps_the_contract(dual_card: Card, seeded_model: Seeded, tmp_path: Path, encoder: str) -> None:
    card = dual_card(encoder)
    write_weights(seeded_model(card), tmp_path / "weights.safetensors")
    assert check(from_card(card.model_dump(mode="json"), tmp_path)) == []


@pytest.mark.parametrize("encoder", ["passt", "atst"])
def test_bf16_stays_close(dual_card: Card, seeded_model: Seeded, tmp_path: Path, encoder: str) -> None:
    card = dual_card(encoder)
    write_weights(seeded_model(card), tmp_path / "weights.safetensors")
    clips = [np.random.default_rng(seed).uniform(-0.5, 0.5, 100_000).astype(np.float32) for seed in range(3)]
    captions = ["rain falls", "a dog barks at a car"]
    whole, half = (from_card(card.model_dump(mode="json"), tmp_path, precision=p) for p in ("fp32", "bf16"))
    for exact, rounded in (
        (whole.embed_audio(clips), half.embed_audio(clips)),
        (whole.embed_text(captions), half.embed_text(captions)),
    ):
        assert rounded.dtype == np.float32
        cosines = (exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
        assert cosines.min() > 0.999
        assert not np.array_equal(exact, rounded)


def test_bf16_keeps_in_half_the_memory_what_autocast_would_round(ready: tuple[dict[str, object], Path]) -> None:
    exact, rounded = from_card(*ready), from_card(*ready, precision="bf16")
    clips = [np.random.default_rng(0).uniform(-0.5, 0.5, 32_000).astype(np.float32)]
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        expected = exact.model.embed_clips(clips).float().numpy()
    np.testing.assert_array_equal(rounded.embed_audio(clips), expected)
    assert {weight.dtype for name, weight in rounded.model.named_parameters() if "dense.weight" in name} == {
        torch.bfloat16
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_it_says_the_same(ready: tuple[dict[str, object], Path]) -> None:
    plain, compiled = from_card(*ready), from_card(*ready, compiled=True)
    clips = [np.random.default_rng(0).uniform(-0.5, 0.5, 32_000 * seconds).astype(np.float32) for seconds in (1, 12)]
    np.testing.assert_allclose(compiled.embed_audio(clips), plain.embed_audio(clips), rtol=0, atol=1e-5)
    captions = ["a dog barks", "rain"]
    np.testing.assert_allclose(compiled.embed_text(captions), plain.embed_text(captions), rtol=0, atol=1e-5)
    assert compiled.info == plain.info


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_machine_without_a_compiler_is_told_in_one_line(
    ready: tuple[dict[str, object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "no-such-compiler"))
    system = from_card(*ready, compiled=True)
    with pytest.raises(UserError, match=r"^torch cannot compile small-passt here; leave --compile out: .*Cxx.*$"):
        system.embed_text(["rain"])


def test_beside_the_processor_nothing_waits_before_the_end(
    ready: tuple[dict[str, object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On torch's `meta` device nothing has a value: what would wait for one fails."""
    monkeypatch.setattr(system_module, "_to_numpy", lambda vectors: vectors)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    system = from_card(*ready, device="meta")
    passes: list[int] = []
    system.model.audio.register_forward_hook(lambda _, images, __: passes.append(len(images[0])))
    assert system.embed_audio([np.zeros(30 * 32_000, np.int16)] * 24).shape == (24, 8)
    assert passes == [32, 32, 8]


def test_stored_samples_give_the_very_same(ready: tuple[dict[str, object], Path]) -> None:
    system = from_card(*ready)
    stored = [
        np.random.default_rng(0).integers(-32768, 32768, 32_000 * seconds).astype(np.int16) for seconds in (1, 12)
    ]
    heard = [(samples / 32768).astype(np.float32) for samples in stored]
    np.testing.assert_array_equal(system.embed_audio(stored), system.embed_audio(heard))


@pytest.mark.parametrize("encoder", ["passt", "atst", "mobilenet"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_packed_it_says_the_same(
    dual_card: Card, seeded_model: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str, precision: str
) -> None:
    card = dual_card(encoder)
    write_weights(seeded_model(card), tmp_path / "weights.safetensors")
    plain = from_card(card.model_dump(mode="json"), tmp_path, precision=precision)
    # As of large layers.
    monkeypatch.setattr(inference, "_LEAST", 1)
    packed = from_card(card.model_dump(mode="json"), tmp_path, precision=precision)
    assert packed.info == plain.info
    clips = [np.random.default_rng(0).uniform(-0.5, 0.5, 32_000 * seconds).astype(np.float32) for seconds in (1, 12)]
    tolerance = 1e-5 if precision == "fp32" else 0.02
    for found, expected in (
        (packed.embed_audio(clips), plain.embed_audio(clips)),
        (packed.embed_audio([]), plain.embed_audio([])),
        (packed.embed_text(["a dog barks", "rain"]), plain.embed_text(["a dog barks", "rain"])),
    ):
        assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_a_clip_of_next_to_nothing(ready: tuple[dict[str, object], Path], samples: int) -> None:
    vectors = from_card(*ready).embed_audio([np.full(samples, 0.1, np.float32)])
    assert np.isfinite(vectors).all()
    assert vectors.any()


@pytest.mark.parametrize("caption", ["", " ", "?!", "🐕", "x" * 10_000, "\ud800"])
def test_an_unusual_caption(ready: tuple[dict[str, object], Path], caption: str) -> None:
    system = from_card(*ready)
    vector = system.embed_text([caption])
    assert np.isfinite(vector).all()
    np.testing.assert_allclose(system.embed_text(["a dog barks", caption])[1:], vector, rtol=1e-4, atol=1e-5)


def test_info(ready: tuple[dict[str, object], Path]) -> None:
    card, folder = ready
    more = {"pretrained_on": ["AudioSet"], "trained_on": ["clotho"], "licence": "MIT", "source": "a test"}
    info = from_card(card | more, folder).info
    assert (info.name, info.sample_rate, info.licence, info.source) == ("small-passt", 32_000, "MIT", "a test")
    assert info.trained_on == ("AudioSet", "clotho")
    assert info.parameters > 10_000
    assert info.card is not None
    assert info.card["shared"] == 8


def test_the_digest_follows_what_decides_the_vectors(
    ready: tuple[dict[str, object], Path], seeded_model: Seeded, dual_card: Card
) -> None:
    card, folder = ready

    def digest(**more: object) -> str | None:
        return from_card(card | more, folder).info.digest

    first = digest()
    torch.save({"state_dict": seeded_model(dual_card()).state_dict()}, folder / "other.ckpt")
    files = {"weights": {"path": "other.ckpt"}, "tokenizer": card["files"]["tokenizer"]}  # type: ignore[index]
    assert digest(about="something else", licence="MIT") == first
    assert digest(files=files) == first
    assert digest(windows={"seconds": 5}) != first
    for change in ({"heads": 1}, {"longest": 20}, {"normalised": False}):
        assert digest(text=card["text"] | change) != first  # type: ignore[operator]
    (folder / "bpe").mkdir()
    words, merges = (
        (Path(card["files"]["tokenizer"]["path"]) / name).read_text()  # type: ignore[index]
        for name in ("vocab.json", "merges.txt")
    )
    (folder / "bpe" / "vocab.json").write_text(words)
    version, first_merge, second_merge, *rest = merges.splitlines()
    (folder / "bpe" / "merges.txt").write_text("\n".join((version, second_merge, first_merge, *rest)) + "\n")
    other = card["files"] | {"tokenizer": {"path": "bpe"}}  # type: ignore[operator]
    assert digest(files=other) != first
    assert digest(random_weights=0) != digest(random_weights=1)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"colour": "blue"}, "colour: unknown field; known are factory, "),
        ({"audio": {"encoder": "passt", "widht": 32}}, "audio.widht: unknown field; did you mean 'width'"),
        (
            {"audio": {"encoder": "cnn14"}},
            "unknown encoder 'cnn14'; known are atst, mobilenet, passt; package",
        ),
        ({"audio": {"encoder": "past"}}, "unknown encoder 'past'; did you mean 'passt'?"),
        ({"audio": {"encoder": "nowhere:Config"}}, "names nowhere:Config, code that is neither lbar's nor a reg"),
        ({"audio": {"encoder": "systems.random:RandomSystem"}}, "expected a subclass of systems.audio.AudioConfig"),
        ({"audio": {"width": 32}}, "audio: expected a field `encoder`"),
        ({"audio": "passt"}, "audio: Input should be a valid dictionary or instance of AudioConfig"),
        ({"files": {}}, "card 'small-passt' does not say where its tokenizer is"),
        ({"windows": {"averaging": "median"}}, "windows.averaging: Input should be 'true-length' or 'published'"),
        ({"shared": 9}, "does not hold the weights of this DualEncoder"),
    ],
)
def test_a_card_that_is_wrong(ready: tuple[dict[str, object], Path], said: dict[str, object], message: str) -> None:
    card, folder = ready
    with pytest.raises(UserError) as caught:
        from_card(card | said, folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_missing_files_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LBAR_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match="passt-distilled-all lacks what it needs in 2 ways") as caught:
        load_system("passt-distilled-all", device="cpu")
    tokenizer, weights = caught.value.problems
    assert f"{tmp_path / 'roberta-large'} is not there; get it by `lbar systems fetch passt-dist" in tokenizer
    assert f"{tmp_path / 'passt_roberta.ckpt'} is not there" in weights
    with pytest.raises(UserError, match="in 2 ways") as caught:
        load_system("passt-m3-clotho", device="cpu")
    assert "nobody published these weights" in caught.value.problems[1]


@pytest.mark.parametrize("name", ["tiny-passt", "tiny-atst", "tiny-mn"])
def test_the_tiny_ones_can_be_drawn(name: str, tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(yaml.safe_dump({"base": name, "name": "mine", "random_weights": 3}))
    system = load_system(str(tmp_path / "card.yaml"), device="cpu")
    assert isinstance(system, DualEncoderSystem)
    assert system.embed_text(["rain"]).shape == (1, 64)
    assert check(system) == []
