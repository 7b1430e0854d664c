"""A result as a table in a notebook: HTML without scripts or colours of its own, so that it fits any page."""

from collections.abc import Sequence
from html import escape

from harness.machine.visible_text import visible


def html_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """A table under a title, with notes below it; what names and captions hold is text and never markup.

    >>> html_table("<i>", ["measure", "value"], [["R@1", "0.5"]]).partition("<tbody>")[0]
    '<table><caption>&lt;i&gt;</caption><thead><tr><th scope="col">measure</th><th scope="col">value</th></tr></thead>'
    """
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in header)
    body = "".join(f"<tr>{_row(*row)}</tr>" for row in rows)
    below = "".join(f"<p>{_text(note)}</p>" for note in notes)
    return f"<table><caption>{_text(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def _row(name: str, *cells: str) -> str:
    return f'<th scope="row">{_text(name)}</th>' + "".join(f"<td>{_text(cell)}</td>" for cell in cells)


def _text(text: str) -> str:
    return escape(visible(text))
