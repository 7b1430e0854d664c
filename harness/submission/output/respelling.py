"""What `--fix` makes of wrong captions, names and headers; the checks promise a mended copy by the same rules."""

from collections import Counter
from collections.abc import Sequence

from harness.submission.editions.profiles import Profile
from harness.submission.output.expected import Expected


def mended_captions(texts: Sequence[str], expected: Expected | None) -> dict[str, str]:
    """Captions that are no query, each with the one query that it can mean and that has no row yet.

    Args:
        texts: of all rows.
        expected: the queries; `None` where they are not known.
    """
    if expected is None or not expected.queries:
        return {}
    times = Counter(texts)
    mended: dict[str, str] = {}
    taken = set(times)
    for text, count in times.items():
        meant = None if text in expected.times_asked else expected.query_spellings.same(text)
        # More rows than the query has: some of them mean another one, which reads the same without punctuation, say.
        if meant is not None and meant not in taken and count in (1, expected.times_asked[meant]):
            mended[text] = meant
            taken.add(meant)
    return mended


def mended_names(names: Sequence[str], expected: Expected | None) -> list[str]:
    """The names of a row or header, corrected where that is certain and no clip is then named twice."""
    if expected is None or not expected.clips or expected.known_clips.issuperset(names):
        return list(names)
    taken = set(names)
    mended = []
    for name in names:
        meant = None if name in expected.known_clips else expected.clip_spellings.same(name)
        if meant is None or meant in taken:
            mended.append(name)
        else:
            taken.add(meant)
            mended.append(meant)
    return mended


def mended_header(header: Sequence[str], profile: Profile, expected: Expected | None) -> list[str]:
    """A header with the edition's names for its columns, where it is plain what these are."""
    if profile.kind == "ranked-list":
        return _columns(profile, list(header))
    corner, names = header[0], list(header[1:])
    if names and all(name.lower().endswith(".wav") for name in names) and not corner.lower().endswith(".wav"):
        corner = profile.columns[0]
    return [corner, *mended_names(names, expected)]


def _columns(profile: Profile, header: list[str]) -> list[str]:
    """The edition's names for columns that are named otherwise, unless the names are data: a header is missing then."""
    is_data = any(cell.lower().endswith(".wav") for cell in header)
    known = profile.variant_of(header) or len(header) - 1 == profile.depth
    return profile.header(len(header) - 1) if known and not is_data else header
