import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from systems.text.captions import CaptionTokenizer, batches, normalise, pad

ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "systems" / "text" / "tiny_tokenizer"
SIZE = 600


@pytest.fixture(scope="module")
def tokenizer() -> CaptionTokenizer:
    return CaptionTokenizer.read(TINY, SIZE)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the tokenizer that is shipped, to be damaged."""
    return Path(shutil.copytree(TINY, tmp_path / "tokenizer"))


def save_with_transformers(source: Path, target: Path) -> Path:
    """The layout of transformers 5: tokenizer.json and tokenizer_config.json."""
    from transformers import RobertaTokenizer

    RobertaTokenizer.from_pretrained(source).save_pretrained(target)
    assert (target / "tokenizer.json").exists()
    assert not (target / "vocab.json").exists()
    return target


def change_vocabulary(change: Callable[[dict[str, int]], object]) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        vocabulary = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
        change(vocabulary)
        (directory / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")

    return damage


def change_whole(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        path = save_with_transformers(directory, directory / "whole") / "tokenizer.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        change(said)
        (directory / "tokenizer.json").write_text(json.dumps(said), encoding="utf-8")

    return damage


def write(name: str, content: str) -> Callable[[Path], object]:
    return lambda directory: (directory / name).write_text(content, encoding="utf-8")


def delete(*names: str) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        for name in names:
            (directory / name).unlink()

    return damage


def merges_of(directory: Path) -> list[str]:
    return (directory / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]


def change_merges(change: Callable[[list[str]], list[str]]) -> Callable[[Path], object]:
    return lambda directory: write("merges.txt", "\n".join(["#version: 0.2", *change(merges_of(directory))]))(directory)


def renamed(vocabulary: dict[str, int], old: str, new: str) -> None:
    vocabulary[new] = vocabulary.pop(old)


@pytest.mark.shared
@pytest.mark.parametrize("whole", [False, True], ids=["vocab and merges", "tokenizer.json"])
def test_as_the_reference(shared: Path, tmp_path: Path, whole: bool) -> None:
    golden = json.loads((shared / "golden" / "captions.json").read_text(encoding="utf-8"))
    assert [normalise(caption) for caption in golden["raw"]] == golden["normalised"]
    directory = shared / "golden" / "tiny_tokenizer"
    if whole:
        directory = save_with_transformers(directory, tmp_path)
    ids = CaptionTokenizer.read(directory, 390)(golden["raw"])
    expected = list(zip(golden["tiny_tokenizer_input_ids"], golden["tiny_tokenizer_attention_mask"], strict=True))
    assert ids == [[token for token, kept in zip(tokens, mask, strict=True) if kept] for tokens, mask in expected]
    for one, (tokens, mask) in zip(ids, expected, strict=True):
        padded, kept = pad([one, [0] * 32])
        assert padded[0].tolist() == tokens
        assert kept[0].tolist() == mask


def test_as_transformers(tokenizer: CaptionTokenizer) -> None:
    from transformers import RobertaTokenizer

    captions = ["a dog barks", " leading space", "tabs\t\tand\nlines", "Übergröße…", "x" * 200, "", "don't stop 123 !?"]
    theirs = RobertaTokenizer.from_pretrained(TINY)
    verbatim = CaptionTokenizer.read(TINY, SIZE, normalised=False)
    assert verbatim(captions) == theirs(captions, truncation=True, max_length=32)["input_ids"]
    assert tokenizer(captions) == verbatim([normalise(caption) for caption in captions])


def test_defined_results(tokenizer: CaptionTokenizer) -> None:
    verbatim = CaptionTokenizer.read(TINY, SIZE, normalised=False)
    assert tokenizer([]) == []
    assert tokenizer(["", "?!"]) == [[0, 2], [0, 2]]
    assert verbatim(["\ud83d"]) == verbatim(["?"])
    emoji, endless, one_word = tokenizer(["🐕", "a b" * 10_000, "a" * 10_000])
    assert len(emoji) == 2 + len("🐕".encode())
    for ids in (endless, one_word):
        assert len(ids) == 32
        assert (ids[0], ids[-1]) == (0, 2)


def test_a_special_token_in_a_caption_is_text() -> None:
    (ids,) = CaptionTokenizer.read(TINY, SIZE, normalised=False)(["</s><mask>"])
    assert not {0, 1, 2, 3, 4} & set(ids[1:-1])


@given(st.lists(st.text(st.characters()), max_size=4), st.booleans(), st.integers(2, 40))
def test_any_text(captions: list[str], normalised: bool, longest: int) -> None:
    tokenizer = CaptionTokenizer.read(TINY, SIZE, longest, normalised)
    ids = tokenizer(captions)
    assert len(ids) == len(captions)
    for caption, tokens in zip(captions, ids, strict=True):
        assert 2 <= len(tokens) <= longest
        assert (tokens[0], tokens[-1]) == (0, 2)
        assert all(5 <= token < SIZE for token in tokens[1:-1])
        assert tokenizer([caption]) == [tokens]


@given(st.text(max_size=20))
def test_nothing_is_lost(caption: str) -> None:
    from tokenizers.decoders import ByteLevel

    (ids,) = CaptionTokenizer.read(TINY, SIZE, longest=200, normalised=False)([caption])
    spelt = {number: token for token, number in json.loads((TINY / "vocab.json").read_text(encoding="utf-8")).items()}
    assert ByteLevel().decode([spelt[token] for token in ids[1:-1]]) == caption


def test_digest_follows_what_decides_the_ids(tokenizer: CaptionTokenizer, directory: Path, tmp_path: Path) -> None:
    whole = save_with_transformers(directory, tmp_path / "whole")
    assert CaptionTokenizer.read(whole, SIZE).digest == tokenizer.digest
    assert len(tokenizer.digest) == 64
    others = [
        CaptionTokenizer.read(TINY, SIZE, longest=31),
        CaptionTokenizer.read(TINY, SIZE, normalised=False),
    ]
    change_merges(lambda merges: [*merges[:-2], merges[-1], merges[-2]])(directory)
    others.append(CaptionTokenizer.read(directory, SIZE))
    assert len({tokenizer.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "there is no directory"),
        (delete("vocab.json", "merges.txt"), "holds no tokenizer: neither tokenizer.json nor vocab.json and"),
        (delete("merges.txt"), "half a tokenizer: merges.txt is missing"),
        (delete("vocab.json"), "half a tokenizer: vocab.json is missing"),
        (write("vocab.json", "{"), "cannot be read"),
        (write("merges.txt", "#version: 0.2\na\n"), "cannot be read"),
        (change_merges(lambda merges: []), "with these 0, 339 of 600 tokens can never occur"),
        (change_merges(lambda merges: merges[:1]), "with these 1, 338 of 600 tokens can never occur"),
        (change_merges(lambda merges: merges[: len(merges) // 2]), "with these 169, 170 of 600 tokens can never occur"),
        (change_merges(lambda merges: merges[:-1]), "with these 338, 1 of 600 tokens can never occur"),
        (change_merges(lambda merges: merges[::-1]), "tokens can never occur"),
        (
            change_whole(lambda said: said["model"].update(merges=said["model"]["merges"][:100])),  # type: ignore[attr-defined]
            "with these 100, 239 of 600 tokens can never occur",
        ),
        (write("merges.txt", "#version: 0.2\nzzz qqq\n"), "the merges do not fit the vocabulary"),
        (change_vocabulary(lambda words: words.popitem()), "has 599 tokens where the text encoder has 600"),
        (
            change_vocabulary(lambda words: words.update({"<s>": 2, "</s>": 0})),
            "special tokens have ids <s> 2, <pad> 1, </s> 0 where 0, 1, 2",
        ),
        (change_vocabulary(lambda words: renamed(words, "<pad>", "[PAD]")), "<pad> None"),
        (change_vocabulary(lambda words: renamed(words, "ģ", "ģģ")), "1 of 256 bytes have no token"),
        (change_vocabulary(lambda words: words.update({"b": words["a"]})), "599 different ids"),
        (write("tokenizer.json", "{"), "tokenizer.json cannot be read as a tokenizer"),
        (change_whole(lambda said: said.update(pre_tokenizer=None)), "BPE, None, None where BPE, ByteLevel, None"),
        (change_whole(lambda said: said.update(normalizer={"type": "Lowercase"})), "BPE, ByteLevel, Lowercase where"),
        (
            change_whole(
                lambda said: said["added_tokens"].append(said["added_tokens"][4] | {"id": 600, "content": "oink!"})
            ),
            "adds 1 tokens to RoBERTa's vocabulary, the first 'oink!'",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    directory: Path, damage: Callable[[Path], object], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    damage(directory)
    capfd.readouterr()
    with pytest.raises(UserError) as caught:
        CaptionTokenizer.read(directory, SIZE)
    message = str(caught.value)
    assert said in message
    assert str(directory) in message
    assert "\n" not in message
    assert ";" in message
    assert capfd.readouterr() == ("", "")


def test_the_made_up_words_of_the_published_vocabulary(directory: Path) -> None:
    made_up = {"<|endoftext|>": 600, "madeupword0000": 601, "madeupword0001": 602, "madeupword0002": 603}
    change_vocabulary(lambda words: words.update(made_up))(directory)
    assert CaptionTokenizer.read(directory, 604)(["rain"]) == CaptionTokenizer.read(TINY, SIZE)(["rain"])


def test_the_five_token_trap(directory: Path) -> None:
    from transformers import RobertaTokenizer

    RobertaTokenizer(vocab_file="vocab.json", merges_file="merges.txt").save_pretrained(directory)
    with pytest.raises(UserError, match="has 5 tokens where the text encoder has 600"):
        CaptionTokenizer.read(directory, SIZE)


def test_neither_transformers_nor_a_word_on_standard_error() -> None:
    code = f"""
