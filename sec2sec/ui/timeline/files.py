"""The synchronised view's own files, without gradio: the app and a report show the same."""

from __future__ import annotations

from importlib import resources

HERE = resources.files(__package__)
STYLE = resources.files("sec2sec.ui") / "style.css"  # of the page around it
# one scope, in this order
SCRIPTS = ("shared.js", "timeline.js", "lanes.js", "table.js", "coattention.js", "places.js", "main.js")


def markup() -> str:
    return (HERE / "view.html").read_text(encoding="utf-8")


def styles() -> str:
    return (HERE / "timeline.css").read_text(encoding="utf-8")


def scripts() -> str:
    """They find element, props and watch in the scope that they are put in."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
