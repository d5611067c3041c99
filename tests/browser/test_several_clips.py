"""Several clips at once in Inspect: a table that fills in its place, a line that opens, Stop, and all rows as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import App, explain, open_drawer, upload
from tests.helpers.clips import grey, make_clip

NewPage = Callable[..., Page]
ROWS = ".several tbody tr"
WAIT = 120_000  # ms


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two clips of one name, one that is none, and a last one."""
    folder = tmp_path_factory.mktemp("several")
    (folder / "other").mkdir()
    paths = [folder / "a.mp4", folder / "other" / "a.mp4", folder / "bad.mp4", folder / "d.mp4"]
    for index in (0, 1, 3):
        make_clip(paths[index], 3 + index, fps=8, size=(64, 48), picture=grey(60 * index))
    paths[2].write_bytes(b"\0" * 100)
    return paths


def give(page: Page, files: list[Path]) -> None:
    page.wait_for_function("() => document.body.dataset.entered")
    open_drawer(page, "several")
    page.set_input_files("#several-files input[type=file]", [str(file) for file in files])


def states(page: Page) -> list[str]:
    return [str(row.get_attribute("data-state")) for row in page.locator(ROWS).all()]


def test_several_files_become_a_table_that_fills_in_its_place_and_a_line_opens_by_keyboard(
    app: App, new_page: NewPage, files: list[Path]
) -> None:
    page = new_page(app.url)
    give(page, files)
    expect(page.locator(ROWS)).to_have_count(4, timeout=WAIT)
    page.evaluate(  # what stands where, from the first moment on
        """() => {
          window.__moved = new Set();
          const rows = [...document.querySelectorAll('.several tbody tr')].slice(0, 3);
          const top = row => Math.round(row.offsetTop);
          const first = rows.slice(0, 2).map(top);
          const look = () => {
            rows.slice(0, 2).forEach((row, at) => { if (top(row) !== first[at]) window.__moved.add(at); });
            if (rows.some(row => !row.isConnected)) window.__moved.add('made anew');
            requestAnimationFrame(look);
          };
          look();
        }"""
    )
    expect(page.locator(f"{ROWS}[data-state=done]")).to_have_count(3, timeout=WAIT)
    expect(page.locator("#several-status")).to_contain_text("3 of 4 clips explained, 1 could not be used.")
    assert states(page) == ["done", "done", "failed", "done"]
    assert page.evaluate("[...window.__moved]") == []
    names = page.locator(f"{ROWS} th").all_inner_texts()
    assert names == ["a.mp4", "a.mp4 (2)", "bad.mp4", "d.mp4"]
    expect(page.locator(ROWS).nth(2)).to_contain_text("not a video or sound file that can be read here")
    expect(page.locator(ROWS).nth(3)).to_contain_text("0:06")
    expect(page.locator(".several-learned")).to_contain_text("It learned from")
    expect(page.locator(ROWS).nth(2).locator("button")).to_be_disabled()
    expect(page.locator("#several-stop")).to_be_hidden()

    with page.expect_download() as download:
        page.click("#several-csv")
    assert download.value.suggested_filename == "clips.sec2sec.csv"
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    seconds = {name: sum(row["clip"] == name and row["target"] == "arousal" for row in rows) for name in names}
    assert seconds == {"a.mp4": 3, "a.mp4 (2)": 4, "bad.mp4": 0, "d.mp4": 6}

    shown = page.locator(ROWS).nth(3).locator("td").nth(2).inner_text()
    page.locator(ROWS).nth(3).locator("button").press("Enter")
    expect(page.locator("#status")).to_contain_text("d.mp4, 6.0 s. One of several clips", timeout=WAIT)
    page.wait_for_selector("#view .s2s[data-ready=true]")
    expect(page.locator("#drawer-several")).to_be_hidden()
    expect(page.locator("button[data-drawer=several]")).to_be_focused()
    card = page.locator("#predictions .card").first.locator(".figure").inner_text()
    assert shown.split("\n")[0].replace(",", "") == card.strip()
    open_drawer(page, "several")
    expect(page.locator(ROWS).nth(3)).to_have_attribute("aria-current", "true")


def test_stop_stops_the_rest_and_go_on_goes_on(
    synthetic: Callable[..., App], new_page: NewPage, files: list[Path]
) -> None:
    page = new_page(synthetic(wait=0.3).url)  # 2.4 s a clip
    give(page, [files[0], files[1], files[3]])
    expect(page.locator(ROWS).first).to_have_attribute("data-state", "done", timeout=WAIT)
    expect(page.locator(ROWS).nth(1)).to_have_attribute("data-state", "running", timeout=WAIT)
    page.click("#several-stop")
    expect(page.locator("#several-status")).to_contain_text("Stopped. 1 of 3 clips explained.")
    expect(page.locator("#several-stop")).to_be_hidden()
    page.wait_for_timeout(4000)
    assert states(page) == ["done", "waiting", "waiting"]
    page.click("#several-go-on")
    expect(page.locator(f"{ROWS}[data-state=done]")).to_have_count(3, timeout=WAIT)


def test_a_single_clip_is_explained_between_two_of_a_list(
    synthetic: Callable[..., App], new_page: NewPage, files: list[Path]
) -> None:
    page = new_page(synthetic(wait=0.2).url)
    give(page, [files[0], files[1], files[3]] * 2)
    expect(page.locator(ROWS).first).to_have_attribute("data-state", "running", timeout=WAIT)
    page.keyboard.press("Escape")
    upload(page, files[3])
    explain(page)
    assert page.locator(f"{ROWS}[data-state=waiting]").count() >= 1, "the list did not have to end first"
    expect(page.locator(f"{ROWS}[data-state=done]")).to_have_count(6, timeout=WAIT)
    expect(page.locator("#view .s2s")).to_have_attribute("data-ready", "true")
