"""A system of the paper at its full size, with random weights: what it takes, and that a batch changes nothing."""

import itertools
import json
import string
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers.pre_tokenizers import ByteLevel

EMBED = """
import json, re, sys
import numpy as np
from pathlib import Path
from harness.interface.cards.card import read_card
from systems.dual_encoder.system import from_card

card, folder = read_card("passt-m3-clotho")
card["files"]["tokenizer"]["path"] = sys.argv[1]
system = from_card(card | {"random_weights": 0}, folder)
random = np.random.default_rng(0)
clips = [random.uniform(-0.5, 0.5, seconds * 32_000).astype(np.float32) for seconds in (30, 12)]
captions = [" ".join(random.choice(["rain", "falls", "a", "dog", "barks"], size)) for size in range(3, 19)]
audio, text = system.embed_audio(clips[:1]), system.embed_text(captions)
peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def difference(found, expected):
    return float(np.linalg.norm(found - expected, axis=1).max() / np.linalg.norm(expected, axis=1).min())

differences = [
    difference(system.embed_audio(clips)[:1], audio),
    difference(np.concatenate([system.embed_text([caption]) for caption in captions]), text),
    difference(system.embed_text(captions[::-1])[::-1], text),
]
shapes = [audio.shape, text.shape]
print(json.dumps({"peak": peak, "differences": differences, "shapes": shapes, "parameters": system.info.parameters}))
"""


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """A byte-level BPE as large as RoBERTa's, whose merges are made up."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    merges = []
    for length in itertools.count(2):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            if len(words) == 50_265:
                (tmp_path / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
                (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
                return tmp_path
            words.append("".join(letters))
            merges.append(f"{''.join(letters[:-1])} {letters[-1]}")
    raise AssertionError


@pytest.mark.slow
def test_a_clip_and_sixteen_captions(tokenizer: Path) -> None:
    done = subprocess.run([sys.executable, "-c", EMBED, str(tokenizer)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["shapes"] == [[1, 1024], [16, 1024]]
    assert found["parameters"] == 442_269_470
    assert found["peak"] < 6e9
    assert max(found["differences"]) < 1e-5
