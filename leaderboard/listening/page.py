"""The scripts and styles of the page: its own, and those of the report."""

from importlib.resources import files

from fastapi import HTTPException, Response

from leaderboard.report import asset

_TYPES = {".js": "text/javascript", ".css": "text/css"}


def own_asset(name: str) -> Response:
    """A script, or the style sheet, which is the report's and what this page adds to it."""
    kind = next((kind for suffix, kind in _TYPES.items() if name.endswith(suffix)), None)
    if kind is None or "/" in name or "\\" in name:
        raise HTTPException(404)
    own = files("leaderboard.listening").joinpath("assets", name)
    text = own.read_text(encoding="utf-8") if own.is_file() else ""
    try:
        return Response(asset(f"assets/{name}") + text if kind == "text/css" or not text else text, media_type=kind)
    except FileNotFoundError:
        raise HTTPException(404) from None
