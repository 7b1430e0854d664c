"""Mistakes in a line of a meta file that leave no doubt what is meant: stray tabs, and what follows `!!null`."""

import re

_TAB_STOPS = 8
_NULL_AND_TEXT = re.compile(
    r"(?P<before>(?:^|[:\[,{-])[ \t]*)!!null,?(?P<text>[ \t]*[^\s#,\]}][^#\n]*?)(?=[ \t]*(?:#|$))"
)


def after_null(line: str) -> str:
    """The text after a `!!null`; empty where there is none.

    >>> after_null("  loss_function: !!null, NT-Xent  # by batch")
    'NT-Xent'
    """
    match = _NULL_AND_TEXT.search(_before_comment(line))
    return match["text"].strip(" \t,") if match else ""


def without_null(line: str) -> str:
    """A line in which the text after a `!!null` stands in quotes and without the `!!null`."""

    def quoted(match: re.Match[str]) -> str:
        text = match["text"].strip(" \t,").replace("\\", "\\\\").replace('"', '\\"')
        return f'{match["before"]}"{text}"'

    return _NULL_AND_TEXT.sub(quoted, line, count=1)


def unglued(line: str) -> str:
    """A line with `null,` for `!!null,` within brackets that are opened on it.

    >>> unglued("  text_augmentation: [!!null, dropout]")
    '  text_augmentation: [null, dropout]'
    """
    code = _before_comment(line)
    place = code.find("!!null,")
    while place >= 0:
        before = code[:place]
        if before.count("[") + before.count("{") > before.count("]") + before.count("}"):
            code, line = before + code[place + 2 :], before + line[place + 2 :]
        place = code.find("!!null,", place + 1)
    return line


def without_stray_tabs(line: str) -> str:
    """A line with blanks for the tabs outside of comments, if there is one outside of quotes too."""
    code = _before_comment(line)
    return (code.expandtabs(_TAB_STOPS) + line[len(code) :]) if has_stray_tab(line) else line


def has_stray_tab(line: str) -> bool:
    """Whether there is a tab outside of quotes and comments."""
    quote = ""
    for letter in _before_comment(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "\t":
            return True
    return False


def _before_comment(line: str) -> str:
    quote = ""
    before = " "
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and before in " \t[{,:":
            quote = letter
        elif letter == "#" and before in " \t":
            return line[:place]
        before = letter
    return line
