"""What one visitor has on the screen, kept for further questions; and the one that costs seconds: is it stable?"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sec2sec.config import MediaLimits
from sec2sec.explanations import Explanation, Preview, Progress
from sec2sec.explanations.stability import Stable, stability_steps, with_stability
from sec2sec.report.page import report_page
from sec2sec.report.write import EMBEDDED, MEGABYTE
from sec2sec.ui.clips import Part, Source
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.models import Models
from sec2sec.ui.timeline.payload import shown_targets, updated


@dataclass(frozen=True)
class Asked:
    """An explanation without what is heavy in it: maps, stills and MFCC stand in `drawn` alone."""

    explanation: Explanation
    preview: Preview
    drawn: str  # the payload on the screen
    path: str
    played: str  # what the player shows; empty before it is converted
    known_truth: bool
    model: str | None
    part: Part

    @classmethod
    def of(
        cls, explanation: Explanation, preview: Preview, drawn: str, source: Source, model: str | None, part: Part
    ) -> Asked:
        light = replace(explanation.co_attention, video_from_audio=None, audio_from_video=None)
        kept = replace(explanation, co_attention=light)
        waveform, played = Preview([], preview.waveform, None), source.played or ""
        return cls(kept, waveform, drawn, source.path, played, source.known_truth, model, part)

    def with_stability(self, found: Stable) -> Asked:
        """The same with each target's band, also in what is drawn."""
        learned = with_stability(self.explanation, found)
        return replace(
            self,
            explanation=learned,
            drawn=updated(self.drawn, learned, self.preview, diagnostics=self.known_truth),
        )

    def report(self, card: str, clip: Path) -> str:
        """The report's page. clip: as a browser plays it; one that is absent or too large is left out."""
        small = clip.is_file() and clip.stat().st_size <= EMBEDDED * MEGABYTE
        shown = shown_targets(self.explanation, self.known_truth)
        mime = mimetypes.guess_type(clip.name)[0] or "video/mp4"
        return report_page(self.explanation, self.drawn, shown, card, clip.read_bytes() if small else None, mime)


@on_gpu
def stable(models: Models, name: str | None, path: str, part: Part, limits: MediaLimits) -> Iterator[Progress | Stable]:
    """stability_steps with a model by name."""
    yield from stability_steps(path, [models.get(name)], start=part[0], end=part[1], limits=limits)
