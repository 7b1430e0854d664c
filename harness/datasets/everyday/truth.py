"""Of which clips of the evaluation split words are true, for those who listen to them."""

import re
from functools import cache

from harness.datasets.everyday.cache import EDITION
from harness.datasets.everyday.captions import write_captions
from harness.datasets.everyday.claims import Claims, Mention, SceneIndex
from harness.datasets.everyday.vocabulary import LABELS

_SPLIT = "evaluation"


def everyday_truth(words: str) -> frozenset[str] | None:
    """The clips of the evaluation split of which some words are true.

    A caption of the split is true of the clips of which all that it claims is so. Other words are true of the clips in
    which all the sounds can be heard that they name.

    Returns:
        Names of clips; `None` where the words name no sound of the benchmark.

    >>> len(everyday_truth("a violin")), everyday_truth("a spaceship lands")
    (11, None)
    """
    captions, scenes, terms = _known()
    text = " ".join(words.casefold().split())
    claims = captions.get(text) or Claims(tuple(Mention(term) for term in _named(text, terms)))
    return frozenset(scene.name for scene in scenes.matching(claims)) if claims.mentions else None


def _named(text: str, terms: tuple[str, ...]) -> list[str]:
    """The sounds that a text names, the longest names first: a water bird is not water."""
    found = []
    for term in terms:
        text, count = re.subn(rf"\b{re.escape(term)}(s|es)?\b", " ", text)
        found += [term] * bool(count)
    return found


@cache
def _known() -> tuple[dict[str, Claims], SceneIndex, tuple[str, ...]]:
    """What each caption claims, the scenes, and the names of sounds, the longest first."""
    scenes = EDITION.scenes()[_SPLIT]
    written = write_captions(EDITION.seed, _SPLIT, scenes)
    captions = {caption.text.casefold(): caption.claims for own in written for caption in own}
    terms = {term for label in LABELS.values() for term in label.terms}
    return captions, SceneIndex(scenes), tuple(sorted(terms, key=lambda term: (-len(term), term)))
