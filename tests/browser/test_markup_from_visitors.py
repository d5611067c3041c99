"""Names that are markup, wherever a stranger's text is shown: it stays text on all tabs and in the report."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from sec2sec.jobs.job import Jobs, JobSpec, KnownTruth
from sec2sec.training.settings import TrainConfig, as_json
from tests.browser.driver import App, explain, open_drawer, open_tab
from tests.helpers.clips import make_clip
from tests.helpers.datasets import clip_folder
from tests.helpers.models import save_tiny

NewPage = Callable[..., Page]
IMAGE = '<img src=x onerror="window.hit=1">'
SCRIPT = "</script><script>window.hit=1</script>"
LINK = "[x](javascript:window.hit=1)"
QUOTE = "' onmouseover='window.hit=1"
HARM = """() => ({
  hit: window.hit === undefined,
  images: document.querySelectorAll('img[src="x"]').length,
  scripts: [...document.scripts].filter((script) => script.textContent.trim() === 'window.hit=1').length,
  links: document.querySelectorAll('a[href^="javascript:" i]').length,
  handlers: document.querySelectorAll('[onmouseover], [onerror]').length,
})"""
HARMLESS = {"hit": True, "images": 0, "scripts": 0, "links": 0, "handlers": 0}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app whose model, data set and training are named by somebody who means harm."""
    folder = tmp_path_factory.mktemp("named")
    save_tiny(folder / "models" / "first", targets=(IMAGE, LINK))
    save_tiny(folder / "models" / QUOTE, targets=(IMAGE, SCRIPT))
    data = clip_folder(folder / "sets" / IMAGE.replace("/", ""), train=3, validation=1, test=2)
    rename(data)
    job = Jobs(folder / "runs").new()
    job.path.mkdir(parents=True, exist_ok=True)
    job.write_spec(JobSpec(f"{IMAGE}{SCRIPT}", as_json(TrainConfig(data=LINK)), KnownTruth(20)))
    job.write_progress("failed", f"{IMAGE} {LINK}")
    folders = ("--checkpoints", folder / "models", "--data-sets", folder / "sets", "--runs", folder / "runs")
    with App(*map(str, folders)) as app:
        yield app


def rename(data: Path) -> None:
    """Give the clips, the groups and the labels of a data set names that are markup."""
    with (data / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (data / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "path", IMAGE, LINK, "split", "group"))
        for number, row in enumerate(rows):
            name = f"clips/{number}{IMAGE.replace('/', '')}.mp4"
            shutil.move(data / row["path"], data / name)
            writer.writerow((f"{SCRIPT}{number}", name, row["arousal"], row["calm"], row["split"], f"{LINK}{number}"))


def test_names_that_are_markup_run_nothing_on_any_tab_and_in_the_report(
    app: App, new_page: NewPage, tmp_path: Path
) -> None:
    page, foreign = new_page(app.url), []

    def look(request: Request) -> None:
        if not request.url.startswith((app.url, "data:", "blob:", "file:")) or request.url.endswith("/x"):
            foreign.append(request.url)

    page.on("request", look)
    clip = make_clip(tmp_path / f"{IMAGE.replace('/', '')}.mp4", 3)
    page.set_input_files("#upload input[type=file]", str(clip))
    page.locator("#status").get_by_text("Press Explain").wait_for()
    explain(page)
    expect(page.locator("#predictions")).to_contain_text(IMAGE)
    assert page.evaluate(HARM) == HARMLESS
    open_drawer(page, "downloads")
    with page.expect_download() as download:
        page.click("#report")
    download.value.save_as(tmp_path / "report.html")

    open_tab(page, "Lab")
    page.wait_for_selector(".lab[data-serial]")
    page.click("[data-edit=mute]")
    page.wait_for_timeout(500)
    assert page.evaluate(HARM) == HARMLESS

    open_tab(page, "Compare")
    page.set_input_files("#compare-upload input[type=file]", str(clip))
    expect(page.locator("#compare-status")).to_contain_text("window.hit=1")  # it opened with another clip, ready
    page.click("#compare")
    expect(page.locator("#compare-status")).to_contain_text("Compared in", timeout=60_000)
    expect(page.locator("#compare-predictions")).to_contain_text(IMAGE)
    assert page.evaluate(HARM) == HARMLESS

    open_tab(page, "Evaluate")
    page.wait_for_selector("#evaluate")
    page.locator("#evaluate-data input").click()
    page.get_by_role("option").last.click()  # the host's own, behind the bundled one
    page.click("#evaluate")
    page.wait_for_selector("#evaluate-report button[data-rank]", timeout=120_000)
    expect(page.locator("#evaluate-report")).to_contain_text(SCRIPT)
    assert page.evaluate(HARM) == HARMLESS

    open_tab(page, "Training")
    page.get_by_label("Also show trainings of others").check()
    expect(page.locator("#train-view")).to_contain_text(f"{IMAGE}{SCRIPT}")
    open_tab(page, "About")
    assert page.evaluate(HARM) == HARMLESS

    report = page.context.new_page()
    report.on("request", look)
    report.goto((tmp_path / "report.html").as_uri())
    report.wait_for_selector(".s2s[data-ready=true]")
    expect(report.locator("body")).to_contain_text(IMAGE)
    assert report.evaluate(HARM) == HARMLESS
    assert foreign == []
