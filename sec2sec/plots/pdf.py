"""Charts of plots/svg.py as files for a paper: SVG, and PDF whose lines are lines and whose text is text.

The PDF looks as the SVG does: both take their colours and sizes from figure.css. Bitstream Vera is embedded, as far as
its letters are used. It has the Latin alphabet; a letter of another one is a question mark in the PDF, not in the SVG.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from xml.etree import ElementTree

from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from sec2sec.files import safe_name
from sec2sec.outputs import PDF_PRODUCER
from sec2sec.plots.elements import TURNED, Style, corners, drawing_of, font_px, numbers, painted, style_of
from sec2sec.plots.svg import Svg, standalone

FONT = "Vera"  # comes with reportlab


def figure_files(figures: Mapping[str, Svg]) -> dict[str, bytes]:
    """The content of figure-NAME.svg and figure-NAME.pdf of each figure, by name of the file."""
    files: dict[str, bytes] = {}
    for name, figure in figures.items():
        stem = f"figure-{safe_name(name)}"
        while f"{stem}.svg" in files:  # names that differ only in what a file's name cannot hold
            stem += "-"
        files |= {f"{stem}.svg": standalone(figure).encode(), f"{stem}.pdf": as_pdf(figure)}
    return files


def as_pdf(figure: Svg) -> bytes:
    """The drawing of a figure as one page of its size, a unit of the drawing as 1/72 inch. The same for the same."""
    drawing, width, height = drawing_of(figure)
    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(FONT, f"{FONT}.ttf"))
    content = io.BytesIO()
    page = Canvas(content, pagesize=(width, height), invariant=1)
    page.setTitle(drawing.findtext("title", ""))
    page.setSubject(drawing.findtext("desc", ""))
    page.setProducer(PDF_PRODUCER)
    page.translate(0, height)
    page.scale(1, -1)  # as in the drawing, y grows downwards
    for element in drawing:
        if element.tag not in ("title", "desc"):
            _draw(page, element)
    page.showPage()
    page.save()
    return content.getvalue()


def _draw(page: Canvas, element: ElementTree.Element) -> None:
    style = style_of(element)
    if element.tag == "text":
        _write(page, element, style)
        return
    stroke, fill = painted(style)
    if stroke is not None:
        page.setStrokeColor(HexColor(stroke))
        page.setLineWidth(float(style.get("stroke-width", "1")))
        page.setDash([float(length) for length in style.get("stroke-dasharray", "").split()])
    if fill is not None:
        page.setFillColor(HexColor(fill))
    which = {"stroke": int(stroke is not None), "fill": int(fill is not None)}
    if element.tag == "circle":
        page.circle(*numbers(element, "cx", "cy", "r"), **which)
    elif element.tag == "rect":
        page.rect(*numbers(element, "x", "y", "width", "height"), **which)
    else:
        assert element.tag == "path", f"a chart has no {element.tag}"
        path = page.beginPath()
        for name, x, y in corners(element.get("d", "")):
            if name == "z":
                path.close()
            else:
                (path.moveTo if name == "M" else path.lineTo)(x, y)
        page.drawPath(path, **which)


def _write(page: Canvas, element: ElementTree.Element, style: Style) -> None:
    page.saveState()
    page.setFont(FONT, font_px(style))
    page.setFillColor(HexColor(style["fill"]))
    if turned := TURNED.fullmatch(element.get("transform", "")):
        x, y, degrees = map(float, turned.groups())
        page.translate(x, y)
        page.rotate(degrees)
    else:
        page.translate(*numbers(element, "x", "y"))
    page.scale(1, -1)
    draw = {"middle": page.drawCentredString, "end": page.drawRightString}
    draw.get(element.get("text-anchor", "start"), page.drawString)(0, 0, _in_font(element.text or ""))
    page.restoreState()


def _in_font(text: str) -> str:
    """The text with question marks for what the font has no letter for, which would be left out otherwise."""
    letters = pdfmetrics.getFont(FONT).face.charToGlyph
    return "".join(letter if ord(letter) in letters else "?" for letter in text)
