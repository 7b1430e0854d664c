"""Which known text a misspelt one means."""

import difflib
import html
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

_MOST_COMPARED = 12


class Spellings:
    """Known names or captions, found in spite of the changes that programs make to them.

    Programs strip blanks, un-escape `&#39;`, put paths before file names, write "_" for ":", or change case.
    """

    def __init__(self, known: Sequence[str], *, file_names: bool = False) -> None:
        self._known = known
        self._plain = plain_name if file_names else plain
        self._by_plain: dict[str, list[str]] = defaultdict(list)
        self._by_lower: dict[str, list[str]] = defaultdict(list)
        for text in dict.fromkeys(known):
            self._by_plain[self._plain(text)].append(text)
            self._by_lower[self._plain(text).casefold()].append(text)
        self._left = _MOST_COMPARED
        self._near: dict[str, str | None] = {}

    def same(self, text: str) -> str | None:
        """The one known text that differs only in what programs change; `None` where there is none, or several.

        Case is looked at first: Clotho has `Fountain .wav` and `fountain.wav`.

        >>> Spellings([" Birds.wav", "it&#39;s rain.wav"], file_names=True).same("audio/it's Rain.wav")
        'it&#39;s rain.wav'
        """
        bare = self._plain(text)
        found = self._by_plain.get(bare) or self._by_lower.get(bare.casefold(), [])
        return found[0] if len(found) == 1 else None

    def meant(self, text: str) -> str | None:
        """The known text that may be meant: `same`, or else the one that is nearest letter by letter."""
        same = self.same(text)
        # Comparing letter by letter is slow: for all names in a file of another data set it would take minutes.
        if same is None and text not in self._near and self._left:
            self._left -= 1
            self._near[text] = next(iter(difflib.get_close_matches(text[:300], self._known, 1, 0.8)), None)
        return same if same is not None else self._near.get(text)


def plain(text: str) -> str:
    """A text without what programs tend to change in it, except for case.

    >>> plain(" It&#39;s  raining ")
    "It's raining"
    """
    return " ".join(html.unescape(text).split())


def plain_name(name: str) -> str:
    """The same for a file name, without its folder and `.wav`, and with "_" for ":" as on some file systems."""
    bare = html.unescape(name).replace("\\", "/").rpartition("/")[2]
    stem = bare[:-4] if bare.lower().endswith(".wav") else bare
    return " ".join(stem.replace(":", "_").split())


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
