"""Other people's text on a terminal: characters that would steer the terminal are shown instead."""

import re

_STEERING = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    # Of these there are no pictures: the second set of control characters, and those that turn the writing round.
    **dict.fromkeys((*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD),
    # Half a character, as in the name of a file that is not UTF-8: it cannot be printed at all.
    **dict.fromkeys(range(0xD800, 0xE000), 0xFFFD),
}
_IN_JSON = re.compile(f"[{''.join(re.escape(chr(code)) for code in _STEERING if code > 0x1F)}]")


def visible(text: str) -> str:
    r"""The text with control characters as pictures of them; tabs and line ends stay.

    >>> visible("a\x1b[31mred\x9b2J")
    'a␛[31mred�2J'
    """
    return text.translate(_STEERING)


def visible_json(document: str) -> str:
    r"""A JSON document with the control characters that JSON allows in texts escaped; it stands for the same values.

    >>> visible_json('"\x9b2J"')
    '"\\u009b2J"'
    """
    return _IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)
