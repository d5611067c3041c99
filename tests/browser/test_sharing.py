"""What a person takes away from the Inspect tab, saved by a real browser and read back: films, figures, citation."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import av
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from sec2sec.citation import citation
from sec2sec.plots.png import SCALE
from sec2sec.plots.timeline import WIDTH
from sec2sec.render.annotate import CARD_SECONDS
from sec2sec.render.gif import MAX_BYTES
from tests.browser.driver import App, explain, open_drawer, upload

NewPage = Callable[..., Page]
MIN_TARGET = 24  # px, WCAG 2.5.8


@pytest.fixture
def page(app: App, new_page: NewPage, clip: Path) -> Page:
    """A visitor who has explained the clip."""
    page = new_page(app.url)
    upload(page, clip)
    explain(page)
    open_drawer(page, "downloads")
    page.locator("#downloads").wait_for()
    return page


def saved(page: Page, button: str, folder: Path) -> Path:
    """The file that a press on a button brings."""
    with page.expect_download() as waiting:
        page.click(button)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_annotated_clip_is_made_and_saved(page: Page, clip: Path, tmp_path: Path) -> None:
    page.click("#annotate")
    expect(page.locator("#gif")).to_be_disabled()  # one film at a time
    page.get_by_role("button", name="Save MP4").wait_for(timeout=120_000)
    path = saved(page, "#annotate-save", tmp_path)
    assert path.name == f"{clip.stem}-annotated.mp4"
    with av.open(str(path)) as film:
        assert [stream.type for stream in film.streams] == ["video", "audio"]
        assert film.duration / av.time_base == pytest.approx(10 + CARD_SECONDS, abs=0.1)


def test_gif_is_made_and_saved(page: Page, clip: Path, tmp_path: Path) -> None:
    page.click("#gif")
    page.get_by_role("button", name="Save GIF").wait_for(timeout=120_000)
    expect(page.locator("#annotate-status")).to_have_text(f"{clip.stem}.gif is ready.")
    path = saved(page, "#annotate-save", tmp_path)
    assert path.name == f"{clip.stem}.gif"
    assert path.stat().st_size <= MAX_BYTES
    with Image.open(path) as picture:
        durations = []
        for number in range(picture.n_frames):
            picture.seek(number)
            durations.append(picture.info["duration"])
    assert sum(durations) == 10_000  # ms


def test_figures_and_table_are_files_of_their_kind(page: Page, clip: Path, tmp_path: Path) -> None:
    drawing = ElementTree.parse(saved(page, "#figure-svg", tmp_path)).getroot()
    words = " ".join(element.text or "" for element in drawing.iter("{http://www.w3.org/2000/svg}text"))
    assert clip.name in words
    assert "synchrony" not in words  # not shown on a real clip
    with Image.open(saved(page, "#figure-png", tmp_path)) as picture:
        assert picture.width == WIDTH * SCALE
    path = saved(page, "#csv", tmp_path)
    assert path.name == f"{clip.stem}.sec2sec.csv"
    assert len(list(csv.reader(path.read_text().splitlines()))) >= 11
    expect(page.locator("#downloads-status")).to_have_text(f"{path.name} is in your downloads.")


def test_citation_is_copied_or_saved_where_the_browser_lets_no_page_copy(page: Page, tmp_path: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#cite")
    expect(page.locator("#downloads-status")).to_contain_text("The citation is copied")
    assert page.evaluate("navigator.clipboard.readText()") == citation()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    assert saved(page, "#cite", tmp_path).read_text() == citation()
    expect(page.locator("#downloads-status")).to_contain_text("does not let the page copy")


def test_every_button_is_large_enough_and_reached_by_keyboard(page: Page) -> None:
    buttons = page.locator("#downloads button:visible")
    assert buttons.count() == 8
    for number in range(8):
        box = buttons.nth(number).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= MIN_TARGET
    buttons.first.focus()
    reached = []
    for _ in range(9):
        reached.append(page.evaluate("document.activeElement.innerText || document.activeElement.type"))
        page.keyboard.press("Tab")
    assert reached == [
        *("Report", "Figure SVG", "Figure PNG", "CSV", "JSON", "Copy citation"),
        *("checkbox", "Annotated MP4", "GIF for slides"),
    ]
