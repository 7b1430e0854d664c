"""What a clip's name says of it: its FreeSound number or AudioSet video, and its title."""

import html
import re
import unicodedata

_VIDEO = re.compile(r"Y[\w-]{11}")
# A number of fewer digits is more likely a folder's own than FreeSound's.
_BARE_NUMBER = re.compile(r"\d{5,}")
_FREESOUND_DOWNLOAD = re.compile(r"(\d+)__.+")
_SUFFIXES = re.compile(r"(\.(aiff?|flac|m4a|mp3|ogg|opus|wav))+$")
_ESCAPED = re.compile(r"__(\d+)_")


def stem(name: str) -> str:
    """A file name up to its first dot, without folders.

    >>> stem("AudioSet_SL/Yr1nicOVtvkQ.flac"), stem("117790")
    ('Yr1nicOVtvkQ', '117790')
    """
    return name.rpartition("/")[2].split(".")[0]


def id_in_file_name(name: str) -> str | None:
    """The FreeSound number or AudioSet video by which a file is named, as exclusion lists spell it.

    >>> id_in_file_name("Yr1nicOVtvkQ.wav"), id_in_file_name("117790__user__title.wav"), id_in_file_name("12.wav")
    ('Yr1nicOVtvkQ', '117790', None)
    """
    bare = stem(name)
    if _VIDEO.fullmatch(bare) or _BARE_NUMBER.fullmatch(bare):
        return bare
    match = _FREESOUND_DOWNLOAD.fullmatch(bare)
    return match[1] if match else None


def title(name: str) -> str:
    """A file name as its FreeSound title, without what differs between copies of it.

    That is case, accents, extensions, blanks and punctuation, and HTML entities with what file systems make of them.

    >>> title("Chat2 - (Apollonia&#39;s sPA) .wav") == title("chat2_Apollonia__39_s_spa.flac")
    True
    """
    bare = _SUFFIXES.sub("", name.strip().casefold())
    plain = unicodedata.normalize("NFKD", html.unescape(_ESCAPED.sub(r"&#\1;", bare)))
    words = re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
    return " ".join(words) or bare
