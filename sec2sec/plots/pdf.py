"""Charts of plots/svg.py as files for a paper: SVG, and PDF whose lines are lines and whose text is text.

The PDF looks as the SVG does: both take their colours and sizes from figure.css. Bitstream Vera is embedded, as far as
its letters are used. It has the Latin alphabet; a letter of another one is a question mark in the PDF, not in the SVG.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from xml.etree import ElementTree

from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from sec2sec.files import safe_name
from sec2sec.outputs import PDF_PRODUCER
from sec2sec.plots.svg import Svg, standalone

FONT = "Vera"  # comes with reportlab
RULE = re.compile(r"([^{}]+)\{([^}]*)\}")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
STEP = re.compile(r"[MLHVlhvz]|-?\d+(?:\.\d+)?(?:e-?\d+)?")
TURNED = re.compile(r"translate\((\S+) (\S+)\) rotate\((\S+)\)")

Style = Mapping[str, str]


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
    drawing = ElementTree.fromstring(figure).find(".//svg")
    assert drawing is not None, "every chart is one"
    width, height = map(float, drawing.get("viewBox", "0 0 640 480").split()[2:])
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
    style = _style(element)
    if element.tag == "text":
        _write(page, element, style)
        return
    stroke, fill = (style.get(name, default) for name, default in (("stroke", "none"), ("fill", "#000000")))
    if stroke != "none":
        page.setStrokeColor(HexColor(stroke))
        page.setLineWidth(float(style.get("stroke-width", "1")))
        page.setDash([float(length) for length in style.get("stroke-dasharray", "").split()])
    if fill != "none":
        page.setFillColor(HexColor(fill))
    painted = {"stroke": int(stroke != "none"), "fill": int(fill != "none")}
    if element.tag == "circle":
        page.circle(*_numbers(element, "cx", "cy", "r"), **painted)
    elif element.tag == "rect":
        page.rect(*_numbers(element, "x", "y", "width", "height"), **painted)
    else:
        assert element.tag == "path", f"a chart has no {element.tag}"
        path = page.beginPath()
        for name, x, y in _corners(element.get("d", "")):
            if name == "z":
                path.close()
            else:
                (path.moveTo if name == "M" else path.lineTo)(x, y)
        page.drawPath(path, **painted)


def _write(page: Canvas, element: ElementTree.Element, style: Style) -> None:
    page.saveState()
    size = float(style["font-size"].removesuffix("px"))
    page.setFont(FONT, size)
    page.setFillColor(HexColor(style["fill"]))
    if turned := TURNED.fullmatch(element.get("transform", "")):
        x, y, degrees = map(float, turned.groups())
        page.translate(x, y)
        page.rotate(degrees)
    else:
        page.translate(*_numbers(element, "x", "y"))
    page.scale(1, -1)
    draw = {"middle": page.drawCentredString, "end": page.drawRightString}
    draw.get(element.get("text-anchor", "start"), page.drawString)(0, 0, _in_font(element.text or ""))
    page.restoreState()


def _in_font(text: str) -> str:
    """The text with question marks for what the font has no letter for, which would be left out otherwise."""
    letters = pdfmetrics.getFont(FONT).face.charToGlyph
    return "".join(letter if ord(letter) in letters else "?" for letter in text)


def _numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.get(name, "0")) for name in names]


def _corners(steps: str) -> Iterator[tuple[str, float, float]]:
    """The corners of a path: M to go there, L to draw a line there, z to close it. Small letters are relative."""
    tokens = STEP.findall(steps)
    x = y = 0.0
    name = ""
    while tokens:
        if tokens[0].isalpha():
            name = tokens.pop(0)
            if name == "z":
                yield name, x, y
                continue
        first = float(tokens.pop(0))
        second = float(tokens.pop(0)) if name in "MLl" else 0.0
        x = {"M": first, "L": first, "H": first, "l": x + first, "h": x + first}.get(name, x)
        y = {"M": second, "L": second, "V": first, "l": y + second, "v": y + first}.get(name, y)
        yield ("M" if name == "M" else "L"), x, y


def _style(element: ElementTree.Element) -> Style:
    """What figure.css says of an element."""
    rules = _rules()
    return {**rules.get(element.tag, {}), **rules.get(f".{element.get('class')}", {})}


@lru_cache(maxsize=1)
def _rules() -> Mapping[str, Style]:
    """The rules of figure.css by selector; of its fonts the size alone."""
    rules: dict[str, dict[str, str]] = {}
    text = COMMENT.sub("", (resources.files(__package__) / "figure.css").read_text(encoding="utf-8"))
    for selectors, body in RULE.findall(text):
        parts = (line.partition(":") for line in body.split(";") if ":" in line)
        style = {name.strip(): value.strip() for name, _, value in parts}
        if font := style.pop("font", ""):
            style["font-size"] = font.split()[0]
        for selector in selectors.split(","):
            rules.setdefault(selector.strip(), {}).update(style)
    return rules
