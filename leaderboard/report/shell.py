"""The HTML around the data: all pages fill the same template, in which scripts draw the data that the page carries."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from leaderboard.report.encoding import to_json

_SCRIPTS = {
    "board": ("dom", "pareto", "board"),
    "compare": ("dom", "data", "statistics", "compare"),
    "system": ("dom", "data", "charts", "failures", "system"),
}


def page(title: str, kind: str, document: object, root: str = "") -> str:
    """A whole page.

    Args:
        title: the title, as plain text.
        kind: `board`, `compare` or `system`.
        document: the data of the page.
        root: the relative path from the page to the site's root folder.
    """
    links = "".join(
        f'<a href="{root}{address}"{" aria-current=page" if name == kind else ""}>{text}</a>'
        for name, address, text in (("board", "index.html", "Board"), ("compare", "compare.html", "Compare"))
    )
    return filled(title, links, _SCRIPTS[kind], document, root)


def filled(title: str, links: str, scripts: Sequence[str], document: object, root: str = "") -> str:
    """The template, filled.

    Args:
        title: the title, as plain text.
        links: the links to the other pages, as HTML.
        scripts: names of the scripts, in order.
        document: the data of the page.
        root: the relative path from the page to the site's root folder.
    """
    elements = "\n".join(f'<script src="{root}assets/{name}.js"></script>' for name in scripts)
    template = Template(asset("page.html"))
    return template.substitute(title=escape(title), root=root, links=links, data=to_json(document), scripts=elements)


def asset(name: str) -> str:
    """The text of the template, or of a script or the style sheet of all pages (`assets/dom.js`)."""
    return files("leaderboard.report").joinpath(name).read_text(encoding="utf-8")
