"""Turns captions into token ids as the published systems do: normalised, byte-level BPE, at most 32 tokens."""

import hashlib
import json
import os
import re
import string
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from harness.errors import UserError, one_line

START = 0
PAD = 1
END = 2
"""Ids of `<s>`, `<pad>` and `</s>` in every vocabulary for RoBERTa."""

_NO_TEXT = re.compile(r"<\S+>|madeupword\d{4}")
"""Entries of RoBERTa's vocabulary that no merges make: special tokens, and words that only fill the vocabulary up."""
_MEND = "copy the tokenizer's files there again, as they are published with the model"
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(caption: str) -> str:
    """Lower-case a caption and delete ASCII punctuation; white space stays as it is.

    >>> normalise("A dog barks -- twice; thunder-storm!")
    'a dog barks  twice thunderstorm'
    """
    return caption.lower().translate(_WITHOUT_PUNCTUATION)


class CaptionTokenizer:
    """RoBERTa's tokenizer: byte-level BPE without a space before the first word, then `<s>` before and `</s>` after.

    A caption that contains `<s>`, for example, is read as plain text: only the tokenizer adds special tokens.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        longest: int = 32,
        normalised: bool = True,
    ) -> None:
        """Build a tokenizer without checks; `read` checks that vocabulary and merges fit.

        Args:
            vocabulary: the id of each token.
            merges: pairs of tokens that are merged into one, in the order in which merges are tried.
            longest: number of tokens that are kept of a caption, `<s>` and `</s>` included; at least 2.
            normalised: whether captions go through `normalise` first.
        """
        from tokenizers import Tokenizer
        from tokenizers.models import BPE
        from tokenizers.pre_tokenizers import ByteLevel

        # Its threads do not survive a fork (into the workers of a data loader), and it would warn at each one.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self.longest = longest
        self.normalised = normalised
        self._vocabulary = dict(vocabulary)
        self._merges = list(merges)
        self._tokenizer = Tokenizer(BPE(self._vocabulary, self._merges))
        self._tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)

    @classmethod
    def read(cls, directory: Path, vocabulary: int, longest: int = 32, normalised: bool = True) -> "CaptionTokenizer":
        """Read the tokenizer in a directory: `tokenizer.json`, or `vocab.json` with `merges.txt`.

        Args:
            directory: the directory; nothing is ever downloaded.
            vocabulary: size of the text encoder's vocabulary.
            longest: see `CaptionTokenizer`.
            normalised: see `CaptionTokenizer`.

        Raises:
            UserError: files are missing or damaged, hold another kind of tokenizer, or do not fit the text encoder.
        """
        if not directory.is_dir():
            raise UserError(f"there is no directory {directory} to read a tokenizer from; {_MEND}")
        found, merges = _read_files(directory)
        _refuse_other_vocabulary(directory, found, vocabulary)
        try:
            tokenizer = cls(found, merges, longest, normalised)
        except Exception as error:  # The library raises a bare `Exception`, whatever is wrong.
            raise UserError(f"{directory}: the merges do not fit the vocabulary ({one_line(error)}); {_MEND}") from None
        _refuse_missing_merges(directory, found, merges)
        return tokenizer

    def __call__(self, captions: Sequence[str]) -> list[list[int]]:
        """Token ids of each caption, `<s>` and `</s>` included, at most `longest` of them, without padding.

        An empty caption gives `[0, 2]`. A lone surrogate is read as a question mark.
        """
        whole = [caption.encode("utf-8", "replace").decode() for caption in captions]
        texts = [normalise(caption) for caption in whole] if self.normalised else whole
        return [[START, *encoded.ids[: self.longest - 2], END] for encoded in self._tokenizer.encode_batch(texts)]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over what decides the ids; the same for the same tokenizer from files in another layout."""
        parts = json.dumps([self._vocabulary, self._merges, self.longest, self.normalised], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()


def batches(ids: Sequence[Sequence[int]], most: int) -> list[list[int]]:
    """Divide captions into batches of similar length, so that there is little padding; returns their indices.

    >>> batches([[0, 7, 8, 2], [0, 2], [0, 7, 2]], most=2)
    [[1, 2], [0]]
    """
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    return [order[start : start + most] for start in range(0, len(order), most)]


def pad(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Pad captions to the length of the longest.

    Returns:
        Token ids and attention mask (1 for a token, 0 for padding), both int64 `(captions, tokens of the longest)`.
    """
    longest = max(map(len, ids), default=0)
    padded = [[*tokens, *[PAD] * (longest - len(tokens))] for tokens in ids]
    mask = [[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in ids]
    shape = (len(ids), longest)
    return torch.tensor(padded, dtype=torch.int64).view(shape), torch.tensor(mask, dtype=torch.int64).view(shape)


def _read_files(directory: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges, from `tokenizer.json` if it is there, as in transformers, or else from the other files."""
    from tokenizers.models import BPE

    whole, words, merges = (directory / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    if whole.is_file():
        return _read_whole(whole)
    missing = [path.name for path in (words, merges) if not path.is_file()]
    if len(missing) == 2:
        raise UserError(
            f"{directory} holds no tokenizer: neither tokenizer.json nor vocab.json and merges.txt; {_MEND}"
        )
    if missing:
        # Other readers take the vocabulary alone for a tokenizer that spells every word byte by byte.
        raise UserError(f"{directory} holds half a tokenizer: {missing[0]} is missing; {_MEND}")
    try:
        vocabulary, pairs = BPE.read_file(str(words), str(merges))
    except Exception as error:  # The library raises a bare `Exception`, whatever is wrong.
        raise UserError(f"{words} and {merges.name} cannot be read ({one_line(error)}); {_MEND}") from None
    return vocabulary, pairs


def _read_whole(path: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges from `tokenizer.json`."""
    from tokenizers import Tokenizer

    try:
        # The library checks the file and brings forms that older versions wrote into today's.
        content = json.loads(Tokenizer.from_file(str(path)).to_str())
    except Exception as error:  # The library raises a bare `Exception`, whatever is wrong.
        raise UserError(f"{path} cannot be read as a tokenizer ({one_line(error)}); {_MEND}") from None
    model = content["model"]
    kinds = (model["type"], (content["pre_tokenizer"] or {}).get("type"), (content["normalizer"] or {}).get("type"))
    if kinds != ("BPE", "ByteLevel", None):
        raise UserError(
            f"{path} holds another tokenizer than RoBERTa's: model, pre-tokenizer and normalizer are "
            f"{', '.join(map(str, kinds))} where BPE, ByteLevel, None are expected; {_MEND}"
        )
    known = model["vocab"].get
    added = [token["content"] for token in content["added_tokens"] if known(token["content"]) != token["id"]]
    if added:
        raise UserError(f"{path} adds {len(added)} tokens to RoBERTa's vocabulary, the first {added[0]!r}; {_MEND}")
    return model["vocab"], [(first, second) for first, second in model["merges"]]


def _refuse_other_vocabulary(directory: Path, found: Mapping[str, int], size: int) -> None:
    """Check that a vocabulary has the size and the ids that the text encoder needs, and can spell every byte."""
    from tokenizers.pre_tokenizers import ByteLevel

    if len(found) != size:
        raise UserError(
            f"{directory}: the tokenizer has {len(found)} tokens where the text encoder has {size}; "
            "take the tokenizer that belongs to it, or correct `vocabulary` in the system's card"
        )
    special = {token: found.get(token) for token in ("<s>", "<pad>", "</s>")}
    if list(special.values()) != [START, PAD, END]:
        ids = ", ".join(f"{token} {number}" for token, number in special.items())
        raise UserError(f"{directory}: the special tokens have ids {ids} where 0, 1, 2 are expected; {_MEND}")
    unspelt = set(ByteLevel.alphabet()) - found.keys()
    if unspelt or sorted(found.values()) != list(range(size)):
        raise UserError(
            f"{directory}: the vocabulary is incomplete: {len(unspelt)} of 256 bytes have no token, "
            f"and the {size} tokens have {len(set(found.values()))} different ids; {_MEND}"
        )


def _refuse_missing_merges(directory: Path, vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> None:
    """Check that the merges make every token of the vocabulary.

    Without some of its merges a tokenizer splits words into pieces that the model never saw in training, and nothing
    else would notice. Each merge joins bytes, or tokens that earlier merges made.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    made = set(ByteLevel.alphabet())
    for first, second in merges:
        if first in made and second in made:
            made.add(first + second)
    never = [token for token in vocabulary if token not in made and not _NO_TEXT.fullmatch(token)]
    if never:
        raise UserError(
            f"{directory}: the merges do not belong to the vocabulary, or some are missing: with these {len(merges)}, "
            f"{len(never)} of {len(vocabulary)} tokens can never occur, the first {never[0]!r}; {_MEND}"
        )
