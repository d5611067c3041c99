"""What the Compare tab shows: its components, and the clip and the two models that it opens with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import gradio as gr
from gradio.blocks import Block

from sec2sec.paths import program_paths
from sec2sec.ui.bounded_cache import BoundedCache
from sec2sec.ui.chosen_clip import UPLOADS, ClipResult, limits_words, probe_upload
from sec2sec.ui.clip_view import clip_view
from sec2sec.ui.compare.board import MAX_MODELS, PLAYERS, Board
from sec2sec.ui.compare.view import compare_view
from sec2sec.ui.events import upload_field
from sec2sec.ui.examples import FIRST_CLIP, WRONG_MODEL, Example, example_tiles, read_example, tiles
from sec2sec.ui.messages import status
from sec2sec.ui.models import Models
from sec2sec.ui.newest import Newest
from sec2sec.ui.player import Player
from sec2sec.ui.settings import Settings

MAX_BYTES = 1 << 29  # of all visitors' results; ten minutes of a clip take some 30 MB


class Layout:
    """The components of the tab; made within gr.Blocks."""

    def __init__(self, settings: Settings, models: Models, examples: Sequence[Example], first: Board) -> None:
        """first: what lies on the sides when the page opens."""
        names = models.shared()
        self.results: BoundedCache[ClipResult] = BoundedCache(settings.delete_after, MAX_BYTES)
        self.board = gr.State(first, delete_callback=self.forget)
        self.newest = Newest()
        with gr.Row(elem_classes="inspect compare"):
            with gr.Column(scale=0, min_width=364, elem_classes="left"):
                self.mode = gr.Radio(
                    [("One clip, several models", "models"), ("Two clips, one model", "clips")],
                    value="models",
                    label="Compare",
                    elem_id="compare-mode",
                )
                with gr.Row(elem_classes="pins"):
                    self.pinned = gr.Radio(
                        ["A", "B"],
                        value="A",
                        label="Pinned side",
                        info="It stays; choices go to the other.",
                        elem_id="compare-pinned",
                        min_width=180,
                    )
                    self.swap = gr.Button("Swap A and B", elem_id="compare-swap", min_width=110)
                # one above the other: the names are words, and half the width cuts them
                self.model_a = gr.Dropdown(
                    names, value=first.models[0], label="Model A", interactive=False, elem_id="model-a"
                )
                self.model_b = gr.Dropdown(names, value=first.models[1], label="Model B", elem_id="model-b")
                with gr.Accordion("More models, and which part to analyse", open=False, elem_classes="options"):
                    self.more = gr.Dropdown(
                        names,
                        value=[],
                        label=f"Further models, at most {MAX_MODELS - 2}",
                        multiselect=True,
                        max_choices=MAX_MODELS - 2,
                        elem_id="model-more",
                    )
                    with gr.Row():
                        self.start_a = gr.Number(None, label="Start of A, s", min_width=80, elem_id="start-a")
                        self.start_b = gr.Number(
                            None, label="Start of B, s", min_width=80, elem_id="start-b", visible=False
                        )
                        self.length = gr.Number(None, label="Length, s", min_width=80, elem_id="compare-length")
                self.tiles = example_tiles(examples)
                self.tiles.value = tiles(examples, examples[0] if first.clips[0] is not None else None)
                self.upload = upload_field("Upload a clip", UPLOADS, "compare-upload")
                gr.HTML(limits_words(settings), elem_classes="limits")
                with gr.Row(elem_classes="actions"):
                    self.compare = gr.Button(
                        "Compare", variant="primary", interactive=first.ready, elem_id="compare", min_width=120
                    )
                    self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="compare-stop", min_width=80)
                self.status = gr.HTML(status(first.words()), elem_id="compare-status")
                with gr.Row(elem_classes="players"):
                    self.players = [
                        Player(
                            value=first.playable(0) if letter == "A" else None,
                            label=f"Clip {letter}" if letter == "B" else "Clip",
                            interactive=False,
                            elem_id=name,
                            buttons=[],
                            height="auto",
                            min_width=150,
                            visible=letter == "A",
                        )
                        for letter, name in zip("AB", PLAYERS, strict=True)
                    ]
            with gr.Column(scale=1, min_width=320, elem_classes="right"):
                self.cards = gr.HTML(elem_id="compare-predictions")
                self.comparison = compare_view(elem_id="compare-view")
                self.headings: list[gr.HTML] = []
                self.views: list[gr.HTML] = []
                for letter, name in zip("ab", PLAYERS, strict=True):
                    # page.css hides an empty view: gradio loses the properties of one that it has not mounted yet
                    with gr.Column(elem_classes="side"):
                        self.headings.append(gr.HTML(elem_id=f"heading-{letter}"))
                        self.views.append(clip_view(video_id=name, elem_id=f"view-{letter}"))

    def forget(self, board: Board) -> None:
        """Forget what was computed for a visitor who left."""
        for name in board.results.values():
            self.results.discard(name)

    @property
    def for_results(self) -> list[Block]:
        """What a comparison changes."""
        answer = [self.cards, self.comparison, *self.headings, *self.views, *self.players]
        return [self.board, self.status, self.compare, self.stop, *answer]


def known_example() -> list[Example]:
    """The clip of the bundled data set that the tab opens with; none where it is not there."""
    path = program_paths().known_truth / "clips" / f"{FIRST_CLIP}.mp4"
    example = read_example(path) if path.is_file() else None
    return [replace(example, name="Known truth")] if example is not None else []


def first_board(examples: Sequence[Example], models: Models, settings: Settings) -> Board:
    """The first example, and the demo beside the model whose attention is wrong on purpose, or the first two."""
    names = models.names()
    second = WRONG_MODEL if WRONG_MODEL in names[1:] else _nth(names, 1)
    board = Board(models=(_nth(names, 0), second))
    if not examples:
        return board
    clip, words = probe_upload(str(examples[0].path), replace(settings, isolated_decoding=False))
    return replace(board, clips=(clip, None), names=(words, ""))


def _nth(names: list[str], n: int) -> str | None:
    return names[n] if n < len(names) else None
