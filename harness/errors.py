"""The error a person can mend."""

import difflib
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

FEW = 5
"""Problems that are printed of very many."""


class UserError(Exception):
    """Something the user must change: one line saying what, where, what was expected, and how to mend it.

    The command prints it without a traceback and exits with code 2. Where several things are wrong at once,
    `problems` lists them, one line each; `whole` says that they are few and all of them are to be printed.
    """

    def __init__(self, message: str, problems: Sequence[str] = (), *, whole: bool = False) -> None:
        super().__init__(_line(message))
        self.problems = tuple(map(_line, problems))
        self.whole = whole


_LONGEST_LINE = 1000


def _line(text: str) -> str:
    r"""The text as one line that a person can read, whatever stood in the file that it quotes; a long one is cut.

    >>> _line("a\nb"), len(_line("x" * 10**6))
    ('a b', 1003)
    """
    line = " ".join(text.splitlines())
    half = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:half]} … {line[-half:]}"


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that nothing of its kind has: it names what there is, and what was most likely meant.

    >>> str(unknown("data set", "clohto", ["clotho", "wavcaps"]))
    "unknown data set 'clohto'; did you mean 'clotho'? Known are clotho, wavcaps"
    """
    return UserError(f"unknown {kind} {name!r}; {meant(name, known)}")


def meant(name: str, known: Iterable[str]) -> str:
    """What a message says of a name that nothing has: what was most likely meant, and what there is.

    >>> meant("evalution", ["validation", "evaluation"])
    "did you mean 'evaluation'? Known are validation, evaluation"
    >>> meant("test", ["validation", "evaluation"])
    'known are validation, evaluation'
    """
    names = list(known)
    near = nearest(name, names)
    hint = f"did you mean {near!r}? Known are" if near else "known are"
    return f"{hint} {', '.join(names) or 'none'}"


def listing(message: str, problems: Sequence[str]) -> UserError:
    """The error for one or several problems: a single one stands in the line itself, several are listed below it.

    >>> str(listing("no good", ["too small"]))
    'no good: too small'
    """
    if len(problems) == 1:
        return UserError(f"{message}: {problems[0]}")
    return UserError(f"{message} in {len(problems)} ways", problems)


def first_few(lines: Sequence[str], all_are: str = "--json lists all", few: int = FEW) -> list[str]:
    """The first few of many lines, and one that says how many more there are and where they all are.

    >>> first_few(list("abcdefg"))
    ['a', 'b', 'c', 'd', 'e', 'and 2 more; --json lists all']
    """
    if len(lines) <= few:
        return list(lines)
    return [*lines[:few], f"and {len(lines) - few:,} more; {all_are}"]


def nearest(name: str, known: Iterable[str], cutoff: float = 0.65) -> str | None:
    """The known name spelt most like `name`, or that begins with it or it with; `None` where none is like it.

    Upper and lower case are alike, and so are `_` and `-`.

    >>> nearest("clohto", ["everyday", "Clotho"]), nearest("tiny_passt", ["passt", "tiny-passt"])
    ('Clotho', 'tiny-passt')
    >>> known = ["everyday-a2t", "clotho-dcase2024", "clotho-a2t"]
    >>> nearest("clotho", known), nearest("clohto", known)
    ('clotho-dcase2024', 'clotho-dcase2024')
    """
    by_spelling = {_spelling(one): one for one in known}
    spelt = _spelling(name)
    near = difflib.get_close_matches(spelt, by_spelling, 1, max(cutoff, _ALIKE))
    near = near or [one for one in by_spelling if one.startswith(f"{spelt}-") or spelt.startswith(f"{one}-")]
    near = near or difflib.get_close_matches(spelt, by_spelling, 1, cutoff)
    if not near:
        first_words = {one.partition("-")[0]: one for one in reversed(by_spelling)}
        near = [first_words[word] for word in difflib.get_close_matches(spelt, first_words, 1, cutoff)]
    return by_spelling[near[0]] if near else None


_ALIKE = 0.85
"""How like two names are at least of which one is the other misspelt, whatever else begins with it."""


def _spelling(name: str) -> str:
    return name.casefold().replace("_", "-")


def one_line(error: BaseException, most: int = 300) -> str:
    """Type and message of an exception in one line; the message is cut after `most` characters.

    >>> one_line(ValueError("no  luck"))
    'ValueError: no luck'
    """
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:most]}" if message else type(error).__name__


def one_line_and_place(error: BaseException) -> str:
    """The same, and the line of a file in the working directory where it was raised, the innermost of several.

    There a person has code of their own, and would look for that line in a traceback.
    """
    here = Path.cwd()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(here) and not {"site-packages", "harness"} & set(file.relative_to(here).parts[:-1]):
            return f"{one_line(error)}, at {file.relative_to(here)}:{frame.lineno}"
    return one_line(error)
