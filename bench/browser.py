"""How far highlight and playhead lag behind the picture, and what playback asks of the network, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import sync_playwright

from bench.row import Row
from sec2sec import DEMO
from tests.browser.driver import App, explain, lags, launch_browser, play, time_axis, upload

FLIGHT = Path("assets/clips/sintel-flight.mp4")  # 10 s, 24 frames per second
SECONDS = 10.0


def rows() -> Iterator[Row]:
    """Start the app, explain a clip, play ten seconds of it."""
    seen = playback(FLIGHT, DEMO.parent)
    delays = lags(seen)
    behind = median(delays["clock"])
    yield Row("browser: highlighted second behind the video's clock, median of 9", behind, "ms", 50)
    yield Row("browser: the same, worst", max(delays["clock"]), "ms")
    yield Row("browser: highlighted second behind the frame on screen, median", median(delays["picture"]), "ms", 50)
    yield Row("browser: playhead off the video's clock, median", 1000 * median(map(abs, seen["off"])), "ms", 50)
    yield Row("browser: network requests during 10 s of playback", len(seen["requests"]), "", 0)


def playback(clip: Path, checkpoints: Path) -> dict[str, Any]:
    """What the driver's probe saw; `off` is the playhead's distance from the video's clock in s, frame by frame."""
    with App("--checkpoints", str(checkpoints)) as app, sync_playwright() as playwright:
        browser = launch_browser(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(app.url)
        upload(page, clip)
        explain(page)
        seen = play(page, SECONDS)
        start, width, _ = time_axis(page)
        lanes = page.locator(".s2s-lanes").bounding_box()
        count = page.locator(".s2s-figures tbody tr").count()
        browser.close()
    assert lanes is not None, "the timeline has no lanes"
    seen["off"] = [time - (x - start + lanes["x"]) / width * count for time, x in seen["heads"]]
    return seen