import os, sys
from pathlib import Path
from systems.text.captions import CaptionTokenizer
tokenizer = CaptionTokenizer.read(Path({str(TINY)!r}), {SIZE})
tokenizer(["a dog barks"] * 100)
child = os.fork()
tokenizer(["a dog barks"] * 100)
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("transformers" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


@given(st.lists(st.integers(2, 32), max_size=30), st.integers(1, 8))
def test_batches_are_of_similar_length(lengths: list[int], most: int) -> None:
    ids = [[0] * length for length in lengths]
    together = batches(ids, most)
    assert sorted(index for batch in together for index in batch) == list(range(len(ids)))
    assert all(1 <= len(batch) <= most for batch in together)
    assert [lengths[index] for batch in together for index in batch] == sorted(lengths)


def test_pad() -> None:
    input_ids, mask = pad([[0, 7, 2], [0, 2]])
    assert input_ids.tolist() == [[0, 7, 2], [0, 2, 1]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert input_ids.dtype == mask.dtype == torch.int64
    assert pad([])[0].shape == (0, 0)


def test_training_gives_the_tokenizer_that_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    tool = import_module("train_tiny_tokenizer")
    captions = tool.development_captions()
    tool.write(tmp_path, *tool.train(captions))
    for name in ("vocab.json", "merges.txt"):
        assert (tmp_path / name).read_bytes() == (TINY / name).read_bytes()
    lengths = [len(ids) for ids in CaptionTokenizer.read(TINY, SIZE, longest=512)(captions)]
    assert sum(lengths) / len(lengths) < 20
    assert sum(length > 32 for length in lengths) / len(lengths) < 0.01
