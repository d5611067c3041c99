"""What is read of a clip before anything is asked: what a screen shows of it, and what its edits are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sec2sec.config import RESIZE, MediaLimits, TrackChoice
from sec2sec.edits.plan import ClipTracks
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import batched
from sec2sec.explanations.features import FeatureThread, Measured
from sec2sec.explanations.results import ClipSummary, Preview
from sec2sec.media import Clip, MediaError, Second, open_clip
from sec2sec.predictors.arrays import FRAMES_PER_SECOND, ArrayMaker, array_size
from sec2sec.predictors.films import FilmMaker
from sec2sec.predictors.predictor import Inputs
from sec2sec.preview import PreviewCollector


@dataclass(frozen=True)
class ReadClip:
    """A clip that was read once."""

    clip: Clip
    seconds: list[Second]  # as arrays are made from them; empty where files are
    info: ClipSummary
    preview: Preview
    measured: Callable[[], Measured]  # waits for the audio-visual features

    @contextmanager
    def maker(self, folder: Path) -> Iterator[Any]:
        """Who makes the edited clips: arrays where seconds were kept, else films in the folder."""
        tracks = ClipTracks.of(self.info)
        maker = ArrayMaker(self.seconds, tracks) if self.seconds else FilmMaker(self.clip, tracks, folder)
        try:
            yield maker
        finally:
            maker.close()


def read_clip_for(
    inputs: Inputs, path: Path | str, start: float, end: float | None, limits: MediaLimits, tracks: TrackChoice
) -> ReadClip:
    """Decode the part [start, end) of a clip, in s. Raises MediaError."""
    part: dict[str, Any] = {"start": start, "end": end, "limits": limits, "tracks": tracks}
    clip = open_clip(path, **part)
    size = RESIZE
    if inputs == "arrays" and clip.has_video:
        size = array_size(clip.width, clip.height)
        clip = open_clip(path, **part, frames_per_second=FRAMES_PER_SECOND, frame_size=size)
    kept: list[Second] = []
    preview, features = PreviewCollector(), FeatureThread()
    try:
        for batch in batched(clip.seconds()):
            features.add(batch)
            preview.add(batch, Tokens(None, None))
            if inputs == "arrays":
                kept += batch
        if not preview.seconds:
            raise MediaError(f"{clip.name}: nothing of it could be decoded; try to convert it to MP4 (H.264, AAC)")
        measured = features.finish()
    finally:
        features.cancel()
    return ReadClip(clip, kept, preview.summary(clip), preview.preview(), measured)
