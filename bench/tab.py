"""A class with no data: the Training tab as it comes, Start pressed, in Chromium; minutes, and gain over chance."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.row import Row
from sec2sec import DEMO
from sec2sec.jobs.job import Jobs
from tests.browser.driver import App, launch_browser

MAX_MINUTES = 30  # after which it has failed


def rows() -> Iterator[Row]:
    """Make and train the set of a class from the tab, with nothing there before; about five minutes."""
    with tempfile.TemporaryDirectory(prefix="sec2sec-bench-") as folder:
        before = os.getloadavg()[0]
        minutes, stages = press_start(Path(folder))
        (job,) = Jobs(Path(folder)).all()
        metrics = json.loads((job.checkpoint / "metrics.json").read_text())
        yield Row("tab: 200 known-truth clips made and learned, from Start to Done", minutes, "min", 5)
        for stage, taken in stages.items():
            yield Row(f"  tab: of which {stage}", taken, "min")
        yield Row("  tab: load of the machine before (a calm one: below 1)", before)
        yield Row("  tab: load of the last five minutes of it, the training included", os.getloadavg()[1])
        gains = {
            split: {n: t["gain"] for n, t in metrics[split]["targets"].items()} for split in ("validation", "test")
        }
        for name, gain in gains["test"].items():
            # synchrony of so few clips is within chance: reported
            limit = 0.2 if name in ("arousal", "valence") else None
            yield Row(
                f"tab: {name}, 20 test clips, accuracy over the best trivial answer",
                gain["value"],
                "",
                limit,
                "at least",
            )
            yield Row("  tab: lower end of its 95 % interval", gain["interval"][0])
            yield Row(
                "  tab: the same on 20 validation clips, which chose the weights", gains["validation"][name]["value"]
            )


def press_start(runs: Path) -> tuple[float, dict[str, float]]:
    """Minutes from pressing Start to the end, and of each stage as the page named it."""
    with App("--runs", str(runs), "--checkpoints", str(DEMO.parent)) as app, sync_playwright() as playwright:
        browser = launch_browser(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(app.url)
        page.get_by_role("tab", name="Training").click()
        page.click("#train-start")
        began = last = time.monotonic()
        stages: dict[str, float] = {}
        now = "Starting"
        while now not in ("Done", "Failed", "Stopped", "Stopped unexpectedly"):
            page.wait_for_timeout(500)
            label = page.locator(".tr-label").inner_text() or now
            stages[now] = stages.get(now, 0.0) + (time.monotonic() - last) / 60
            now, last = label, time.monotonic()
            assert last - began < 60 * MAX_MINUTES, f"not done after {MAX_MINUTES} minutes"
        message = page.locator(".tr-message").inner_text()
        browser.close()
    assert now == "Done", f"{now}: {message}"
    return (last - began) / 60, stages
