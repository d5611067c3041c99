"""The Training tab: a form that starts trainings, and a view that follows them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.jobs.job import JobError, Jobs
from sec2sec.ui.clip_view import PLOTLY_JS
from sec2sec.ui.gradio_private import event_data, served_path
from sec2sec.ui.messages import alert, errors_as_json, errors_as_messages, status
from sec2sec.ui.models import TRAINED, Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.training.form import form
from sec2sec.ui.training.orders import go_on, place, whose
from sec2sec.ui.training.standing import examples, standing
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

HERE = Path(str(resources.files(__package__)))
OFF = "Training is switched off on this server. At your own machine it is on: see the README."
Answer = dict[str, Any]


def visitor_state() -> gr.BrowserState:
    """A secret in the visitor's browser, by which they find their trainings again."""
    # the browser keeps it under a key of ours: it is the visitor's own, and must outlive this process
    return gr.BrowserState(None, storage_key="sec2sec.visitor", secret="sec2sec")


def tab(
    demo: gr.Blocks,
    settings: Settings,
    models: Models,
    visitor: gr.BrowserState,
    tabs: gr.Tabs,
    pickers: Sequence[gr.Dropdown],
) -> None:
    """Lays out the tab and wires it; called within `demo`.

    pickers: where a model is chosen in other tabs, the Inspect tab's first: that one opens what was trained.
    """
    if not settings.training:
        gr.HTML(render("paragraph.html", text=OFF))
        return
    jobs = Jobs(settings.runs)
    jobs.sweep()
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    with gr.Row(elem_classes="inspect training"):
        with gr.Column(scale=0, min_width=364, elem_classes="left"):
            asked = form(settings)
            # pressed before the page has its visitor, it could only refuse: a server that warms up takes seconds
            start = gr.Button("Start", variant="primary", elem_id="train-start", interactive=False)
            told = gr.HTML(elem_id="train-status")
        with gr.Column(scale=1, min_width=320, elem_classes="right"):
            view = training_view(settings, jobs)

    @errors_as_messages(lambda message: (alert(message), gr.skip(), gr.update(interactive=True)))
    def begin(who: str | None, *values: Any) -> tuple[Any, ...]:
        job = place(asked.read(values), settings, who)
        return status("Started. You may close this page: it goes on."), said(who, job.id), gr.update(interactive=True)

    start.click(lambda: (status("Checking the data"), gr.update(interactive=False)), None, [told, start], **quiet).then(
        begin, [visitor, *asked.widgets], [told, view, start], **quiet
    )

    @errors_as_messages(lambda message: (alert(message), gr.skip(), *[gr.skip()] * len(pickers)))
    def inspect(who: str | None, event: gr.EventData) -> tuple[Any, ...]:
        owner = whose(settings, who)
        job = jobs.get(event_data(event).get("run"), owner)  # comes from a browser
        choices = models.choices(owner)
        others = [gr.update(choices=choices) for _ in pickers[1:]]
        return "", gr.update(selected="inspect"), gr.update(choices=choices, value=TRAINED + job.id), *others

    @errors_as_messages(lambda message: (gr.skip(), gr.skip(), gr.skip(), *[gr.skip()] * len(pickers)))
    def arrive(who: str | None) -> tuple[Any, ...]:
        who = who or secrets.token_urlsafe(24)
        choices = models.choices(whose(settings, who))
        return who, said(who), gr.update(interactive=True), *[gr.update(choices=choices) for _ in pickers]

    view.select(inspect, [visitor], [told, tabs, *pickers], **quiet)
    demo.load(arrive, [visitor], [visitor, view, start, *pickers], **quiet)


def said(visitor: str | None, run: str | None = None) -> str:
    """The value of the view: who asks, and which training to show."""
    return json.dumps({"visitor": visitor, "run": run, "nonce": secrets.token_hex(4)})  # a repeated value is no change


def training_view(settings: Settings, jobs: Jobs) -> gr.HTML:
    """The list of trainings, and the chosen one. It asks the functions below, and only while it is on screen."""
    gr.set_static_paths([PLOTLY_JS])

    @errors_as_json
    def standing_of(asked: Mapping[str, Any]) -> Answer:
        return standing(jobs, whose(settings, asked.get("visitor")), asked)

    @errors_as_json
    def stills(asked: Mapping[str, Any]) -> Answer:
        return examples(jobs.get(asked.get("run"), whose(settings, asked.get("visitor"))))

    @errors_as_json
    def act(asked: Mapping[str, Any]) -> Answer:
        job, what = jobs.get(asked.get("run"), whose(settings, asked.get("visitor"))), asked.get("what")
        if what in ("stop", "finish"):
            job.ask(str(what))
        elif what == "resume":
            go_on(job, settings)
        elif what == "remove":
            job.remove()
        elif what == "download":
            packed = served_path(view, f"sec2sec-{job.id[:15]}.zip")
            job.pack(packed)
            return {"file": str(packed), "name": packed.name}
        else:
            raise JobError(f"nothing here is called {what!r}")
        return {}

    standing_of.__name__ = "standing"
    view = gr.HTML(
        html_template=(HERE / "view.html").read_text(encoding="utf-8"),
        css_template=files.style(*files.VIEW_STYLES, HERE / "view.css"),
        js_on_load=files.script(HERE / "view.js"),
        apply_default_css=False,
        elem_id="train-view",
        plotly_js=str(PLOTLY_JS),
        server_functions=[standing_of, stills, act],
    )
    return view
