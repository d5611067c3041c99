"""The Compare tab: one clip through several models, or two clips through one, on linked timelines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from sec2sec.config import MediaLimits
from sec2sec.explanations import Progress
from sec2sec.explanations.agreement import shared_targets
from sec2sec.explanations.compare import Compared, compare_steps
from sec2sec.media import MediaError
from sec2sec.ui.clips import (
    CONVERTING,
    FULL,
    UPLOADS,
    WAITING,
    Answer,
    Part,
    Source,
    cached,
    conversion,
    in_turn,
    limits_words,
    look_at,
)
from sec2sec.ui.compare.payload import Side, compare_clips, compare_models, lanes_alone, side_by_side_lanes
from sec2sec.ui.compare.view import compare_view
from sec2sec.ui.compare.words import LETTERS, side_by_side
from sec2sec.ui.examples import example_tiles, find_examples
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.messages import alert, guarded, status
from sec2sec.ui.models import Models
from sec2sec.ui.player import Player
from sec2sec.ui.settings import Settings
from sec2sec.ui.timeline.payload import encode, shown_targets
from sec2sec.ui.timeline.timeline import clip_view
from sec2sec.ui.work import in_thread

PLAYERS = ("compare-player-a", "compare-player-b")
MOST = len(LETTERS)  # models on one screen
KEPT = 8  # answers kept for a visitor, so that a pinned side is not computed again
PICK = "Pick an example or upload a clip, then press Compare."
PICK_TWO = "Pick two clips, A and B, then press Compare."
Mode = Literal["models", "clips"]


@dataclass(frozen=True)
class Key:
    """What one answer is of."""

    path: str
    part: Part
    model: str


@dataclass(frozen=True)
class Board:
    """What lies on the sides, and what was found out so far: one for each visitor."""

    mode: Mode = "models"
    clips: tuple[Source | None, Source | None] = (None, None)
    names: tuple[str, str] = ("", "")  # of the clips, as their visitor knows them
    keys: tuple[Key, ...] = ()  # what is on the screen
    answers: Mapping[Key, Answer] = field(default_factory=dict)
    played: Mapping[tuple[str, Part], str] = field(default_factory=dict)  # clips that were converted for playback

    @property
    def ready(self) -> bool:
        """Whether there is something to compare."""
        return self.clips[0] is not None and (self.mode == "models" or self.clips[1] is not None)

    def sources(self) -> list[Source]:
        """The clip of each side."""
        sources = [clip for clip in self.clips if clip is not None]
        return sources if self.mode == "clips" else sources[:1] * len(self.keys)

    def plays(self, side: int, part: Part = (0.0, None)) -> str | None:
        """What the player of a side shows."""
        source = self.clips[side]
        if source is None:
            return None
        return source.played if source.playable else self.played.get((source.path, part))


def tab(settings: Settings, models: Models) -> list[gr.Dropdown]:
    """Lays out the tab and wires it; called within gr.Blocks. Returns where a model is chosen."""
    examples = find_examples(settings.examples)
    names = models.names()
    board = gr.State(Board())
    with gr.Row(elem_classes="inspect compare"):
        with gr.Column(scale=0, min_width=364, elem_classes="left"):
            mode = gr.Radio(
                [("One clip, several models", "models"), ("Two clips, one model", "clips")],
                value="models",
                label="Compare",
                elem_id="compare-mode",
            )
            with gr.Row(elem_classes="pins"):
                pinned = gr.Radio(
                    ["A", "B"],
                    value="A",
                    label="Pinned side",
                    info="It stays; choices go to the other.",
                    elem_id="compare-pinned",
                    min_width=180,
                )
                swap = gr.Button("Swap A and B", elem_id="compare-swap", min_width=110)
            with gr.Row():
                model_a = gr.Dropdown(
                    names, value=_nth(names, 0), label="Model A", interactive=False, elem_id="model-a", min_width=150
                )
                model_b = gr.Dropdown(names, value=_nth(names, 1), label="Model B", elem_id="model-b", min_width=150)
            with gr.Accordion("More models, and which part to analyse", open=False, elem_classes="options"):
                more = gr.Dropdown(
                    names,
                    value=[],
                    label=f"Further models, at most {MOST - 2}",
                    multiselect=True,
                    max_choices=MOST - 2,
                    elem_id="model-more",
                )
                with gr.Row():
                    start_a = gr.Number(None, label="Start of A, s", min_width=80, elem_id="start-a")
                    start_b = gr.Number(None, label="Start of B, s", min_width=80, elem_id="start-b", visible=False)
                    length = gr.Number(None, label="Length, s", min_width=80, elem_id="compare-length")
            tiles = example_tiles(examples)
            upload = gr.File(
                label="Upload a clip",
                show_label=False,
                file_types=UPLOADS,
                height=58,
                elem_id="compare-upload",
                elem_classes="pick",
            )
            gr.HTML(limits_words(settings), elem_classes="limits")
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Compare", variant="primary", interactive=False, elem_id="compare", min_width=120)
                stop = gr.Button("Stop", variant="stop", visible=False, elem_id="compare-stop", min_width=80)
            told = gr.HTML(status(PICK), elem_id="compare-status")
            with gr.Row(elem_classes="players"):
                players = [
                    Player(
                        label=f"Clip {letter}",
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
            cards = gr.HTML(elem_id="compare-predictions")
            differ = compare_view(elem_id="compare-view")
            headings, views = [], []
            for letter, name in zip("ab", PLAYERS, strict=True):
                # style.css hides an empty view: gradio loses the properties of one that it has not mounted yet
                with gr.Column(elem_classes="side"):
                    headings.append(gr.HTML(elem_id=f"heading-{letter}"))
                    views.append(clip_view(video_id=name, elem_id=f"view-{letter}"))

    drawn = [cards, differ, *headings, *views, *players]
    asked = [board, model_a, model_b, more, start_a, start_b, length]
    results = [board, told, go, stop, *drawn]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    same = gr.skip()

    def outputs(board: Any, told: Any, screen: Sequence[Any] = (), *, busy: bool = False) -> tuple[Any, ...]:
        ready = not isinstance(board, Board) or board.ready
        shown = screen or [same] * len(drawn)
        return board, told, gr.update(interactive=ready and not busy), gr.update(visible=busy), *shown

    def keys_of(
        board: Board, model_a: str, model_b: str, more: list[str], starts: Sequence[float | None], length: float | None
    ) -> tuple[Key, ...]:
        """What is to be compared, in the order of the sides. Raises ValueError where something is missing."""
        # an empty field that has been opened says 0
        parts = [(float(s or 0), float(s or 0) + float(length) if length else None) for s in starts]
        first, second = board.clips
        if first is None or (board.mode == "clips" and second is None):
            raise ValueError(PICK if board.mode == "models" else PICK_TWO)
        if board.mode == "clips":
            assert second is not None
            return Key(first.path, parts[0], model_a), Key(second.path, parts[1], model_a)
        chosen = list(dict.fromkeys([model_a, model_b, *more]))[:MOST]
        if len(chosen) < 2 or None in chosen:
            raise ValueError("Choose two different models, A and B.")
        return tuple(Key(first.path, parts[0], name) for name in chosen)

    @guarded(lambda message: outputs(same, alert(message)))
    def run(
        board: Board,
        model_a: str,
        model_b: str,
        more: list[str],
        start_a: float | None,
        start_b: float | None,
        length: float | None,
    ) -> Iterator[tuple[Any, ...]]:
        began = time.perf_counter()
        wanted = keys_of(board, model_a, model_b, more, (start_a, start_b), length)
        missing = [key for key in wanted if key not in board.answers]
        # what is pinned stays in sight while the other side is computed; nothing of what it replaces does
        board = replace(board, keys=tuple(key for key in wanted[:1] if key not in missing))
        yield outputs(board, status("Loading the models"), _screen(board), busy=True)
        answers = dict(board.answers)
        for done, ((path, part), keys) in enumerate(
            (which, list(several)) for which, several in groupby(missing, key=lambda key: (key.path, key.part))
        ):
            called = [key.model for key in keys]
            work = in_turn(
                lambda: models.turn(models.get(model_a)),
                partial(compared, models, called, path, part, settings.limits),
            )
            clip = f"Clip {LETTERS[done + len(wanted) - len(missing)]}: " if board.mode == "clips" else ""
            for step in in_thread(work):
                if isinstance(step, list):
                    answers |= dict(zip(keys, step, strict=True))
                elif isinstance(step, Progress):
                    share = step.fraction if board.mode == "models" else (done + step.fraction) / len(missing)
                    yield outputs(same, status(clip + step.message, share), busy=True)
                elif step is not None:
                    yield outputs(same, status(step), busy=True)
        others = [key for key in answers if key not in wanted]
        kept = [*others[len(others) + len(wanted) - KEPT :], *wanted] if len(others) + len(wanted) > KEPT else answers
        board = replace(board, keys=wanted, answers={key: answers[key] for key in kept})
        took = status(f"Compared in {time.perf_counter() - began:.1f} s.")
        convert = [
            (side, key)
            for side, key in enumerate(wanted[: 2 if board.mode == "clips" else 1])
            if (source := board.clips[side]) is not None and not source.playable and not _still_there(board, key)
        ]
        yield outputs(board, status(CONVERTING) if convert else took, _screen(board), busy=bool(convert))
        for side, key in convert:
            to = cached(players[side], "playback.mp4")
            duration = board.answers[key][0].clip.duration
            try:
                for second in in_thread(conversion(key.path, to, key.part, settings.limits)):
                    if second is not None:
                        yield outputs(same, status(CONVERTING, second / duration), busy=True)
            except MediaError as error:  # the comparison stands without a player
                yield outputs(board, alert(str(error)))
                return
            board = replace(board, played={**board.played, (key.path, key.part): str(to)})
            yield outputs(board, took, _screen(board), busy=(side, key) != convert[-1])

    def choose(board: Board, path: str | None, pinned: str) -> tuple[Any, ...]:
        """A new clip goes to the side that is not pinned, or to the pinned one while that is empty."""
        side = 0 if board.mode == "models" else "AB".index(pinned if pinned in ("A", "B") else "A")
        if board.mode == "clips" and board.clips[side] is not None:
            side = 1 - side
        if path is None:
            return outputs(board, status(PICK))
        picked, said = look_at(path, settings)
        clips, called = list(board.clips), list(board.names)
        clips[side], called[side] = picked, said
        board = replace(board, clips=(clips[0], clips[1]), names=(called[0], called[1]), keys=())
        return outputs(board, status(_chosen(board)), _screen(board))

    refused = guarded(lambda message: outputs(same, alert(message)))

    @refused
    def choose_upload(board: Board, path: str | None, pinned: str) -> tuple[Any, ...]:
        return choose(board, path, pinned)

    @guarded(lambda message: (None, *outputs(same, alert(message))))
    def choose_example(board: Board, pinned: str, event: gr.EventData) -> tuple[Any, ...]:
        index = event._data.get("index")  # comes from a browser
        if not isinstance(index, int) or not 0 <= index < len(examples):
            return (None, *outputs(same, same))
        return (None, *choose(board, str(examples[index].path), pinned))

    def switch(board: Board, mode: Mode, pinned: str) -> tuple[Any, ...]:
        board = replace(board, mode=mode if mode == "clips" else "models", keys=())
        clips = board.mode == "clips"
        locked = lock(board.mode, pinned)
        labels = gr.update(label="Model" if clips else "Model A"), gr.update(visible=not clips)
        shown = gr.update(visible=not clips), gr.update(visible=clips)
        merged = [{**a, **b} for a, b in zip(locked, labels, strict=True)]
        return *merged, *shown, *outputs(board, status(_chosen(board)), _screen(board))

    def lock(mode: Mode, pinned: str) -> tuple[Any, Any]:
        """The pinned side's model cannot be changed by mistake; with two clips the one model always can."""
        free = mode == "clips"
        return gr.update(interactive=free or pinned != "A"), gr.update(interactive=free or pinned != "B")

    def exchange(
        board: Board,
        model_a: str,
        model_b: str,
        start_a: float | None,
        start_b: float | None,
        pinned: str,
    ) -> tuple[Any, ...]:
        """What was A becomes B; nothing is computed again, and the pin goes along with what it holds."""
        pinned = "B" if pinned == "A" else "A"
        keys = (*board.keys[1::-1], *board.keys[2:]) if len(board.keys) > 1 else ()
        if board.mode == "models":
            board = replace(board, keys=keys)
            model_a, model_b = model_b, model_a
        else:
            board = replace(board, keys=keys, clips=board.clips[::-1], names=board.names[::-1])
            start_a, start_b = start_b, start_a
        locked = lock(board.mode, pinned)
        picked = [{**a, "value": b} for a, b in zip(locked, (model_a, model_b), strict=True)]
        return *picked, start_a, start_b, pinned, *outputs(board, status(_chosen(board)), _screen(board))

    running = go.click(lambda: status(WAITING), None, told, queue=False, **quiet).then(
        run, asked, results, concurrency_limit=settings.concurrency, **quiet
    )
    running.failure(lambda said: alert(FULL) if WAITING in said else same, told, told, queue=False, **quiet)
    light: dict[str, Any] = {"queue": False, "cancels": [running], **quiet}
    uploaded = "(...all) => { document.dispatchEvent(new CustomEvent('s2s-upload')); return all.slice(0, 3); }"
    upload.upload(choose_upload, [board, upload, pinned], results, js=uploaded, **light)
    tiles.select(choose_example, [board, pinned], [upload, *results], **light)
    mode.input(switch, [board, mode, pinned], [model_a, model_b, more, start_b, *results], **light)
    pinned.input(lock, [mode, pinned], [model_a, model_b], queue=False, **quiet)
    swap.click(
        exchange,
        [board, model_a, model_b, start_a, start_b, pinned],
        [model_a, model_b, start_a, start_b, pinned, *results],
        **light,
    )
    stop.click(lambda: outputs(same, status("Stopped.")), None, results, **light)
    return [model_a, model_b, more]


