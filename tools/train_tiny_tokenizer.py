"""Train the small tokenizer that the tiny systems use; run once, its output is package data.

    python tools/train_tiny_tokenizer.py systems/text/tiny_tokenizer

A byte-level BPE with RoBERTa's special tokens, trained on the normalised captions of the development split of
`everyday`. Counts and ties are settled by the tokens themselves, so that every machine finds the same merges.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from harness.datasets.everyday.cache import EDITION
from harness.datasets.everyday.captions import write_captions
from harness.datasets.everyday.scenes import draw_scenes
from systems.text.captions import CaptionTokenizer, normalise

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
ENTRIES = 600


def development_captions() -> list[str]:
    """The captions of the development split, verbatim; no audio is rendered for them."""
    split = "development"
    scenes = draw_scenes(EDITION.seed, EDITION.sizes)[split]
    return [caption.text for captions in write_captions(EDITION.seed, split, scenes) for caption in captions]


def train(captions: list[str]) -> tuple[dict[str, int], list[list[str]]]:
    """Find vocabulary and merges."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(
        vocab_size=ENTRIES, special_tokens=list(SPECIAL), initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([normalise(caption) for caption in captions], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], model["merges"]


def write(target: Path, vocabulary: dict[str, int], merges: list[list[str]]) -> None:
    """Write the two files as transformers lays them out, one token a line."""
    target.mkdir(parents=True, exist_ok=True)
    ordered = dict(sorted(vocabulary.items(), key=lambda entry: entry[1]))
    text = json.dumps(ordered, ensure_ascii=False, indent=0) + "\n"
    (target / "vocab.json").write_text(text, encoding="utf-8", newline="\n")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (target / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def main() -> None:
    """Write to the folder named on the command line, and print how many tokens the captions have."""
    (target,) = (Path(argument) for argument in sys.argv[1:])
    captions = development_captions()
    vocabulary, merges = train(captions)
    write(target, vocabulary, merges)
    lengths = [len(ids) for ids in CaptionTokenizer.read(target, len(vocabulary), longest=512)(captions)]
    sys.stdout.write(
        f"{len(vocabulary)} tokens; {sum(lengths) / len(lengths):.1f} a caption, at most {max(lengths)}; "
        f"{sum(length > 32 for length in lengths) / len(lengths):.2%} of the captions exceed 32\n"
    )


if __name__ == "__main__":
    main()
