"""A visitor who does anything in any order: in the end what is on the screen belongs to one clip, model and state.

The walk is seeded, so that a failure can be walked again. Each step is one to three acts in quick succession, on one of
two windows; then the page gets the time to come to rest, and everything on it is compared.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from tests.browser.driver import App, open_drawer, open_tab

NewPage = Callable[..., Page]
REST = 60_000  # ms in which a page comes to rest; other work may share the cores
PAUSES = (0, 30, 120, 250, 600)  # ms between the acts of one step
LEAVING = re.compile("signal is aborted|Connection errored out")
# What does not belong together, as sentences; none where all does.
PROBLEMS = r"""() => {
  const found = [];
  const is = (good, words) => { if (!good) found.push(words); };
  const stem = path => decodeURIComponent(path).split('/').pop().replace(/\.[^.]+$/, '');
  const shown = selector => {
    const element = document.querySelector(selector);
    return Boolean(element) && getComputedStyle(element).display !== 'none';
  };
  for (const stop of ['#stop', '#lab-stop', '#compare-stop']) is(!shown(stop), `${stop} says that something runs`);
  const view = document.querySelector('#view .s2s'), card = document.querySelector('#predictions .learned b');
  const hasView = Boolean(view) && !view.querySelector('.s2s-body').hidden;
  is(hasView === Boolean(card), 'there are cards without a timeline, or the other way round');
  const video = document.querySelector('#player video');
  const played = video && video.currentSrc ? stem(video.currentSrc) : '';
  if (hasView && card) {
    const {clip, model} = view.dataset;
    is(played === stem(clip), `the player has ${played}, the timeline ${clip}`);
    is(card.textContent === `Model ${model}.`, `the cards say ${card.textContent}, the timeline is of ${model}`);
    const seconds = view.querySelectorAll('.s2s-thumb').length;
    const lasts = video ? video.duration : NaN; // the player is made anew for each clip
    is(Math.abs(seconds - lasts) <= 1, `the clip has ${lasts} s, the timeline ${seconds}`);
    const tile = document.querySelector('.inspect:not(.compare) .tiles button[aria-pressed=true]');
    if (tile) is(tile.dataset.name === stem(clip), `the tile is ${tile.dataset.name}, the timeline of ${clip}`);
  }
  const lab = document.querySelector('.lab');
  if (lab && lab.offsetParent && hasView) {
    is(lab.dataset.clip === view.dataset.clip, `the lab has ${lab.dataset.clip}, the timeline ${view.dataset.clip}`);
    is(lab.dataset.busy !== 'true', 'the lab waits for an answer');
    const edits = lab.querySelectorAll('.lab-list li').length;
    is(String(edits) === lab.dataset.edits, `the lab lists ${edits} edits of ${lab.dataset.edits}`);
    const marked = [...lab.querySelectorAll('.lab-tile small')].some(words => words.textContent);
    is(edits > 0 || !marked, 'a second is marked and no edit is listed');
  }
  return found;
}"""


class Walk:
    """Two windows of visitors, and a seeded choice of what is done in them."""

    def __init__(self, pages: list[Page], errors: list[str], seed: int) -> None:
        self.pages, self.errors, self.chance = pages, errors, random.Random(seed)
        self.acts: list[Callable[[Page], str]] = [
            self.example, self.example, self.explain, self.explain, self.double, self.stop, self.tab, self.tab,
            self.edit, self.edit, self.undo, self.model, self.reload,
        ]  # fmt: skip
        self.done: list[str] = []

    def step(self) -> None:
        """One to three acts, then rest, then the comparison."""
        page = self.chance.choice(self.pages)
        for _ in range(self.chance.randint(1, 3)):
            self.done.append(self.chance.choice(self.acts)(page))
            page.wait_for_timeout(self.chance.choice(PAUSES))
        for number, one in enumerate(self.pages):
            try:
                one.wait_for_function(f"({PROBLEMS})().length === 0", timeout=REST, polling=100)
            except Exception as error:
                words = "; ".join(one.evaluate(PROBLEMS))
                raise AssertionError(f"window {number} after {', '.join(self.done[-12:])}: {words}") from error

    def press(self, page: Page, selector: str, clicks: int = 1) -> str:
        """Click what can be clicked now; nothing where there is no such thing."""
        target = page.locator(f"{selector}:visible:enabled").first
        if target.count() == 0:
            return f"no {selector}"
        try:
            target.click(click_count=clicks, timeout=2_000)
        except Exception:  # it went away under the pointer, as it may for a person
            return f"missed {selector}"
        return f"{selector} ×{clicks}"

    def example(self, page: Page) -> str:
        tiles = page.locator(".inspect:not(.compare) .tiles button:visible")
        if (count := tiles.count()) == 0:
            return "no tile"
        number = self.chance.randrange(min(count, 4))
        tiles.nth(number).click()
        return f"example {number}"

    def explain(self, page: Page) -> str:
        return self.press(page, "#explain")

    def double(self, page: Page) -> str:
        return self.press(page, "#explain", clicks=2)

    def stop(self, page: Page) -> str:
        return self.press(page, "#stop")

    def tab(self, page: Page) -> str:
        name = self.chance.choice(["Inspect", "Inspect", "Lab", "Compare", "Evaluate"])
        open_tab(page, name)
        return name

    def edit(self, page: Page) -> str:
        return self.press(page, f"[data-edit={self.chance.choice(['mute', 'blank', 'drop'])}]")

    def undo(self, page: Page) -> str:
        return self.press(page, f"[data-action={self.chance.choice(['undo', 'redo', 'clear'])}]")

    def model(self, page: Page) -> str:
        if not page.locator("button[data-drawer=inputs]").is_visible():
            return "no model"
        try:
            open_drawer(page, "inputs")
            page.locator("#model input:visible").first.click(timeout=2_000)
        except PlaywrightError:  # an answer came, with which the drawers fold
            return "missed model"
        options = page.locator("#model [role=option]:visible")  # not those of other lists on the page
        number = self.chance.randrange(max(options.count(), 1))
        if options.count() == 0:
            return "no option"
        try:
            options.nth(number).click(timeout=2_000)
        except PlaywrightError:
            return "missed option"
        return f"model {number}"

    def reload(self, page: Page) -> str:
        before = len(self.errors)
        page.reload()
        page.wait_for_selector("#explain", state="attached")
        # the page that is left complains of the stream that it closes itself
        self.errors[before:] = [error for error in self.errors[before:] if not LEAVING.search(error)]
        return "reload"


@pytest.fixture(scope="module")
def app(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with App("--checkpoints", str(checkpoints), "--runs", str(tmp_path_factory.mktemp("runs"))) as app:
        yield app


def walk(app: App, new_page: NewPage, errors: list[str], steps: int, seed: int) -> None:
    pages = [new_page(app.url), new_page(app.url, dark=True)]
    walking = Walk(pages, errors, seed)
    for _ in range(steps):
        walking.step()
    assert len([act for act in walking.done if not act.startswith(("no ", "missed "))]) > steps / 2


def test_after_a_short_walk_everything_belongs_together(app: App, new_page: NewPage, errors: list[str]) -> None:
    walk(app, new_page, errors, 15, seed=1)


@pytest.mark.slow
def test_after_two_hundred_steps_everything_belongs_together(app: App, new_page: NewPage, errors: list[str]) -> None:
    walk(app, new_page, errors, 200, seed=2)
