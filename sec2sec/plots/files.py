"""Figures as files, by the ending of their name."""

from __future__ import annotations

from pathlib import Path

from sec2sec.errors import SettingsError
from sec2sec.extras import require_extra
from sec2sec.plots.svg import Svg, standalone

SUFFIXES = (".svg", ".png", ".pdf")


def check_figure(path: Path, part: str) -> None:
    """Refuse a figure that could not be written; part: what asks, in words. Raises SettingsError, MissingExtraError."""
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"{path}: a figure is SVG, PNG or PDF; give a name that ends in {', '.join(SUFFIXES)}")
    if path.suffix.lower() != ".svg":
        require_extra("report", part)


def figure_bytes(figure: Svg, suffix: str) -> bytes:
    """The drawing of a figure in the form that a suffix names."""
    if suffix.lower() == ".png":
        from sec2sec.plots.png import as_png  # reportlab, an extra

        return as_png(figure)
    if suffix.lower() == ".pdf":
        from sec2sec.plots.pdf import as_pdf

        return as_pdf(figure)
    return standalone(figure).encode()
