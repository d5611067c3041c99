"""People's ratings in Inspect: an upload becomes a lane and a table; a wrong file is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import App, explain, open_drawer, time_axis, upload
from tests.helpers.clips import make_clip

SECONDS = 46
NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("film") / "film.mp4", seconds=SECONDS, fps=8)


@pytest.fixture
def page(app: App, new_page: NewPage, film: Path) -> Page:
    """A visitor who has explained the film, and opened the field for ratings."""
    page = new_page(app.url)
    upload(page, film)
    explain(page)
    open_drawer(page, "ratings")
    return page


def ratings(folder: Path, name: str, seconds: int = SECONDS) -> Path:
    lines = ["time,pleasure,effort", *(f"{s},{(s * 7) % 5},{s % 11}" for s in range(seconds))]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def stimulus(folder: Path) -> list[Path]:
    """Ratings as Emo-FilM has them: numbers in one file, and in another what they are."""
    table, about = folder / "Annot_Film_stim.tsv", folder / "Annot_Film_stim.json"
    table.write_text("".join(f"{(s * 7) % 5}\t{s % 11}\n" for s in range(SECONDS)))
    about.write_text(json.dumps({"SamplingFrequency": 1, "StartTime": 0, "Columns": ["Happiness", "Effort"]}))
    return [table, about]


def give(page: Page, *files: Path) -> None:
    page.set_input_files("#ratings-file input[type=file]", [str(file) for file in files])


def test_an_upload_becomes_a_lane_on_the_axis_and_a_table(page: Page, tmp_path: Path) -> None:
    page.fill("#ratings-column textarea, #ratings-column input", "pleasure")
    give(page, ratings(tmp_path, "people.csv"))
    expect(page.locator("#ratings-status")).to_contain_text("pleasure: the lane above the sound")
    lane = page.locator(".s2s-rating")
    expect(lane).to_have_count(1)
    expect(lane).to_contain_text("pleasure")
    start, width, _ = time_axis(page)
    line = lane.locator(".s2s-rating-line").bounding_box()
    assert line is not None
    assert abs(line["x"] - start) < 4
    assert abs(line["width"] - width * (SECONDS - 1) / SECONDS) < 4
    table = page.locator(".s2s-rated table")
    expect(table.locator("tbody tr")).to_have_count(8)
    expect(table).to_contain_text("prediction curve of arousal")
    expect(table).to_contain_text("loudness (no model)")
    expect(page.locator(".s2s-rated")).to_contain_text("the intervals pick it anew in each resample")
    assert "NaN" not in page.locator(".s2s-rated").inner_text()
    page.locator(".s2s-figures summary").click()
    expect(page.locator(".s2s-figures thead")).to_contain_text("ratings: pleasure")


def test_a_stimulus_file_is_read_with_what_names_its_columns(page: Page, tmp_path: Path) -> None:
    table, about = stimulus(tmp_path)
    page.fill("#ratings-column textarea, #ratings-column input", "Happiness")
    give(page, table)
    expect(page.locator("#ratings-status")).to_contain_text("together with Annot_Film_stim.json")
    page.locator("#ratings-file [aria-label*=emove], #ratings-file [aria-label=Clear]").first.click()
    give(page, table, about)
    expect(page.locator("#ratings-status")).to_contain_text("Happiness: the lane above the sound")
    expect(page.locator(".s2s-rating")).to_contain_text("Happiness")


def test_a_window_of_a_film_has_its_own_part_of_the_ratings_and_the_film_has_them_all(
    page: Page, tmp_path: Path
) -> None:
    give(page, ratings(tmp_path, "people.csv"))
    expect(page.locator(".s2s-rating")).to_have_count(2)
    page.keyboard.press("Escape")
    page.locator("#view .s2s-film-open").click()
    page.wait_for_function("document.querySelector('#view .s2s-film').dataset.opened !== ''")
    expect(page.locator(".s2s-rating")).to_have_count(2)
    expect(page.locator(".s2s-rated")).to_contain_text("how well they fit is told of the whole film")
    open_drawer(page, "ratings")
    expect(page.locator("#ratings-status")).to_contain_text("the lane above the sound")
    page.get_by_role("button", name="Back to the whole").click()
    expect(page.locator(".s2s-rated table tbody tr")).not_to_have_count(0)


def test_another_column_takes_the_place_of_the_first(page: Page, tmp_path: Path) -> None:
    give(page, ratings(tmp_path, "people.csv"))
    expect(page.locator(".s2s-rating")).to_have_count(2)
    field = page.locator("#ratings-column textarea, #ratings-column input")
    field.fill("effort")
    field.press("Enter")
    expect(page.locator(".s2s-rating")).to_have_count(1)
    expect(page.locator(".s2s-rating")).to_contain_text("effort")
    page.locator("#ratings-file button[aria-label='Clear'], #ratings-file .label-clear-button").first.click()
    expect(page.locator(".s2s-rating")).to_have_count(0)
    expect(page.locator(".s2s-rated")).to_be_hidden()


def test_a_track_of_another_length_is_refused_and_the_view_stays(page: Page, tmp_path: Path) -> None:
    give(page, ratings(tmp_path, "other.csv", 20))
    line = page.locator("#ratings-status")
    expect(line).to_contain_text("other.csv: ends at 20.0 s, and what is analysed of film.mp4 at 46")
    assert str(tmp_path) not in line.inner_text()
    expect(page.locator(".s2s-rating")).to_have_count(0)
    assert page.locator(".s2s[data-ready=true]").count() > 0


def test_the_lane_keeps_to_a_narrow_page(page: Page, tmp_path: Path) -> None:
    give(page, ratings(tmp_path, "people.csv"))
    expect(page.locator(".s2s-rating")).to_have_count(2)
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    drawing = page.locator(".s2s-rating svg").first.bounding_box()
    assert drawing is not None
    assert drawing["x"] + drawing["width"] <= 360