@on_gpu
def compared(
    models: Models, names: list[str], path: str, part: Part, limits: MediaLimits
) -> Iterator[Progress | list[Answer]]:
    """compare_steps with models by name and without tokens: what crosses a GPU's process stays on the CPU."""
    bundles = [models.get(name) for name in names]
    for step in compare_steps(path, bundles, start=part[0], end=part[1], limits=limits):
        if isinstance(step, Compared):
            yield list(zip(step.explanations, step.previews, strict=True))
        else:
            yield step


def _screen(board: Board) -> list[Any]:
    """Predictions, comparison, headings, views and players of what is on the board."""
    clips = board.mode == "clips"
    parts = [key.part for key in board.keys] + [(0.0, None)] * 2
    plays = [gr.update(value=board.plays(0, parts[0]), label="Clip A" if clips else "Clip", visible=True)]
    plays.append(gr.update(value=board.plays(1, parts[1]) if clips else None, visible=clips))
    found = [board.answers[key] for key in board.keys]
    if not found:
        return ["", None, *_views([]), *plays]
    explanations = [explanation for explanation, _ in found]
    sources = board.sources()
    shown = [shown_targets(e, s.known_truth) for e, s in zip(explanations, sources, strict=False)]
    cards = side_by_side(explanations, shown, clips=clips)
    # what is converted for playback begins where the analysed part does
    offsets = [e.clip.start if s.playable else 0.0 for e, s in zip(explanations, sources, strict=False)]
    sides = [
        Side(e.clip.name if clips else e.checkpoint.name, PLAYERS[i if clips else 0], offsets[i])
        for i, e in enumerate(explanations)
    ]
    if clips:
        drawn = [
            encode(lanes_alone(explanation), preview, diagnostics=source.known_truth, offset=offset)
            for (explanation, preview), source, offset in zip(found, sources, offsets, strict=False)
        ]
        differ = compare_clips(explanations, sides) if len(found) == 2 else None
        return [cards, differ, *_views(drawn, ["Clip A", "Clip B"]), *plays]
    shared, _ = shared_targets(shown)
    drawn = []
    if shared:
        lanes = side_by_side_lanes(explanations, shared)
        drawn.append(encode(lanes, found[0][1], diagnostics=True, offset=offsets[0]))
    differ = compare_models(explanations, shown, sides) if len(found) > 1 else None
    return [cards, differ, *_views(drawn), *plays]


def _views(drawn: Sequence[str], titles: Sequence[str] = ("", "")) -> list[Any]:
    """Headings and views of the sides that are drawn; the others are empty, and style.css hides them."""
    some = [*drawn, None, None][:2]
    headings = [f"<h3>{title}</h3>" if title else "" for title in titles]
    return [*headings, *some]


def _chosen(board: Board) -> str:
    """Which clips were chosen, and what comes next."""
    if board.mode == "models":
        return f"{board.names[0]}. Press Compare." if board.clips[0] else PICK
    said = [f"{letter}: {name}" for letter, name, clip in zip("AB", board.names, board.clips, strict=True) if clip]
    return "; ".join(said) + (". Press Compare." if len(said) == 2 else ". Now pick the other.") if said else PICK_TWO


def _still_there(board: Board, key: Key) -> bool:
    """Whether a converted clip has not been deleted for its age."""
    path = board.played.get((key.path, key.part))
    return path is not None and Path(path).is_file()


def _nth(names: list[str], n: int) -> str | None:
    return names[n] if n < len(names) else None
