"""Which known text a misspelt one means."""

import difflib
import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

_MOST_COMPARED = 12
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_PUNCTUATION = re.compile(r"[^\w\s]|_")


class Spellings:
    """Known names or captions, found in spite of the changes that programs make to them.

    Programs strip blanks, un-escape `&#39;`, compose letters otherwise, put paths before file names, write "_" for ":",
    change case, and delete punctuation or put blanks in its place.
    """

    def __init__(self, known: Sequence[str], *, file_names: bool = False) -> None:
        self._known = known
        self._levels = _OF_NAMES if file_names else _OF_CAPTIONS
        self._tables: list[dict[str, list[str]]] = [defaultdict(list) for _ in self._levels]
        for text in dict.fromkeys(known):
            for level, table in zip(self._levels, self._tables, strict=True):
                table[level(text)].append(text)
        self._left = _MOST_COMPARED
        self._near: dict[str, str | None] = {}

    def same(self, text: str) -> str | None:
        """The one known text that differs only in what programs change; `None` where there is none, or several.

        The smallest changes are looked at first: Clotho has `Fountain .wav` and `fountain.wav`.

        >>> Spellings([" Birds.wav", "it&#39;s rain.wav"], file_names=True).same("audio/it's Rain.wav")
        'it&#39;s rain.wav'
        >>> Spellings(["It's rain, again.", "Rain"]).same("its rain again")
        "It's rain, again."
        """
        for level, table in zip(self._levels, self._tables, strict=True):
            key = level(text)
            if key and (found := table.get(key)):
                return found[0] if len(found) == 1 else None
        return None

    def meant(self, text: str) -> str | None:
        """The known text that may be meant: `same`, or else the one that is nearest letter by letter."""
        same = self.same(text)
        # Comparing letter by letter is slow: for all names in a file of another data set it would take minutes.
        if same is None and text not in self._near and self._left:
            self._left -= 1
            self._near[text] = next(iter(difflib.get_close_matches(text[:300], self._known, 1, 0.8)), None)
        return same if same is not None else self._near.get(text)


def plain(text: str) -> str:
    """A text without what programs tend to change in it, except for case and punctuation.

    >>> plain(" It&#39;s  raining ")
    "It's raining"
    """
    return " ".join(_composed(text).split())


def plain_name(name: str) -> str:
    """The same for a file name, without its folder and `.wav`, and with "_" for ":" as on some file systems."""
    bare = _composed(name).replace("\\", "/").rpartition("/")[2]
    stem = bare[:-4] if bare.lower().endswith(".wav") else bare
    return " ".join(stem.replace(":", "_").split())


def _composed(text: str) -> str:
    return unicodedata.normalize("NFKC", html.unescape(html.unescape(text)))


def _without_punctuation(text: str) -> str:
    return " ".join(_PUNCTUATION.sub("", text).casefold().split())


def _words(text: str) -> str:
    return _BETWEEN_WORDS.sub(" ", text).casefold().strip()


_OF_CAPTIONS: tuple[Callable[[str], str], ...] = (
    plain,
    lambda text: plain(text).casefold(),
    lambda text: _without_punctuation(plain(text)),
    lambda text: _words(plain(text)),
    # Punctuation may have been deleted from `&#39;` as it stands.
    _without_punctuation,
)
# A name keeps its words apart: 12_34.wav is not 1234.wav.
_OF_NAMES: tuple[Callable[[str], str], ...] = (
    plain_name,
    lambda name: plain_name(name).casefold(),
    lambda name: _words(plain_name(name)),
)


def hint(meant: str | None) -> str:
    """The question that ends a message.

    >>> hint("a.wav"), hint(None)
    ("; did you mean 'a.wav'?", '')
    """
    return f"; did you mean {meant!r}?" if meant is not None else ""


def hints(wrong: Iterable[str], known: Iterable[str], *, file_names: bool = False) -> Iterator[tuple[str, str]]:
    """Each wrong text with the question that names the known one it may mean."""
    wrong = list(wrong)
    spellings = Spellings(list(known) if wrong else [], file_names=file_names)
    for text in wrong:
        yield text, hint(spellings.meant(text))
