"""Charts of plots/svg.py as PNG, for slides and chats that take no SVG: the same elements, drawn with Pillow.

As in the PDF, letters are Bitstream Vera, which comes with reportlab and has the Latin alphabet.
"""

from __future__ import annotations

import functools
import io
import itertools
from pathlib import Path
from xml.etree import ElementTree

import reportlab
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from sec2sec.outputs import PNG_SOFTWARE
from sec2sec.plots.elements import TURNED, Style, corners, drawing_of, font_px, numbers, painted, style_of
from sec2sec.plots.svg import Svg

FONT = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
SCALE = 2  # pixels of the file for a unit of the drawing
FINER = 2  # drawn so many times larger, and then averaged: Pillow's own lines have steps
ANCHORS = {"middle": "ms", "end": "rs"}


def as_png(figure: Svg) -> bytes:
    """The drawing of a figure on white, SCALE pixels for each of its units."""
    drawing, width, height = drawing_of(figure)
    zoom = SCALE * FINER
    canvas = Image.new("RGB", (round(width * zoom), round(height * zoom)), "white")
    for element in drawing:
        if element.tag not in ("title", "desc"):
            _draw(canvas, element, zoom)
    info = PngInfo()
    info.add_text("Software", PNG_SOFTWARE)
    info.add_itxt("Title", drawing.findtext("title", ""))
    content = io.BytesIO()
    canvas.reduce(FINER).save(content, "PNG", pnginfo=info, optimize=True)
    return content.getvalue()


def _draw(canvas: Image.Image, element: ElementTree.Element, zoom: int) -> None:
    style = style_of(element)
    if element.tag == "text":
        _write(canvas, element, style, zoom)
        return
    pen = ImageDraw.Draw(canvas)
    stroke, fill = painted(style)
    line = max(1, round(float(style.get("stroke-width", "1")) * zoom)) if stroke else 0
    if element.tag == "circle":
        x, y, r = (zoom * value for value in numbers(element, "cx", "cy", "r"))
        pen.ellipse([x - r, y - r, x + r, y + r], fill, stroke, line)
    elif element.tag == "rect":
        x, y, width, height = (zoom * value for value in numbers(element, "x", "y", "width", "height"))
        if width * height:
            pen.rectangle([x, y, max(x, x + width - 1), max(y, y + height - 1)], fill, stroke, line)
    else:
        assert element.tag == "path", f"a chart has no {element.tag}"
        dashes = [float(length) * zoom for length in style.get("stroke-dasharray", "").split()]
        for points in _lines(element, zoom):
            if fill is not None and len(points) > 2:
                pen.polygon(points, fill)
            if stroke is not None:
                for part in _dashed(points, dashes) if dashes else [points]:
                    pen.line(part, stroke, line, joint="curve")


def _lines(element: ElementTree.Element, zoom: int) -> list[list[tuple[float, float]]]:
    """Each line of a path, as its corners."""
    lines: list[list[tuple[float, float]]] = []
    for name, x, y in corners(element.get("d", "")):
        if name == "M":
            lines.append([(zoom * x, zoom * y)])
        else:
            lines[-1].append(lines[-1][0] if name == "z" else (zoom * x, zoom * y))
    return lines


def _dashed(points: list[tuple[float, float]], dashes: list[float]) -> list[list[tuple[float, float]]]:
    """The dashes of a line. dashes: lengths of a dash and of the gap after it."""
    parts = []
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        at = 0.0
        while at < length:
            ends = (at / length, min(at + dashes[0], length) / length)
            parts.append([(x0 + share * (x1 - x0), y0 + share * (y1 - y0)) for share in ends])
            at += sum(dashes)
    return parts


@functools.cache
def _font(px: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), px)


def _write(canvas: Image.Image, element: ElementTree.Element, style: Style, zoom: int) -> None:
    letters, text = _font(font_px(style) * zoom), element.text or ""
    anchor = ANCHORS.get(element.get("text-anchor", "start"), "ls")
    if turned := TURNED.fullmatch(element.get("transform", "")):
        x, y, degrees = map(float, turned.groups())
        _write_turned(canvas, text, letters, style["fill"], (x * zoom, y * zoom, degrees))
    else:
        x, y = numbers(element, "x", "y")
        ImageDraw.Draw(canvas).text((x * zoom, y * zoom), text, style["fill"], letters, anchor)


def _write_turned(
    canvas: Image.Image, text: str, letters: ImageFont.FreeTypeFont, fill: str, place: tuple[float, float, float]
) -> None:
    """Words whose middle stands at a place. place: x, y and by how many degrees they are turned."""
    x, y, degrees = place
    side = round(letters.getlength(text)) + 4 * round(letters.size)
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).text((side / 2, side / 2), text, 255, letters, "ms")
    mask = mask.rotate(-degrees, Image.Resampling.BICUBIC)
    canvas.paste(Image.new("RGB", mask.size, fill), (round(x - side / 2), round(y - side / 2)), mask)
