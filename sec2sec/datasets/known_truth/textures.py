"""Backgrounds for known-truth clips: clouds, stripes, collages and landscapes, as Y'CbCr planes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

MARGIN = 2  # a texture is this many times the picture on each side, so that the camera has somewhere to go
LUMA_SPREAD = 46.0  # standard deviation of a texture's luma, in 1/255
CHROMA_LENGTH = 40.0  # mean length of its (Cb, Cr), in 1/255

Floats = NDArray[np.float32]
Texture = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


def draw_texture(rng: np.random.Generator, width: int, height: int) -> Texture:
    """Planes Y (2h, 2w), Cb and Cr (h, w), each centred on 128 with the same spread whatever was drawn."""
    size = (MARGIN * width, MARGIN * height)
    kind = rng.choice(["clouds", "stripes", "collage", "landscape", "room"], p=[0.2, 0.1, 0.3, 0.2, 0.2])
    small = (size[0] // 2, size[1] // 2)
    if kind == "clouds":
        luma = clouds(rng, size)
        blue, red = clouds(rng, small, octaves=3), clouds(rng, small, octaves=3)
    elif kind == "stripes":
        luma = stripes(rng, size) + 0.5 * clouds(rng, size)
        blue, red = clouds(rng, small, octaves=3), clouds(rng, small, octaves=3)
    else:
        drawing = {"collage": _collage, "landscape": _landscape, "room": _room}[str(kind)](rng, size)
        drawing = drawing.filter(ImageFilter.GaussianBlur(float(rng.choice([0.0, 0.7, 1.5]))))
        luma_image, blue_image, red_image = drawing.convert("YCbCr").split()
        luma = np.asarray(luma_image, np.float32)
        luma = luma / (luma.std() + 1) + rng.uniform(0.15, 0.5) * clouds(rng, size)
        blue, red = (np.asarray(image.resize(small), np.float32) for image in (blue_image, red_image))
    # mean colour is a matter of warmth, which is planted a second at a time
    blue, red = blue - blue.mean(), red - red.mean()
    gain = CHROMA_LENGTH / (float(np.hypot(blue, red).mean()) + 1e-6)
    luma = (luma - luma.mean()) * (LUMA_SPREAD / (float(luma.std()) + 1e-6))
    return _bytes(luma), _bytes(gain * blue), _bytes(gain * red)


def clouds(rng: np.random.Generator, size: tuple[int, int], octaves: int = 6) -> Floats:
    """1/f noise of unit spread, (height, width): each octave has half the scale and half the weight of the last."""
    width, height = size
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = 2 ** (octave + 2)
        grid = rng.standard_normal((max(2, cells * height // width), cells), dtype=np.float32)
        image = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += 0.6**octave * np.asarray(image)
    noise: NDArray[np.float32] = total / (total.std() + 1e-6)
    return noise


def stripes(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """A grating of any direction, soft or hard, (height, width)."""
    width, height = size
    angle, period = rng.uniform(0, math.pi), rng.uniform(0.06, 0.2) * width
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    phase = (2 * math.pi / period) * (math.cos(angle) * columns + math.sin(angle) * rows)
    return np.tanh(rng.uniform(0.8, 4.0) * np.sin(phase)).astype(np.float32)


def _collage(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Overlapping shapes of many sizes: the statistics of things that hide one another, as in photographs."""
    width, height = size
    image = Image.new("RGB", size, _colour(rng))
    draw = ImageDraw.Draw(image)
    for scale in np.geomspace(0.5, 0.04, 60):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        half_x, half_y = scale * width * rng.uniform(0.2, 0.6, 2)
        box = (x - half_x, y - half_y, x + half_x, y + half_y)
        shape = rng.integers(3)
        if shape == 0:
            draw.rectangle(box, fill=_colour(rng))
        elif shape == 1:
            draw.ellipse(box, fill=_colour(rng))
        else:
            corners = rng.uniform(-1, 1, (4, 2)) * (half_x, half_y) + (x, y)
            draw.polygon([(float(a), float(b)) for a, b in corners], fill=_colour(rng))
    return image


def _landscape(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A sky that fades, ridges before it, and trees or houses on the ground."""
    width, height = size
    top, low = np.array(_colour(rng), np.float32), np.array(_colour(rng), np.float32)
    fade = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    sky = np.broadcast_to(top + fade * (low - top), (height, width, 3))
    image = Image.fromarray(sky.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for depth in np.linspace(0.35, 0.8, 4):
        ridge = depth * height + 0.06 * height * np.interp(
            np.arange(width), np.linspace(0, width, 24), rng.standard_normal(24)
        )
        line = [(float(x), float(y)) for x, y in enumerate(ridge)]
        draw.polygon([*line, (width, height), (0, height)], fill=_colour(rng))
        for _ in range(10):
            x, tall = rng.uniform(0, width), height * rng.uniform(0.05, 0.25)
            wide, foot = tall * rng.uniform(0.2, 0.7), depth * height + 0.05 * height
            draw.rectangle((x, foot - tall, x + wide, foot), fill=_colour(rng))
    return image


def _room(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Walls, a window, furniture, and people: heads of skin colour on shoulders."""
    width, height = size
    image = Image.new("RGB", size, _colour(rng))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height * rng.uniform(0.6, 0.8), width, height), fill=_colour(rng))
    for _ in range(14):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        wide, tall = rng.uniform(0.04, 0.2, 2) * width
        draw.rectangle((x, y, x + wide, y + tall), fill=_colour(rng), outline=_colour(rng))
    for _ in range(int(rng.integers(2, 6))):
        x, y, head = rng.uniform(0, width), height * rng.uniform(0.25, 0.7), height * rng.uniform(0.06, 0.14)
        shade = rng.uniform(0.35, 1.0)
        skin = (int(235 * shade), int(180 * shade), int(150 * shade))
        draw.ellipse((x - 2 * head, y + head, x + 2 * head, y + 5 * head), fill=_colour(rng))
        draw.ellipse((x - head * 0.8, y - head, x + head * 0.8, y + head), fill=skin)
        draw.pieslice((x - head * 0.9, y - 1.2 * head, x + head * 0.9, y + 0.8 * head), 180, 360, fill=_colour(rng))
        for side in (-0.3, 0.3):
            draw.ellipse((x + (side - 0.1) * head, y, x + (side + 0.1) * head, y + 0.2 * head), fill=(20, 20, 30))
    return image


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(10, 246, 3)
    return int(red), int(green), int(blue)


def _bytes(plane: Floats) -> NDArray[np.uint8]:
    return np.clip(plane + 128, 0, 255).astype(np.uint8)
