"""The Compare tab: one clip through several models, or two clips through one, on linked timelines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

import gradio as gr

from sec2sec.comparison import compare_steps
from sec2sec.media import MediaError
from sec2sec.progress import Progress
from sec2sec.ui.clip_view import clip_view
from sec2sec.ui.clips import (
    CONVERTING,
    FULL,
    UPLOADS,
    WAITING,
    Answer,
    ClipPart,
    cached,
    conversion,
    limits_words,
    probe_upload,
    with_device_lock,
)
from sec2sec.ui.compare.board import (
    MOST,
    PICK,
    PLAYERS,
    Board,
    Key,
    Mode,
    chosen_words,
    keys_of,
    screen_of,
    still_there,
)
from sec2sec.ui.compare.view import compare_view
from sec2sec.ui.compare.words import LETTERS
from sec2sec.ui.devices import RunsOn, device_words
from sec2sec.ui.examples import example_tiles, find_examples
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.player import Player
from sec2sec.ui.settings import Settings
from sec2sec.ui.work import stream_from_thread

KEPT = 8  # answers kept for a visitor, so that a pinned side is not computed again


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

    @errors_as_messages(lambda message: outputs(same, alert(message)))
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
        yield outputs(board, status("Loading the models"), screen_of(board), busy=True)
        answers, where = dict(board.answers), list[str]()

        def steps(keys: list[Key], device: str) -> Iterator[RunsOn | Progress | list[Answer]]:
            for key in keys:
                models.get(key.model)  # before a GPU is lent
            clip = board.source(keys[0].path).analysed(keys[0].part, settings.limits)
            return compared(models, [key.model for key in keys], device, clip)

        for done, keys in enumerate(list(same) for _, same in groupby(missing, key=lambda key: (key.path, key.part))):
            clip = f"Clip {LETTERS[done + len(wanted) - len(missing)]}: " if board.mode == "clips" else ""
            for step in stream_from_thread(with_device_lock(models.devices, partial(steps, keys))):
                if isinstance(step, list):
                    answers |= dict(zip(keys, step, strict=True))
                elif isinstance(step, RunsOn):
                    where += [] if step.words in where else [step.words]
                elif isinstance(step, Progress):
                    share = step.fraction if board.mode == "models" else (done + step.fraction) / len(missing)
                    yield outputs(same, status(clip + step.message, share), busy=True)
                elif step is not None:
                    yield outputs(same, status(step), busy=True)
        others = [key for key in answers if key not in wanted]
        kept = [*others[len(others) + len(wanted) - KEPT :], *wanted] if len(others) + len(wanted) > KEPT else answers
        board = replace(board, keys=wanted, answers={key: answers[key] for key in kept})
        on = f" on {' and '.join(where)}" if where else ""
        took = status(f"Compared in {time.perf_counter() - began:.1f} s{on}.")
        convert = [
            (side, key)
            for side, key in enumerate(wanted[: 2 if board.mode == "clips" else 1])
            if (source := board.clips[side]) is not None and not source.playable and not still_there(board, key)
        ]
        yield outputs(board, status(CONVERTING) if convert else took, screen_of(board), busy=bool(convert))
        for side, key in convert:
            to = cached(players[side], "playback.mp4")
            duration = board.answers[key][0].clip.duration
            try:
                for second in stream_from_thread(conversion(key.path, to, key.part, settings.limits)):
                    if second is not None:
                        yield outputs(same, status(CONVERTING, second / duration), busy=True)
            except MediaError as error:  # the comparison stands without a player
                yield outputs(board, alert(str(error)))
                return
            board = replace(board, played={**board.played, (key.path, key.part): str(to)})
            yield outputs(board, took, screen_of(board), busy=(side, key) != convert[-1])

    def choose(board: Board, path: str | None, pinned: str) -> tuple[Any, ...]:
        """A new clip goes to the side that is not pinned, or to the pinned one while that is empty."""
        side = 0 if board.mode == "models" else "AB".index(pinned if pinned in ("A", "B") else "A")
        if board.mode == "clips" and board.clips[side] is not None:
            side = 1 - side
        if path is None:
            return outputs(board, status(PICK))
        picked, said = probe_upload(path, settings)
        clips, called = list(board.clips), list(board.names)
        clips[side], called[side] = picked, said
        board = replace(board, clips=(clips[0], clips[1]), names=(called[0], called[1]), keys=())
        return outputs(board, status(chosen_words(board)), screen_of(board))

    refused = errors_as_messages(lambda message: outputs(same, alert(message)))

    @refused
    def choose_upload(board: Board, path: str | None, pinned: str) -> tuple[Any, ...]:
        return choose(board, path, pinned)

    @errors_as_messages(lambda message: (None, *outputs(same, alert(message))))
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
        return *merged, *shown, *outputs(board, status(chosen_words(board)), screen_of(board))

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
        return *picked, start_a, start_b, pinned, *outputs(board, status(chosen_words(board)), screen_of(board))

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


@on_gpu(lambda models, names, device, clip: clip.gpu_seconds(len(names)))
def compared(
    models: Models, names: list[str], device: str, clip: ClipPart
) -> Iterator[RunsOn | Progress | list[Answer]]:
    """compare_steps with models by name, on a device by name, and without tokens."""
    bundles = [models.get(name, device) for name in names]
    yield RunsOn(device_words(bundles[0].device))
    start, end = clip.part
    comparison = yield from compare_steps(clip.path, bundles, start=start, end=end, limits=clip.limits)
    answers: list[Answer] = []
    for encoded in comparison.clips:
        assert encoded.preview is not None, "it was made of a file"
        answers.append((encoded.explain(), encoded.preview))
    yield answers


def _nth(names: list[str], n: int) -> str | None:
    return names[n] if n < len(names) else None
