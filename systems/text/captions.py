"""Captions to token ids, as the published systems read them: normalised, byte-level BPE, at most 32 tokens."""

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

START, PAD, END = 0, 1, 2
"""Ids of `<s>`, `<pad>` and `</s>` in every vocabulary of RoBERTa's."""

_NO_TEXT = re.compile(r"<\S+>|madeupword\d{4}")
"""What RoBERTa's vocabulary has beside bytes and what merges make of them: special tokens, and words to fill it up."""
_MEND = "copy the tokenizer's files there again, as they lie beside the published model"
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(caption: str) -> str:
    """Lower-case a caption and delete ASCII punctuation; white space is kept as it is.

    >>> normalise("A dog barks -- twice; thunder-storm!")
    'a dog barks  twice thunderstorm'
    """
    return caption.lower().translate(_WITHOUT_PUNCTUATION)


class CaptionTokenizer:
    """RoBERTa's tokenizer: byte-level BPE without a space before the first word, `<s>` before and `</s>` after.

    What looks like a special token within a caption is text as any other.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        longest: int = 32,
        normalised: bool = True,
    ) -> None:
        """Build it from what decides the ids; `read` also checks that these are sound.

        Args:
            vocabulary: the id of each token.
            merges: pairs of tokens that become one, first come first.
            longest: number of tokens, `<s>` and `</s>` among them, that are kept of a caption; at least 2.
            normalised: whether captions go through `normalise` first.
        """
        from tokenizers import Tokenizer
        from tokenizers.models import BPE
        from tokenizers.pre_tokenizers import ByteLevel

        # Its threads and a fork (the workers of a data loader) do not go together; it would warn of it at each fork.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self.longest = longest
        self.normalised = normalised
        self._vocabulary = dict(vocabulary)
        self._merges = list(merges)
        self._tokenizer = Tokenizer(BPE(self._vocabulary, self._merges))
        self._tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)

    @classmethod
    def read(cls, directory: Path, vocabulary: int, longest: int = 32, normalised: bool = True) -> "CaptionTokenizer":
        """Read the tokenizer that lies in a directory, as `tokenizer.json` or as `vocab.json` with `merges.txt`.

        Args:
            directory: where the files are; only these are read, no network is ever asked.
            vocabulary: number of tokens the text encoder knows.
            longest: see `CaptionTokenizer`.
            normalised: see `CaptionTokenizer`.

        Raises:
            UserError: files are missing, damaged, of another kind of tokenizer, or do not fit the text encoder.
        """
        if not directory.is_dir():
            raise UserError(f"there is no directory {directory} to read a tokenizer from; {_MEND}")
        found, merges = _read_files(directory)
        _refuse_other_vocabulary(directory, found, vocabulary)
        try:
            tokenizer = cls(found, merges, longest, normalised)
        except Exception as error:  # Whatever is wrong, tokenizers raises a bare Exception.
            raise UserError(f"{directory}: the merges do not fit the vocabulary ({one_line(error)}); {_MEND}") from None
        _refuse_missing_merges(directory, found, merges)
        return tokenizer

    def __call__(self, captions: Sequence[str]) -> list[list[int]]:
        """Token ids of each caption, `<s>` and `</s>` included, at most `longest` of them, without padding.

        An empty caption is `[0, 2]`. Half a character (a lone surrogate) counts as a question mark.
        """
        whole = [caption.encode("utf-8", "replace").decode() for caption in captions]
        texts = [normalise(caption) for caption in whole] if self.normalised else whole
        return [[START, *encoded.ids[: self.longest - 2], END] for encoded in self._tokenizer.encode_batch(texts)]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over what decides the ids; the same for the same tokenizer in another layout."""
        said = json.dumps([self._vocabulary, self._merges, self.longest, self.normalised], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()


def batches(ids: Sequence[Sequence[int]], most: int) -> list[list[int]]:
    """Which captions to embed together: those of similar length, so that little is padded.

    >>> batches([[0, 7, 8, 2], [0, 2], [0, 7, 2]], most=2)
    [[1, 2], [0]]
    """
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    return [order[start : start + most] for start in range(0, len(order), most)]


def pad(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Fill captions up to the longest of them.

    Returns:
        Token ids and attention mask (1 for a token, 0 for padding), both int64 `(captions, tokens of the longest)`.
    """
    longest = max(map(len, ids), default=0)
    padded = [[*tokens, *[PAD] * (longest - len(tokens))] for tokens in ids]
    mask = [[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in ids]
    shape = (len(ids), longest)
    return torch.tensor(padded, dtype=torch.int64).view(shape), torch.tensor(mask, dtype=torch.int64).view(shape)


def _read_files(directory: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges, from the layout that is there; `tokenizer.json` goes first, as in transformers."""
    from tokenizers.models import BPE

    whole, words, merges = (directory / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    if whole.exists():
        return _read_whole(whole)
    missing = [path.name for path in (words, merges) if not path.exists()]
    if len(missing) == 2:
        raise UserError(
            f"{directory} holds no tokenizer: neither tokenizer.json nor vocab.json and merges.txt; {_MEND}"
        )
    if missing:
        # Half of it would still be read elsewhere, as a tokenizer that spells byte by byte.
        raise UserError(f"{directory} holds half a tokenizer: {missing[0]} is missing; {_MEND}")
    try:
        vocabulary, pairs = BPE.read_file(str(words), str(merges))
    except Exception as error:  # Whatever is wrong, tokenizers raises a bare Exception.
        raise UserError(f"{words} and {merges.name} cannot be read ({one_line(error)}); {_MEND}") from None
    return vocabulary, pairs


def _read_whole(path: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    from tokenizers import Tokenizer

    try:
        # Through the library and back: older versions wrote other forms, and it checks them.
        said = json.loads(Tokenizer.from_file(str(path)).to_str())
    except Exception as error:  # Whatever is wrong, tokenizers raises a bare Exception.
        raise UserError(f"{path} cannot be read as a tokenizer ({one_line(error)}); {_MEND}") from None
    model = said["model"]
    kinds = (model["type"], (said["pre_tokenizer"] or {}).get("type"), (said["normalizer"] or {}).get("type"))
    if kinds != ("BPE", "ByteLevel", None):
        raise UserError(
            f"{path} holds another tokenizer than RoBERTa's: model, pre-tokenizer and normalizer are "
            f"{', '.join(map(str, kinds))} where BPE, ByteLevel, None are expected; {_MEND}"
        )
    added = [token["content"] for token in said["added_tokens"] if model["vocab"].get(token["content"]) != token["id"]]
    if added:
        raise UserError(f"{path} adds {len(added)} tokens to RoBERTa's vocabulary, the first {added[0]!r}; {_MEND}")
    return model["vocab"], [(first, second) for first, second in model["merges"]]


def _refuse_other_vocabulary(directory: Path, found: Mapping[str, int], size: int) -> None:
    from tokenizers.pre_tokenizers import ByteLevel

    if len(found) != size:
        raise UserError(
            f"{directory}: the tokenizer has {len(found)} tokens where the text encoder has {size}; "
            "take the tokenizer that belongs to it, or correct `vocabulary` in the system's card"
        )
    special = {token: found.get(token) for token in ("<s>", "<pad>", "</s>")}
    if list(special.values()) != [START, PAD, END]:
        said = ", ".join(f"{token} {number}" for token, number in special.items())
        raise UserError(f"{directory}: the special tokens have ids {said} where 0, 1, 2 are expected; {_MEND}")
    unspelt = set(ByteLevel.alphabet()) - found.keys()
    if unspelt or sorted(found.values()) != list(range(size)):
        raise UserError(
            f"{directory}: what the tokenizer encodes does not decode back: {len(unspelt)} of 256 bytes have no token, "
            f"and the {size} tokens have {len(set(found.values()))} different ids; {_MEND}"
        )


def _refuse_missing_merges(directory: Path, vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> None:
    """Without some of its merges a tokenizer spells words in pieces the model never saw: no error elsewhere.

    Each merge joins bytes or what an earlier one has made, so that the merges in their order make every token there is.
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
