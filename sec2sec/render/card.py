"""What a film says of itself: the strip above every frame, and the card with the verdicts at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from sec2sec.export.headlines import Headline
from sec2sec.render.chart import GROUND, INK, LINE, SOFT, WORD_COLOURS, Box, draw_footer, font, shortened, wrapped

PRODUCT = "sec2sec"
STRIP_TEXT_PX = 32  # 9 px on a telephone of 360 px, which shows the film at 0.28 of its size
STRIP_PX = 40  # of height
LARGEST_TEXT_PX, SMALLEST_TEXT_PX = 34, 16
MAX_LINES = 99  # of one sentence: enough for any


def draw_strip(canvas: Image.Image, box: Box, clip_name: str) -> None:
    """The clip's name at the left and the product's at the right."""
    pen = ImageDraw.Draw(canvas)
    product = font(STRIP_TEXT_PX).getlength(PRODUCT)
    middle = box.top + box.height / 2
    name = shortened(clip_name, box.width - product - STRIP_TEXT_PX, STRIP_TEXT_PX)
    pen.text((box.left, middle), name, font=font(STRIP_TEXT_PX), fill=INK, anchor="lm")
    pen.text((box.left + box.width, middle), PRODUCT, font=font(STRIP_TEXT_PX), fill=INK, anchor="rm")


@dataclass(frozen=True)
class _Paragraph:
    """One target's lines."""

    headline: Headline
    lines: list[str]


def closing_card(
    size: tuple[int, int], strip: Box, clip_name: str, said: Sequence[Headline], foot: Box, footer: Sequence[str]
) -> np.ndarray:
    """(height, width, 3) uint8: each target's prediction, verdict and sentence, as large as there is room."""
    canvas = Image.new("RGB", size, GROUND)
    draw_strip(canvas, strip, clip_name)
    draw_footer(canvas, foot, footer)
    room = Box(strip.left, strip.top + strip.height + 12, strip.width, foot.top - strip.top - strip.height - 24)
    px = LARGEST_TEXT_PX
    while True:
        paragraphs = [_Paragraph(one, wrapped(one.text, room.width, px, MAX_LINES)) for one in said]
        height = sum(_height(paragraph, px) for paragraph in paragraphs)
        if height <= room.height or px <= SMALLEST_TEXT_PX:
            break
        px -= 2
    top = room.top + max(0.0, (room.height - height) / 2)
    pen = ImageDraw.Draw(canvas)
    for paragraph in paragraphs:
        _draw(pen, room, top, paragraph, px)
        top += _height(paragraph, px)
    return np.asarray(canvas).copy()


def _height(paragraph: _Paragraph, px: int) -> float:
    return (1.4 + 1.3 * len(paragraph.lines) + 0.6) * px


def _draw(pen: ImageDraw.ImageDraw, room: Box, top: float, paragraph: _Paragraph, px: int) -> None:
    one = paragraph.headline
    word = one.word.capitalize()
    width = font(px).getlength(word)
    title = shortened(one.title, room.width - width - 2 * px, px)
    pen.line([(room.left, top), (room.left + room.width, top)], fill=LINE)
    pen.text((room.left, top + 0.2 * px), title, font=font(px), fill=INK, anchor="lt")
    pen.text(
        (room.left + room.width, top + 0.2 * px),
        word,
        font=font(px),
        fill=WORD_COLOURS.get(one.word, INK),
        anchor="rt",
    )
    for number, line in enumerate(paragraph.lines):
        pen.text((room.left, top + (1.4 + 1.3 * number) * px), line, font=font(px), fill=SOFT, anchor="lt")
