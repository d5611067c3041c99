"""What a screen shows of decoded seconds: stills, the sound's envelope, the MFCC."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from sec2sec.config import SAMPLE_RATE
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.results import ClipSummary, Preview
from sec2sec.media import Second
from sec2sec.media.isolated import ReadableClip

ENVELOPE_STEPS = 50  # of the drawn waveform in a second
MAX_LARGE_STILLS = 60  # a clip of more seconds has small stills, so that a page stays light
SMALL_SIDE = 160  # pixels, the longest of a small still


class PreviewCollector:
    """Takes a clip's seconds in their order, a batch at a time."""

    def __init__(self) -> None:
        self.stills: list[bytes | None] = []
        self.envelopes: list[np.ndarray] = []
        self.images: list[np.ndarray] = []
        self.partial = False

    @property
    def seconds(self) -> int:
        """How many there are by now."""
        return len(self.stills)

    def add(self, batch: list[Second], tokens: Tokens) -> None:
        """tokens: of the batch, with their MFCC images."""
        if self.seconds <= MAX_LARGE_STILLS < self.seconds + len(batch):
            self.stills = [shrink_still(still) for still in self.stills]
        for second in batch:
            self.stills.append(second.still if self.seconds < MAX_LARGE_STILLS else shrink_still(second.still))
            self.partial = second.partial
            if second.samples is not None:
                steps = second.samples.reshape(ENVELOPE_STEPS, SAMPLE_RATE // ENVELOPE_STEPS)
                self.envelopes.append(np.stack([steps.min(1), steps.max(1)], 1))
        if tokens.mfcc is not None:
            self.images.append(tokens.mfcc[:, 0].half().cpu().numpy())

    def summary(self, clip: ReadableClip) -> ClipSummary:
        """What a result says of the clip."""
        return ClipSummary(
            name=clip.name,
            sha256=clip.sha256,
            start=clip.start,
            duration=clip.duration,
            seconds=self.seconds,
            has_audio=clip.has_audio,
            has_video=clip.has_video,
            partial=self.partial,
            warnings=tuple(clip.warnings),
            video_track=clip.tracks.video,
            audio_track=clip.tracks.audio,
        )

    def preview(self) -> Preview:
        """All of it."""
        return Preview(
            self.stills,
            np.stack(self.envelopes) if self.envelopes else None,
            np.concatenate(self.images) if self.images else None,
        )


def shrink_still(still: bytes | None) -> bytes | None:
    """A JPEG with its longest side at most SMALL_SIDE."""
    if still is None:
        return None
    image = Image.open(io.BytesIO(still))
    if max(image.size) <= SMALL_SIDE:
        return still
    image.thumbnail((SMALL_SIDE, SMALL_SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=75)
    return out.getvalue()
