"""The picture of a known-truth clip, drawn in Y'CbCr so that each state is one operation on one plane.

Brightness shifts the luma plane to a mean, saturation scales the chroma planes, warmth turns them, motion moves the
camera and the blobs. A texture is drawn once a clip; each frame is an affine look at it. Where real film stands behind
the clip, motion is also the speed at which it runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sec2sec.datasets.known_truth.footage import load_footage
from sec2sec.datasets.known_truth.states import SLOTS, Plan, Second
from sec2sec.datasets.known_truth.textures import Texture, draw_texture

BLACK, WHITE = 16, 235  # luma of limited-range video
SIZES = ((192, 144), (256, 144), (192, 108), (208, 160), (144, 192), (176, 176))  # width, height
RATES = (24, 24, 24, 24, 16, 32)  # frames per second; multiples of 8, so that an eighth is a whole number of frames
# Unit vector from cool to warm in (Cb, Cr): blue is (+, −), orange is (−, +).
WARM = (-0.77, 0.64)
FREEZE = 0.15  # motion below which real film stands still; above, it runs at twice its motion
FILM_MARGIN = 1.2  # sides of real film ÷ sides of the window on it
STRONGEST_GAIN = 6.0  # of chroma: more would show what the codec made of a grey picture

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


def luma_of(brightness: float) -> float:
    """Mean luma in [0, 1] of a second: 0 is nearly black, 0.5 is 0.41."""
    return 0.04 + 0.74 * brightness


def chroma_of(saturation: float) -> float:
    """Mean length of (Cb, Cr) in a second, in units of 1/255."""
    return 5.0 + 50.0 * saturation


def speed_of(motion: float) -> float:
    """Mean optical motion of a second, in widths of the picture a second: 0.15 at the middle, 0.6 at 1."""
    return 0.002 + 0.6 * motion**2


@dataclass(frozen=True)
class Look:
    """What does not change within a clip."""

    width: int
    height: int
    fps: int
    style: str  # camera: pan, zoom, shake or local
    flash: str  # full, disc or checker
    bar: int  # rows of each letterbox bar; even
    grain: float  # standard deviation, in 1/255
    contrast: float
    crf: int  # x264's; higher is coarser


def draw_look(rng: np.random.Generator) -> Look:
    """A camera, a size and a background at random."""
    width, height = SIZES[rng.integers(len(SIZES))]
    letterbox = rng.random() < 0.15 and width > height
    return Look(
        width,
        height,
        int(RATES[rng.integers(len(RATES))]),
        style=str(rng.choice(["pan", "zoom", "shake", "local"], p=[0.4, 0.2, 0.2, 0.2])),
        flash=str(rng.choice(["full", "disc", "checker"])),
        bar=2 * int(height * rng.uniform(0.05, 0.11) / 2) if letterbox else 0,
        grain=float(rng.choice([0.0, rng.uniform(1.0, 5.0)])),
        contrast=float(rng.uniform(0.7, 1.2)),
        crf=int(rng.integers(22, 31)),
    )


def draw_seconds(plan: Plan, look: Look, rng: np.random.Generator) -> Iterator[Planes]:
    """Yield for each second the planes Y (fps, h, w), Cb and Cr (fps, h/2, w/2)."""
    filmed = any(second.shot for second in plan.seconds)  # and then things enough are in the picture
    camera = _Camera(rng, look, draw_texture(rng, look.width, look.height), blobs=not filmed)
    alpha = _flash_shape(rng, look)
    for second in plan.seconds:
        luma, cb, cr = camera.film(second)
        if second.shot is not None:  # real film has a tint of its own
            cb, cr = (_centred(plane) for plane in (cb, cr))
        luma = _expose(luma, second, look)
        cb, cr = _tint(cb, cr, second)
        _flash(luma, alpha, second, look)
        if look.grain:
            _add_grain(luma, look.grain, rng)
        if look.bar:
            for plane, rows, value in ((luma, look.bar, BLACK), (cb, look.bar // 2, 128), (cr, look.bar // 2, 128)):
                plane[:, :rows] = value
                plane[:, -rows:] = value
        yield luma, cb, cr


class _Camera:
    """Looks at the texture through a moving window, and moves blobs before it."""

    def __init__(self, rng: np.random.Generator, look: Look, texture: Texture, *, blobs: bool) -> None:
        self.rng, self.look = rng, look
        self.planes = [Image.fromarray(plane) for plane in texture]
        self.at = rng.uniform(0, 4, 2)  # position on a triangle wave, in widths
        self.zoom = rng.uniform(0, 4)
        self.shaken = 0.0
        count = int(rng.integers(5, 9)) if look.style == "local" else int(rng.integers(0, 4))
        self.blobs = [_Blob(rng, look) for _ in range(count * blobs)]

    def _behind(self, second: Second, passed: float) -> list[Image.Image]:
        """What the window looks at, `passed` s after the beginning of the second."""
        if second.shot is None:
            return self.planes
        speed = 0.0 if second.motion < FREEZE else 2 * second.motion
        return load_footage(second.shot.film).frame(second.shot.start + speed * passed)

    def film(self, second: Second) -> Planes:
        """The second's planes before they are exposed and tinted."""
        look, rng = self.look, self.rng
        speed = speed_of(second.motion) / look.fps  # widths per frame
        direction = rng.uniform(0, 2 * math.pi)
        shake_hz = rng.uniform(1.0, 2.2)  # below 4 Hz, which eight frames per second could not show
        shares = {"pan": (1.0, 0.0, 0.0), "zoom": (0.3, 0.7, 0.0), "shake": (0.2, 0.0, 0.8), "local": (0.35, 0.0, 0.0)}
        pan, zoom, shake = shares[look.style]
        chroma = (look.width // 2, look.height // 2)
        step = speed * pan * np.array([math.cos(direction), math.sin(direction)])
        sizes = ((look.width, look.height), chroma, chroma)
        stacks = [np.empty((look.fps, h, w), np.uint8) for w, h in sizes]
        for frame in range(look.fps):
            self.at = self.at + step
            self.zoom += zoom * speed / 0.35  # mean distance from the centre is about 0.35 widths
            self.shaken += 2 * math.pi * shake_hz / look.fps
            scale = math.exp(0.3 * _triangle(self.zoom / 0.6)) if zoom and second.shot is None else 1.0
            planes = self._behind(second, frame / look.fps)
            if second.shot is not None:  # a window as large as the film allows, with somewhere to go
                scale = min(planes[0].width / look.width, planes[0].height / look.height) / FILM_MARGIN
            # a sine of amplitude a and frequency f moves 4·a·f per second
            swing = shake * speed * look.fps / (4 * shake_hz) * math.sin(self.shaken)
            for number, (plane, stack, (w, h)) in enumerate(zip(planes, stacks, sizes, strict=True)):
                # the window slides within what the texture leaves free around it
                free_x, free_y = (plane.width - scale * w) / 2, (plane.height - scale * h) / 2
                left = free_x + free_x * _triangle((self.at[0] + swing) * w / (2 * free_x))
                top = free_y + free_y * _triangle((self.at[1] + 0.5 * swing) * w / (2 * free_y))
                image = plane.transform(
                    (w, h), Image.Transform.AFFINE, (scale, 0, left, 0, scale, top), Image.Resampling.BILINEAR
                )
                for blob in self.blobs:
                    blob.paste(image, number)
                stack[frame] = np.asarray(image)
            for blob in self.blobs:
                blob.move(speed * (1.6 if look.style == "local" else 1.0))
        return stacks[0], stacks[1], stacks[2]


class _Blob:
    """A thing that crosses the picture: an ellipse or a box of one colour with a soft edge."""

    def __init__(self, rng: np.random.Generator, look: Look) -> None:
        self.look = look
        wide, high = (2 * int(look.height * rng.uniform(0.04, 0.11)) for _ in range(2))  # even: chroma has half
        grid_y, grid_x = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j]
        power = rng.choice([2, 6])
        mask = np.clip(4 * (1 - np.abs(grid_x) ** power - np.abs(grid_y) ** power), 0, 1)
        self.mask = Image.fromarray((255 * mask).astype(np.uint8))
        self.half = self.mask.resize((wide // 2, high // 2))
        self.values = (int(rng.choice([15, 60, 200, 240])), int(rng.integers(78, 179)), int(rng.integers(78, 179)))
        self.at = rng.uniform(0, 4, 2)
        angle = rng.uniform(0, 2 * math.pi)
        self.step = np.array([math.cos(angle), math.sin(angle)])

    def move(self, widths: float) -> None:
        self.at = self.at + widths * self.step

    def paste(self, image: Image.Image, plane: int) -> None:
        """Put the blob into plane 0 (Y), 1 (Cb) or 2 (Cr)."""
        mask = self.half if plane else self.mask
        # its centre turns back 5 % outside the picture; at is in widths, so the height takes the aspect in
        x, y = self.at[0], self.at[1] * self.look.width / self.look.height
        left = round((0.5 + 0.55 * _triangle(x / 1.1)) * image.width - mask.width / 2)
        top = round((0.5 + 0.55 * _triangle(y / 1.1)) * image.height - mask.height / 2)
        image.paste(self.values[plane], (left, top), mask)


def _triangle(phase: float) -> float:
    """A triangle wave in [-1, 1] whose slope is ±2: a camera that turns back at the edge of its texture."""
    return 1 - abs((2 * phase) % 4 - 2)


def _expose(luma: NDArray[np.uint8], second: Second, look: Look) -> NDArray[np.uint8]:
    mean = luma_of(second.brightness)
    room = max(0.1, min(mean, 1 - mean))  # contrast shrinks towards black and white, or clipping would move the mean
    centred = (np.arange(256) - luma.mean(dtype=np.float64)) / 128
    levels = BLACK + (WHITE - BLACK) * (mean + 1.1 * look.contrast * room * centred)
    exposed: NDArray[np.uint8] = np.clip(levels, BLACK, WHITE).round().astype(np.uint8)[luma]
    return exposed


def _centred(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    centred: NDArray[np.uint8] = np.clip(plane + (128 - plane.mean(dtype=np.float64)), 0, 255).astype(np.uint8)
    return centred


def _tint(cb: NDArray[np.uint8], cr: NDArray[np.uint8], second: Second) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Turn the hues by warmth, then scale them to the mean length that saturation asks for."""
    warmth = 2 * second.warmth - 1
    thin = [plane[::4, ::2, ::2].astype(np.float32) - 128 for plane in (cb, cr)]
    own = float(np.hypot(*thin).mean()) + 1.0
    # at the ends of warmth the tint is as strong as twice the texture's own colours
    offsets = [2 * own * warmth * axis for axis in WARM]
    length = float(np.hypot(thin[0] + offsets[0], thin[1] + offsets[1]).mean())
    # chroma that a dark picture cannot show would only be clipped
    gain = (
        chroma_of(second.saturation) * (0.35 + 0.65 * min(1.0, luma_of(second.brightness) / 0.41)) / max(length, 1e-6)
    )
    gain = min(gain, STRONGEST_GAIN)
    grid = np.arange(256)
    tables = [np.clip(128 + gain * (grid - 128 + o), 16, 240).round().astype(np.uint8) for o in offsets]
    return tables[0][cb], tables[1][cr]


def _flash_shape(rng: np.random.Generator, look: Look) -> NDArray[np.float32]:
    """Opacity of a flash, (h, w) in [-1, 1]: positive towards white, negative towards black."""
    height, width = look.height, look.width
    if look.flash == "full":
        return np.full((height, width), 0.55, np.float32)
    grid_y, grid_x = np.mgrid[0:height, 0:width].astype(np.float32)
    # the middle of the picture: the model's crop leaves out the sides
    centre_x, centre_y = width * rng.uniform(0.35, 0.65), height * rng.uniform(0.35, 0.65)
    radius = min(height, width) * rng.uniform(0.22, 0.36)
    distance = np.hypot(grid_x - centre_x, grid_y - centre_y) / radius
    disc = np.clip(6 * (1 - distance), 0, 1)
    if look.flash == "disc":
        rim = np.clip(1 - np.abs(distance - 1.15) * 6, 0, 1)  # a dark rim, so that it shows on a white wall too
        rimmed: NDArray[np.float32] = (0.9 * disc - 0.7 * rim).astype(np.float32)
        return rimmed
    cell = max(6, int(radius / 2.5))
    board = 2.0 * ((grid_x // cell + grid_y // cell) % 2) - 1
    chequered: NDArray[np.float32] = (0.7 * disc * board).astype(np.float32)
    return chequered


def _flash(luma: NDArray[np.uint8], alpha: NDArray[np.float32], second: Second, look: Look) -> None:
    """Pulse the frames of the slots that hold a flash, in place."""
    lit = [frame for frame in range(look.fps) if frame * SLOTS // look.fps in second.flashes]
    if not lit:
        return
    opacity = np.clip(alpha * (0.65 + 0.35 * second.pulse), -1, 1)
    frames = luma[lit].astype(np.float32)
    goal = np.where(opacity > 0, WHITE, BLACK)
    luma[lit] = (frames + np.abs(opacity) * (goal - frames)).round().astype(np.uint8)


def _add_grain(luma: NDArray[np.uint8], sigma: float, rng: np.random.Generator) -> None:
    count, height, width = luma.shape
    bank = (sigma * rng.standard_normal((height + 16, width + 16), dtype=np.float32)).round().astype(np.int16)
    for frame in range(count):
        y, x = rng.integers(0, 16, 2)
        noisy = luma[frame] + bank[y : y + height, x : x + width]
        luma[frame] = np.clip(noisy, BLACK, WHITE).astype(np.uint8)
