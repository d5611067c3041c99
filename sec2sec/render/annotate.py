"""The clip with its explanation burnt in: playhead, attention and effect bars, predictions, co-attention; sound kept.

The film lasts as long as the explained part, and CARD_SECONDS longer: a card with the verdicts closes it. A card hides
nothing; words over the last seconds would hide a short clip altogether.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from sec2sec.config import MediaLimits
from sec2sec.explanations.results import Explanation
from sec2sec.render.annotated_frames import AnnotatedFrames, chosen_targets, open_explained, seconds_of
from sec2sec.render.frames import soundtrack
from sec2sec.render.movie import Closing, Progress, write_film

MAX_FPS = 30  # frames a second
CARD_SECONDS = 3.0  # of the card at the end


def annotate(
    path: Path | str,
    explanation: Explanation,
    out: Path,
    *,
    targets: Sequence[str] | None = None,
    overlay: bool = False,
    limits: MediaLimits | None = None,
    progress: Progress | None = None,
) -> None:
    """Writes the explained part of a clip as H.264 and AAC in MP4, 1280×720, with the explanation beside the picture.

    At its end stands a card with the verdicts, CARD_SECONDS long and without sound.
    targets: which to draw, at most MAX_TARGETS; default: all but diagnostics. overlay: also burn in where the sound's
    co-attention lies in the picture. progress takes the share that is done; what it raises stops the work.
    Raises MediaError for a file that cannot be read or is not the one that was explained, ExplanationError for an
    unknown target, OSError where `out` cannot be written.
    """
    summary, clip = explanation.clip, open_explained(path, explanation, limits)
    names = chosen_targets(explanation, targets)
    seconds = seconds_of(explanation)
    sound = soundtrack(clip, seconds) if summary.has_audio and clip.has_audio else None
    with ExitStack() as stack:
        film = AnnotatedFrames(clip if summary.has_video else None, explanation, names, sound, overlay)
        stack.enter_context(closing(film))
        rate = max(1, min(round(clip.fps or 25), MAX_FPS))
        card = Closing(film.card(), CARD_SECONDS)
        write_film(Path(out), seconds, rate, film.at, sound, closing=card, progress=progress)
