"""The counterfactual lab, from click to screen in Chromium; the films that people download."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from bench.row import Row, in_turns
from sec2sec import DEMO
from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import explain
from sec2sec.edits import ClipTracks, Mute, first_plan, render_plan
from sec2sec.media import open_clip
from sec2sec.render.annotate import annotate
from tests.browser.driver import App, launch_browser, upload
from tests.browser.driver import explain as explain_in

FLIGHT = Path("assets/clips/sintel-flight.mp4")  # 10 s, 480×270, 24 frames per second
EDITS = ("mute", "blank", "drop", "shift-sound", "reorder")  # none of them needs pixels

# From the click to the frame in which the new predictions are on screen, ms.
CLICK = """name => new Promise(done => {
  const lab = document.querySelector('.lab'), button = lab.querySelector(name), began = performance.now();
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  }).observe(lab, {attributes: true, attributeFilter: ['data-serial']});
  button.click();
})"""


def rows() -> Iterator[Row]:
    """Edits in the browser, then both films; about half a minute."""
    with App("--checkpoints", str(DEMO.parent)) as app, sync_playwright() as playwright:
        browser = launch_browser(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(app.url)
        upload(page, FLIGHT)
        explain_in(page)
        page.get_by_role("tab", name="Lab").click()
        page.wait_for_selector(".lab[data-serial]")
        taken = clicks(page)
        browser.close()
    yield Row("lab: click → new predictions on screen, median over edits and undo", median(taken), "ms", 150)
    yield Row("lab: the same, worst", max(taken), "ms")
    bundle = load_checkpoint(DEMO, "cpu")
    explanation = explain(FLIGHT, bundle)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        tracks = ClipTracks.of(explanation.clip)
        plan = Mute((2,)).apply(first_plan(tracks), tracks)
        plain, overlaid, edited = in_turns(
            lambda: annotate(FLIGHT, explanation, film),
            lambda: annotate(FLIGHT, explanation, film, overlay=True),
            lambda: render_plan(open_clip(FLIGHT), plan, tracks, film),
        )
    yield Row("annotated MP4 of a 10-s clip", plain, "s", 6)
    yield Row("annotated MP4 of a 10-s clip, with overlay", overlaid, "s", 6)
    yield Row("edited 10-s clip as MP4", edited, "s")


def clicks(page: Page) -> list[float]:
    """Milliseconds of each edit and of its undo; the first pair, which warms up, left out."""
    taken: list[float] = []
    for edit in ("mute", *EDITS):
        taken.append(page.evaluate(CLICK, f"[data-edit={edit}]"))
        taken.append(page.evaluate(CLICK, "[data-action=undo]"))
    return taken[2:]
