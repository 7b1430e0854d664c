"""The HTML around the data: all pages are the same shell, in which scripts draw the data that the page carries."""

from html import escape

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
    scripts = "\n".join(f'<script src="{root}assets/{name}.js"></script>' for name in _SCRIPTS[kind])
    links = "".join(
        f'<a href="{root}{address}"{" aria-current=page" if name == kind else ""}>{text}</a>'
        for name, address, text in (("board", "index.html", "Board"), ("compare", "compare.html", "Compare"))
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · lbar</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}assets/style.css">
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header class="top"><span class="mark">lbar</span><nav aria-label="Pages">{links}</nav></header>
<main id="main" data-root="{root}"><noscript>This page needs JavaScript.</noscript></main>
<script type="application/json" id="data">{to_json(document)}</script>
{scripts}
</body>
</html>
"""
