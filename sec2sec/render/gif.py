"""The most telling seconds of an annotated film as a GIF for slides: ten seconds, the last two the verdicts.

GIF, since PowerPoint, Keynote, LibreOffice and every mail program play it; animated WebP PowerPoint shows as a still.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from sec2sec.config import MediaLimits
from sec2sec.explanations.results import Explanation, TargetExplanation
from sec2sec.explanations.sentences import decisive_second
from sec2sec.files import check_writable, write_atomically
from sec2sec.media import MediaError
from sec2sec.outputs import GIF_COMMENT
from sec2sec.render import chart
from sec2sec.render.annotated_frames import (
    HEIGHT,
    MARK_BRIGHTNESS,
    PLAYHEAD,
    WIDTH,
    AnnotatedFrames,
    chosen_targets,
    open_explained,
    seconds_of,
)

FILM_SECONDS, CARD_SECONDS = 8.0, 2.0
FRAME_SECONDS = 0.1  # GIF counts in hundredths, and browsers show nothing quicker than fifty per second
WIDTHS = (800, 640, 480, 360, 240)  # px; the first with which the file is small enough
MAX_BYTES = 8_000_000
COLOURS = 256
SAMPLES = 9  # frames of which the colours are taken
# Colours that mean something are in every palette, however small their share of the picture
MEANINGS = (
    *(chart.GROUND, chart.PANEL, chart.INK, chart.SOFT, chart.LINE, chart.ATTENTION, chart.WAVE, chart.LEVEL),
    *(chart.UP, chart.DOWN, *chart.WORD_COLOURS.values()),
)
SHADES = 5  # between ground and ink, so that small letters stay smooth


def write_gif(
    path: Path | str,
    explanation: Explanation,
    out: Path,
    *,
    targets: Sequence[str] | None = None,
    overlay: bool = False,
    limits: MediaLimits | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Writes the annotated film around the second that counted most for the first target, FILM_SECONDS at most, then
    the verdicts for CARD_SECONDS, again and again, in at most MAX_BYTES. Parameters and errors are those of `annotate`.
    """
    check_writable(out)
    clip = open_explained(path, explanation, limits)
    names = chosen_targets(explanation, targets)
    begin, end = window(explanation.targets[names[0]], seconds_of(explanation))
    times = np.arange(begin, end - FRAME_SECONDS / 4, FRAME_SECONDS) + FRAME_SECONDS / 2
    for attempt, width in enumerate(WIDTHS):
        frames = AnnotatedFrames(clip if explanation.clip.has_video else None, explanation, names, None, overlay)
        with closing(frames):
            card = _scaled(frames.card(), width)
            shown = _shown(frames, times.tolist(), width, None if attempt else progress)
            content = encode([*shown, card])
        if len(content) <= MAX_BYTES:
            write_atomically(out, content)
            return
    raise MediaError(f"{out.name}: the clip is too restless for a GIF of {MAX_BYTES // 10**6} MB; make the MP4 instead")


def window(target: TargetExplanation, seconds: float) -> tuple[float, float]:
    """From when to when the film is shown, s: FILM_SECONDS around the second that counted most, else the first ones."""
    second = decisive_second(target)
    middle = 0.0 if second is None else second + 0.5
    begin = min(max(middle - FILM_SECONDS / 2, 0.0), max(seconds - FILM_SECONDS, 0.0))
    return begin, min(begin + FILM_SECONDS, seconds)


def _shown(
    frames: AnnotatedFrames, times: Sequence[float], width: int, progress: Callable[[float], None] | None
) -> Iterator[Image.Image]:
    for number, time in enumerate(times):
        if progress is not None:
            progress(number / len(times))
        yield _scaled(frames.at(time), width)


def _scaled(frame: np.ndarray, width: int) -> Image.Image:
    size = (width, round(width * HEIGHT / WIDTH))
    return Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)


def encode(frames: Sequence[Image.Image]) -> bytes:
    """RGB pictures → GIF that plays for ever, the last picture for CARD_SECONDS.

    One palette without dither: what stands still is the same pixel in every frame, and takes no room.
    """
    palette = palette_of(frames)
    quantised = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [round(1000 * FRAME_SECONDS)] * (len(frames) - 1) + [round(1000 * CARD_SECONDS)]
    content = io.BytesIO()
    quantised[0].save(
        content,
        "GIF",
        save_all=True,
        append_images=quantised[1:],
        duration=durations,
        loop=0,
        disposal=1,  # what is not drawn again stays
        comment=GIF_COMMENT,
    )
    return content.getvalue()


def palette_of(frames: Sequence[Image.Image]) -> Image.Image:
    """A picture whose palette has the colours of the chart, and those that are frequent in some of the frames."""
    meanings = [np.array(ImageColor.getrgb(colour)) for colour in MEANINGS] + [np.array(PLAYHEAD)]
    meanings += [np.minimum(colour + MARK_BRIGHTNESS, 255) for colour in meanings]  # under the second that plays
    ground, ink = meanings[MEANINGS.index(chart.GROUND)], meanings[MEANINGS.index(chart.INK)]
    meanings += [ground + (ink - ground) * (k + 1) // (SHADES + 1) for k in range(SHADES)]
    fixed = list(dict.fromkeys(tuple(colour.tolist()) for colour in meanings))
    width, height = frames[0].size
    sheet = Image.new("RGB", (width, height * SAMPLES))
    for number in range(SAMPLES):
        sheet.paste(frames[number * len(frames) // SAMPLES], (0, height * number))
    frequent = sheet.quantize(COLOURS - len(fixed), method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    values = [part for colour in fixed for part in colour] + (frequent.getpalette("RGB") or [])
    palette = Image.new("P", (1, 1))
    palette.putpalette(values[: 3 * COLOURS])
    return palette
