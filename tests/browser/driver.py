"""Starts the real app as a process and drives the system's Chromium; for the browser tests and bench/browser.py."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip

# Every change of the highlighted second, and every frame shown, with the time on the page's clock.
PROBE = """() => {
  const root = document.querySelector('.s2s'), video = document.querySelector('#player video');
  const log = window.__probe = {changes: [], frames: [], heads: []};
  new MutationObserver(() => log.changes.push([performance.now(), video.currentTime, Number(root.dataset.current)]))
    .observe(root, {attributes: true, attributeFilter: ['data-current']});
  const shown = (now, frame) => { log.frames.push([frame.expectedDisplayTime, frame.mediaTime]); again(); };
  const again = () => video.requestVideoFrameCallback(shown);
  again();
  const head = document.querySelector('.s2s-playhead');
  const look = () => {
    if (!video.paused) log.heads.push([video.currentTime, new DOMMatrix(getComputedStyle(head).transform).m41]);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def find_chromium() -> str | None:
    """The system's Chromium; None where there is none: playwright then takes its own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next((path for name in names if (path := shutil.which(name))), None)


def launch_browser(playwright: Playwright) -> Browser:
    """Headless, and without a sandbox: tests run as root in containers."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class App:
    """The app as a process of its own; `with App(...) as app` ends it by its id."""

    def __init__(self, *arguments: str, script: Path = ROOT / "app.py", env: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.temp = tempfile.mkdtemp(prefix="sec2sec-test-")
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in __exit__)
        self.ended = ""  # what it had printed when it was ended
        command = [sys.executable, str(script), "--port", str(self.port), *arguments]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "GRADIO_TEMP_DIR": self.temp, **(env or {})}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self.log, stderr=subprocess.STDOUT)

    def output(self) -> str:
        """All that it has printed."""
        if self.log.closed:
            return self.ended
        self.log.seek(0)
        return self.log.read()

    def __enter__(self) -> App:
        end = time.monotonic() + 300
        while f":{self.port}" not in self.output():
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise RuntimeError(f"the app did not start:\n{self.output()}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.temp, ignore_errors=True)
        self.ended = self.output()
        self.log.close()


def open_tab(page: Page, name: str) -> None:
    """Go to a tab of the app; a narrow page keeps the last ones in a menu."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.is_visible():
        page.locator(".overflow-menu > button").click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()


def upload(page: Page, clip: Path | str) -> None:
    """Choose a file as a person would, and wait until the app has looked at it."""
    page.set_input_files("#upload input[type=file]", str(clip))
    name = re.escape(Path(clip).name)
    page.locator("#status").get_by_text(re.compile(f"{name}")).wait_for(timeout=60_000)


def explain(page: Page, example: int | None = None) -> None:
    """Press the button, for an example or for what was chosen before, and wait for the drawn explanation."""
    if example is not None:
        page.locator("#tiles button:not([data-known])").nth(example).click()
        page.wait_for_timeout(200)  # until the page says that it opens the clip
        page.wait_for_function("() => !/Opening the clip/.test(document.querySelector('#status').innerText)")
        page.locator("#explain:enabled").wait_for()
    page.click("#explain")
    page.wait_for_selector(".s2s[data-ready=true]", timeout=120_000)
    page.wait_for_selector("#stop", state="hidden", timeout=120_000)


def open_drawer(page: Page, name: str) -> None:
    """Open a drawer of Inspect, where it is not open yet. name: inputs (model, part), downloads."""
    button = page.locator(f"button[data-drawer={name}]")
    if button.get_attribute("aria-expanded") != "true":
        button.click()


def show_maps(page: Page, view: str = "#view") -> None:
    """Scroll to what is inside the selected second, and wait until its maps are there: they are sent to who looks."""
    page.locator(f"{view} .s2s-co").scroll_into_view_if_needed()
    page.locator(f"{view} .s2s-co").get_by_text("Loading the maps").wait_for(state="detached", timeout=60_000)


def time_axis(page: Page) -> tuple[float, float, float]:
    """Where the time axis of the timeline begins in the page, how long it is, and where it lies; px."""
    box = page.locator(".s2s-chart .is-line").first.bounding_box()
    assert box is not None, "the timeline has no axis"
    return box["x"], box["width"], box["y"]


def open_more_lanes(page: Page, view: str = "#view") -> None:
    """Unfold the lanes beyond the main ones, and wait until they are drawn. view: elem_id of one of several."""
    if page.locator(f"{view} .s2s-more[open]").count() == 0:
        page.locator(f"{view} .s2s-more > summary").click()
    page.wait_for_selector(f"{view} .s2s[data-lanes=drawn]")


def play(page: Page, seconds: float, start: float = 0.0) -> dict[str, Any]:
    """Play from the start and return what PROBE saw, and how many requests went out meanwhile."""
    page.wait_for_function("document.querySelector('#player video')?.readyState === 4", timeout=60_000)
    page.evaluate(f"document.querySelector('#player video').currentTime = {start}")
    page.wait_for_timeout(500)
    page.evaluate(PROBE)
    requests: list[str] = []

    def count(request: Any) -> None:
        is_icon = request.url.endswith("/icon.png")  # of the page: a browser fetches it whenever it has time
        if not request.url.startswith(("data:", "blob:")) and not is_icon:
            requests.append(request.url)

    page.on("request", count)
    page.evaluate("document.querySelector('#player video').play()")
    page.wait_for_timeout(int(1000 * seconds))
    page.evaluate("document.querySelector('#player video').pause()")
    page.remove_listener("request", count)
    return {**page.evaluate("window.__probe"), "requests": requests}


def lags(seen: dict[str, Any]) -> dict[str, list[float]]:
    """Milliseconds, one for each boundary of a second that was crossed.

    clock: behind video.currentTime. picture: behind the first shown frame at or after the boundary; below zero where
    the highlight came before that frame.
    """
    changes = [change for change in seen["changes"] if change[2] >= 1]
    clock = [1000 * (current - second) for _, current, second in changes]
    picture = []
    for at, _, second in changes:
        shown = next((time for time, media in seen["frames"] if media >= second), None)
        if shown is not None:
            picture.append(at - shown)
    return {"clock": clock, "picture": picture}


def luminance(colour: str) -> float:
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page: Page, selector: str, on: str, of: str = "color") -> float:
    """WCAG's contrast of an element's colour on the background of another."""
    style = "(element, name) => getComputedStyle(element)[name]"
    light, dark = sorted(
        (
            luminance(page.locator(selector).evaluate(style, of)),
            luminance(page.locator(on).evaluate(style, "backgroundColor")),
        ),
        reverse=True,
    )
    return (light + 0.05) / (dark + 0.05)


# For a script in the page: a colour as its numbers, one over another, and how light it is (WCAG).
COLOURS = """
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parse = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
"""
