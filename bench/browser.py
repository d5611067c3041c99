"""The first screen, a click on an example, an upload, and playback, in Chromium: how fast, how heavy, how still."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.row import Row
from sec2sec import DEMO
from tests.browser.driver import App, explain, lags, launch_browser, play, show_maps, time_axis, upload

FLIGHT = Path("assets/clips/sintel-flight.mp4")  # 10 s, 24 frames per second
SECONDS = 10.0
TURNS = 3
KILOBYTES_OF_EXPLANATION = 350  # over the wire, without the clip itself
READABLE = ".s2s[data-ready=true]"  # the lanes are drawn; the sentences above them came with the page
# All shifts count, those just after a press too; one sum for each of what is done.
SHIFTS = """() => {
  window.__shifts = [0];
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.__shifts[window.__shifts.length - 1] += entry.value;
  }).observe({type: 'layout-shift', buffered: false});
}"""
CLICK = """async name => {
  const root = document.querySelector('#view .s2s');
  const tile = [...document.querySelectorAll('#tiles button')].find(one => one.textContent.includes(name));
  delete root.dataset.ready;
  window.__shifts.push(0);
  const from = performance.now();
  tile.click();
  while (root.dataset.ready !== 'true') await new Promise(done => requestAnimationFrame(done));
  return performance.now() - from;
}"""


class Wire:
    """What a page takes over the wire, without the clips that it plays."""

    def __init__(self, page: Page) -> None:
        self.sizes: dict[str, float] = {}  # bytes by request, as they come
        self.kinds: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.responseReceived", lambda event: self.kinds.update({event["requestId"]: event["type"]}))
        session.on("Network.dataReceived", self._add)  # also of a stream, which has no end
        session.on("Network.loadingFinished", self._finish)

    @property
    def kilobytes(self) -> float:
        """All until now."""
        return sum(size for id_, size in self.sizes.items() if self.kinds.get(id_) != "Media") / 1000

    def _add(self, event: dict[str, Any]) -> None:
        name = event["requestId"]
        self.sizes[name] = self.sizes.get(name, 0) + event["encodedDataLength"]

    def _finish(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]  # with its head


def rows() -> Iterator[Row]:
    """Start the app, explain a clip, play ten seconds of it."""
    seen = playback(FLIGHT, DEMO.parent)
    delays = lags(seen)
    behind = median(delays["clock"])
    yield Row("browser: highlighted second behind the video's clock, median of 9", behind, "ms", 50)
    yield Row("browser: the same, worst", max(delays["clock"]), "ms")
    yield Row("browser: highlighted second behind the frame on screen, median", median(delays["picture"]), "ms", 50)
    yield Row("browser: playhead off the video's clock, median", 1000 * median(map(abs, seen["off"])), "ms", 25)
    yield Row("browser: network requests during 10 s of playback", len(seen["requests"]), "", 0)

    yield from visits(FLIGHT, DEMO.parent)


def visits(clip: Path, checkpoints: Path) -> Iterator[Row]:
    """Open the page, click on examples, upload a clip: as a visitor who is alone on the server."""
    with App("--checkpoints", str(checkpoints)) as app, sync_playwright() as playwright:
        browser = launch_browser(playwright)
        firsts, page = [], browser.new_page()
        for _ in range(TURNS):
            page.close()
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            firsts.append(first_visit(page, app.url))
        yield Row("browser: first byte of the page to a readable explanation, median", _median(firsts, 0), "s", 2)
        yield Row("browser: over the wire until then, without the clip itself", _median(firsts, 1), "kB", 850)
        page.evaluate(SHIFTS)
        clicks = [click_example(page, name) for name in ("sintel flight", "sintel snow", "sintel dialogue")]
        yield Row("browser: click on an example to its explanation, worst of 3", max(clicks), "s", 0.3)
        yield Row("browser: layout shift of these three, worst", _worst_shift(page), "", 0.05)
        wire = Wire(page)
        yield Row("browser: upload of a 10-s clip to its sentence", upload_to_sentence(page, clip), "s", 2.5)
        yield Row("browser: layout shift of that", _worst_shift(page), "", 0.05)
        yield Row(
            "browser: that explanation over the wire, without the clip", wire.kilobytes, "kB", KILOBYTES_OF_EXPLANATION
        )
        show_maps(page)
        yield Row("browser: the same with the maps inside its seconds", wire.kilobytes, "kB", KILOBYTES_OF_EXPLANATION)
        browser.close()


def first_visit(page: Page, url: str) -> tuple[float, float]:
    """s from the first byte of the page to a readable explanation, and kB over the wire until then."""
    wire = Wire(page)
    page.goto(url, wait_until="commit")
    page.wait_for_selector(READABLE)
    readable = page.evaluate(
        "performance.now() - performance.getEntriesByType('navigation')[0].responseStart"  # both on the page's clock
    )
    return readable / 1000, wire.kilobytes


def click_example(page: Page, name: str) -> float:
    """s from a click on a tile to its drawn explanation, on the page's clock."""
    page.wait_for_timeout(1000)
    seconds: float = page.evaluate(CLICK, name)
    return seconds / 1000


def upload_to_sentence(page: Page, clip: Path) -> float:
    """s from a chosen file to the answer in words; it is explained without a press."""
    page.wait_for_timeout(1000)
    page.evaluate("window.__shifts.push(0)")
    began = time.perf_counter()
    page.set_input_files("#upload input[type=file]", str(clip))
    page.locator("#status").get_by_text(re.compile(r"Explained \d+ s in")).wait_for(timeout=60_000)
    return time.perf_counter() - began


def _median(firsts: list[tuple[float, float]], which: int) -> float:
    return median(first[which] for first in firsts)


def _worst_shift(page: Page) -> float:
    """The largest shift since it was asked last; each click or upload has a sum of its own."""
    page.wait_for_timeout(1500)
    worst: float = page.evaluate("Math.max(...window.__shifts)")
    page.evaluate("window.__shifts = [0]")
    return worst


def playback(clip: Path, checkpoints: Path) -> dict[str, Any]:
    """What the driver's probe saw; `off` is the playhead's distance from the video's clock in s, frame by frame."""
    with App("--checkpoints", str(checkpoints)) as app, sync_playwright() as playwright:
        browser = launch_browser(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script("localStorage.setItem('s2s-explain-at-once', 'false')")
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
