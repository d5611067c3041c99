"""What the Inspect tab shows of a clip: updates of its components, and nothing that is computed."""

from __future__ import annotations

from typing import Any

import gradio as gr

from sec2sec.checkpoints import CheckpointSummary
from sec2sec.explanations.results import Curve
from sec2sec.media.layout import TrackLabels
from sec2sec.ui.chosen_clip import ChosenClip
from sec2sec.ui.clip_cache import ExplainedClip
from sec2sec.ui.clip_view import view_value
from sec2sec.ui.events import STOPPED, Updates, buttons, hide
from sec2sec.ui.inspect_layout import Layout
from sec2sec.ui.messages import alert, status
from sec2sec.ui.models import Models
from sec2sec.viewer.cards import predictions
from sec2sec.viewer.early import early_curve
from sec2sec.viewer.planted import planted_words
from sec2sec.viewer.templates import render


class Screen:
    """Updates for what is on the screen."""

    def __init__(self, layout: Layout, models: Models) -> None:
        self.layout, self.models = layout, models

    def show_chosen(self, chosen: ChosenClip | None, status_html: str) -> Updates:
        """A new clip takes everything of the old one off the screen: two clips must never be shown as one."""
        layout = self.layout
        return {
            **self.clear(status_html),
            layout.chosen: chosen,
            layout.start: None,
            layout.end: None,
            layout.player: chosen.played if chosen is not None else None,
            layout.explain: gr.update(interactive=chosen is not None),
            layout.video_track: track_choices(chosen.choices.video if chosen is not None else ()),
            layout.audio_track: track_choices(chosen.choices.audio if chosen is not None else ()),
            **hide(layout.film),
        }

    def clear(self, status_html: str, *, busy: bool = False) -> Updates:
        """Nothing of an explanation stays on the screen."""
        layout = self.layout
        return {
            layout.status: status_html,
            layout.truth: "",
            layout.cards: "",
            layout.view: None,
            layout.clip_id: None,
            **buttons(layout.explain, layout.stop, busy=busy),
            **hide(layout.stability, *layout.downloads.buttons),
        }

    def set_busy(self, status_html: str, *, busy: bool) -> Updates:
        """The buttons while something runs, or not; what was explained stays."""
        layout = self.layout
        return {
            layout.status: status_html,
            **buttons(layout.explain, layout.stop, busy=busy),
            layout.stability: gr.update(interactive=not busy),
        }

    def show_early(self, checkpoint: CheckpointSummary, chosen: ChosenClip, curve: Curve) -> Updates:
        """The curve of a film, as soon as its windows are predicted: the rest takes as long again."""
        return {self.layout.cards: early_curve(curve, checkpoint, diagnostics=chosen.known_truth)}

    def show_stopped(self, key: str | None) -> Updates:
        """Stop was pressed. key: of the clip that is shown; without one nothing is left of what was explained."""
        unfinished: Updates = {self.layout.cards: ""} if key is None else {}
        return {**self.set_busy(status(STOPPED), busy=False), **unfinished}

    def offer_explain(self, chosen: ChosenClip, words: str, *, at_once: bool = False) -> Updates:
        """A clip that may be explained now. words: about it. at_once: it is, without a press."""
        conversion_note = " Browsers cannot play its format: it will be converted for playback."
        press = "" if at_once else " Press Explain."
        words = " ".join([f"{words}.", *chosen.warnings]) + press + ("" if chosen.playable else conversion_note)
        wanted: Updates = {self.layout.wanted: True} if at_once else {}  # its number, once that is known
        return {**self.show_chosen(chosen, status(words)), **wanted}

    def refuse_upload(self, message: str) -> Updates:
        """A file that cannot be used."""
        return self.show_chosen(None, alert(message))

    def refuse_example(self, message: str) -> Updates:
        """An example that cannot be used."""
        return {**self.refuse_upload(message), self.layout.upload: None}

    def show_ready(self, chosen: ChosenClip, clip: ExplainedClip, key: str) -> Updates:
        """An example with its explanation, which was made beforehand. key: of the clip in the cache."""
        line = status("This example was explained beforehand. Choose another, or upload a clip of your own.")
        return self.show_chosen(chosen, "") | self.show_explained(clip, key, line, converting=False)

    def show_explained(self, clip: ExplainedClip, key: str, status_html: str, *, converting: bool) -> Updates:
        """An explanation on the screen. key: of the clip in the cache. converting: it is still to be for playback."""
        layout = self.layout
        downloads: Updates = dict.fromkeys(layout.downloads.buttons, gr.update(visible=True))
        player: Updates = {layout.player: None} if converting else {}
        return {
            **self.set_busy(status_html, busy=converting),
            layout.truth: truth_line(clip),
            layout.cards: predictions(clip.explanation, clip.shown_targets),
            layout.view: view_value(clip, key, self.models.get(clip.model)),
            layout.stability: gr.update(visible=True, interactive=not converting),
            layout.clip_id: key,
            **downloads,
            **player,
        }


def track_choices(labels: TrackLabels) -> dict[str, Any]:
    """A list of tracks with the default chosen, there only where a clip has several."""
    update: dict[str, Any] = gr.update(
        choices=list(labels), value=labels[0][1] if labels else None, visible=bool(labels)
    )
    return update


def truth_line(clip: ExplainedClip) -> str:
    """What is known of a known-truth clip, in a sentence; empty for any other."""
    planted = {name: clip.planted[name] for name in clip.shown_targets if name in clip.planted}
    words = planted_words(clip.explanation, planted)
    return render("paragraph.html", text=words) if words else ""
