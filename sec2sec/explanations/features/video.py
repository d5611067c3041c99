"""Motion, cuts, brightness and saturation, on the frames that the model sees.

T seconds, M frames in a second, F = T · M frames of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32) / 255  # Rec. 601, R'G'B' of 0–255 → 0–1
PIXEL_STEP = 2  # pixels each way: a quarter of the picture says the same
LEVELS = 8  # of red, green and blue in a colour histogram
CUT_SHARE = 0.5  # share of the picture whose colour changes from one frame to the next at a cut
BLACK_LUMA = 0.10  # luma at or below which a pixel is black, as ffmpeg's blackdetect has it


@dataclass(frozen=True)
class PictureSecond:
    """One second of picture."""

    motion: float  # mean absolute luma difference between neighbouring frames, % of full luma
    stillness: float  # the largest of them within the second, share of full luma
    brightness: float  # mean luma, %
    saturation: float  # mean of (max − min) / max over R, G and B (the S of HSV), %
    black: float  # share of black pixels in the frame that has fewest
    colours: np.ndarray  # (M, LEVELS³) share of the pixels of each colour


class PictureMeter:
    """Measures second after second; remembers the last frame, since things move between seconds as well."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None

    def measure(self, frames: np.ndarray) -> PictureSecond:
        """frames (M, height, width, 3) uint8 RGB."""
        small = np.ascontiguousarray(frames[:, ::PIXEL_STEP, ::PIXEL_STEP])
        luma = small @ LUMA
        within = np.abs(np.diff(luma, axis=0)).mean((1, 2))
        changes = within
        if self._last is not None:
            changes = np.append(np.abs(luma[0] - self._last).mean(), within)
        self._last = luma[-1]
        red, green, blue = (small[..., channel] for channel in range(3))  # a max over an axis of 3 is ten times slower
        highest = np.maximum(np.maximum(red, green), blue)
        chroma = (highest - np.minimum(np.minimum(red, green), blue)).astype(np.float32)
        return PictureSecond(
            motion=100 * float(changes.mean()) if len(changes) else 0.0,
            stillness=float(within.max()) if len(within) else float("nan"),
            brightness=100 * float(luma.mean()),
            saturation=100 * float((chroma / np.maximum(highest, 1)).mean()),
            black=float((luma <= BLACK_LUMA).mean((1, 2)).min()),
            colours=colours(small),
        )


def colours(frames: np.ndarray) -> np.ndarray:
    """Colour histograms: (M, height, width, 3) uint8 → (M, LEVELS³) float32, rows sum to 1."""
    level = frames >> 5  # 256 / LEVELS
    code = (level[..., 0].astype(np.int32) * LEVELS + level[..., 1]) * LEVELS + level[..., 2]
    count, cells = len(frames), LEVELS**3
    code += np.arange(count, dtype=np.int32)[:, None, None] * cells
    pixels = np.bincount(code.ravel(), minlength=count * cells).reshape(count, cells)
    shares: np.ndarray = (pixels / pixels[0].sum()).astype(np.float32)
    return shares


def count_cuts(colours: np.ndarray) -> np.ndarray:
    """Shot changes in each second: (T, M, colours) → (T,).

    A cut is a frame whose colours differ in CUT_SHARE of the picture from the frame before; so do the frame after it
    from the frame before, and it from the one before that: a flash of one frame is none. Half the L1 distance of the
    histograms. Dissolves, and cuts between shots of the same colours, are not found.
    """
    seconds, per_second = colours.shape[:2]
    frames = colours.reshape(seconds * per_second, -1)
    if len(frames) < 2:
        return np.zeros(seconds)

    def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        differs: np.ndarray = np.abs(one - other).sum(1) / 2 >= CUT_SHARE
        return differs

    before, here = frames[:-1], frames[1:]
    after = np.append(frames[2:], frames[-1:], axis=0)  # nothing follows the last frame: it answers for itself
    earlier = np.append(frames[:1], frames[:-2], axis=0)
    cut = np.append(False, apart(before, here) & apart(before, after) & apart(earlier, here))
    cuts: np.ndarray = cut.reshape(seconds, per_second).sum(1).astype(np.float64)
    return cuts
