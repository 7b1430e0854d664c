"""Amounts for people to read."""


def in_bytes(count: int) -> str:
    """A number of bytes for people.

    >>> in_bytes(0), in_bytes(96_400), in_bytes(611_000_000), in_bytes(1_740_000_000_000)
    ('0 B', '96.4 kB', '611.0 MB', '1.7 TB')
    """
    power = min(max(len(str(count)) - 1, 0) // 3, 4)
    return f"{count / 1000**power:.1f} {'kMGT'[power - 1]}B" if power else f"{count} B"
