"""What the Inspect tab is made of: its components, and which of them an event changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from gradio.blocks import Block

from sec2sec.ui.chosen_clip import UPLOADS, limits_words
from sec2sec.ui.clip_cache import ClipCache
from sec2sec.ui.clip_view import clip_view
from sec2sec.ui.downloads import Downloads
from sec2sec.ui.events import upload_field
from sec2sec.ui.examples import Example, example_tiles
from sec2sec.ui.messages import status
from sec2sec.ui.models import Models
from sec2sec.ui.places import maps_function, places_function
from sec2sec.ui.player import Player
from sec2sec.ui.ratings import RatingsUpload
from sec2sec.ui.settings import Settings
from sec2sec.ui.several.panel import SeveralLayout
from sec2sec.ui.visit import Visit
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

SCRIPT = Path(__file__).with_name("inspect.js")
PLAYER = "player"  # elem_id that the timeline follows
DRAWERS = {
    "inputs": "Model and part",
    "ratings": "Ratings",
    "downloads": "Save and share",
}  # by the end of its id: what opens it
PICK_CLIP = "Pick an example or upload a clip, then press Explain."


class Layout:
    """The components of the tab; made within gr.Blocks."""

    def __init__(
        self, settings: Settings, models: Models, cache: ClipCache, clip_id: gr.State, examples: Sequence[Example]
    ) -> None:
        names = models.shared()
        self.chosen = gr.State(None)  # ChosenClip
        self.visit = gr.State(Visit())
        # of the newest choice, as the browser knows it
        self.number = gr.Number(0, precision=0, visible="hidden", elem_id="choice")
        self.wanted = gr.Number(0, visible="hidden")  # number of the choice that is to be explained without a press
        self.overtaken = gr.Number(0, visible="hidden")  # number of the choice whose answer is to be given again
        self.clip_id = clip_id  # of the explained clip, in the cache
        self.page = gr.HTML(js_on_load=files.script(SCRIPT), apply_default_css=False, elem_id="inspect-page")
        with gr.Row(elem_classes="inspect"):
            with gr.Column(scale=0, min_width=364, elem_classes="left"):
                self.tiles = example_tiles(examples, "tiles")
                with gr.Column(min_width=0, elem_classes="bring"):
                    self.upload = upload_field("Upload a clip", UPLOADS, "upload")
                    gr.HTML(limits_words(settings), elem_classes="limits")
                    self.several = SeveralLayout(settings)
                    self.video_track = gr.Dropdown([], label="Picture", visible=False, elem_id="video-track")
                    self.audio_track = gr.Dropdown([], label="Sound", visible=False, elem_id="audio-track")
                with gr.Column(min_width=0, elem_classes="ask"):
                    with gr.Row(elem_classes="actions"):
                        self.explain = gr.Button(
                            "Explain", variant="primary", interactive=False, elem_id="explain", min_width=120
                        )
                        self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop", min_width=120)
                        self.stability = gr.Button("Check stability", visible=False, elem_id="stability", min_width=80)
                    with gr.Column(min_width=0, elem_classes="drawers-and-buttons"):
                        gr.HTML(render("drawers.html", drawers=DRAWERS), apply_default_css=False)
                        with gr.Column(min_width=0, elem_classes="drawer", elem_id="drawer-inputs"):
                            self.model = gr.Dropdown(
                                names, value=names[0][1] if names else None, label="Model", elem_id="model"
                            )
                            with gr.Row():
                                self.start = gr.Number(None, label="Start, s", min_width=80, elem_id="start")
                                self.end = gr.Number(None, label="End, s", min_width=80, elem_id="end")
                            self.at_once = gr.Checkbox(True, label="Explain at once", elem_id="explain-at-once")
                        with gr.Column(min_width=0, elem_classes="drawer", elem_id="drawer-ratings"):
                            self.ratings = RatingsUpload(settings, models, cache, clip_id)
                        with gr.Column(min_width=0, elem_classes="drawer", elem_id="drawer-downloads"):
                            self.downloads = Downloads(settings, cache, clip_id)
                            self.film = self.downloads.film.box
                    self.status = gr.HTML(status(PICK_CLIP), elem_id="status")
            with gr.Column(scale=1, min_width=320, elem_classes="right"):
                self.player = Player(
                    label="Clip", show_label=False, interactive=False, elem_id=PLAYER, buttons=[], height="auto"
                )
                with gr.Column(min_width=0, elem_classes="answer"):  # beside the player
                    self.truth = gr.HTML(elem_id="truth")  # what is known of a known-truth clip
                    self.cards = gr.HTML(elem_id="predictions")
                self.view = clip_view(
                    video_id=PLAYER,
                    elem_id="view",
                    link=True,
                    opens_windows=True,
                    questions=[places_function(models, cache, settings.concurrency), maps_function(cache)],
                )

    @property
    def outputs_of_choice(self) -> list[Block]:
        """What a newly chosen clip changes."""
        return [
            self.number,
            self.wanted,
            self.overtaken,
            self.start,
            self.end,
            self.chosen,
            self.video_track,
            self.audio_track,
            self.model,
            self.film,
            *self.outputs_of_explain,
        ]

    @property
    def outputs_of_explain(self) -> list[Block]:
        """What an explanation changes."""
        answer = [self.status, self.truth, self.cards, self.view, self.player]
        return [*answer, self.explain, self.stop, self.stability, *self.downloads.buttons, self.clip_id]
