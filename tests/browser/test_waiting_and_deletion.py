"""What a visitor of a shared server is told: a place and a time while waiting, and when a training will be deleted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from sec2sec.jobs.job import Jobs, JobSpec
from sec2sec.training.settings import TrainConfig, as_json
from tests.browser.driver import App, open_tab

NewPage = Callable[..., Page]


def test_the_page_says_when_a_training_will_be_deleted_and_nothing_where_all_are_kept(
    checkpoints: Path, new_page: NewPage, tmp_path: Path
) -> None:
    job = Jobs(tmp_path).new()
    job.write_spec(JobSpec("a test", as_json(TrainConfig(data="x"))))
    job.write_progress("stopped", "Stopped.")
    options = ("--runs", str(tmp_path), "--checkpoints", str(checkpoints))
    for keep, words in ((("--keep-trainings", "48"), "will be deleted on"), ((), None)):
        with App(*options, *keep) as app:
            page = new_page(app.url)
            open_tab(page, "Training")
            page.get_by_label("Also show trainings of others").check()
            expect(page.locator(".tr-title")).to_have_text("a test", timeout=60_000)
            line = page.locator(".tr-deletion")
            if words is None:
                expect(line).to_be_hidden()
            else:
                expect(line).to_contain_text(re.compile(rf"its data and its model {words} \S.*\d:\d\d"))
                page.get_by_role("button", name="Settings").click()
                page.get_by_label("A zip with my own data set").check()
                expect(page.get_by_text("2 days after the end of the training")).to_be_visible()
            page.context.close()


def test_who_waits_is_told_a_place_and_the_expected_time(synthetic: Callable[..., App], new_page: NewPage) -> None:
    url = synthetic(wait=0.5).url  # 4 s an explanation, two at a time
    pages = [new_page(url) for _ in range(6)]
    for page in pages:
        page.locator(".tiles button").first.click()
        page.locator("#explain:enabled").wait_for()
        page.evaluate(  # the status is watched from before the press
            """() => {
              window.__lines = [];
              const line = document.querySelector('#status');
              new MutationObserver(() => window.__lines.push(line.textContent.trim()))
                .observe(line, {childList: true, subtree: true, characterData: true});
            }"""
        )
    for page in pages:
        page.click("#explain")
    for page in pages:
        page.locator(".s2s[data-ready=true]").wait_for(timeout=120_000)
    lines = [line for page in pages for line in page.evaluate("window.__lines")]
    for page in pages:
        page.context.close()
    assert any(re.search(r"Waiting for a free place: \d(st|nd|rd|th) in line", line) for line in lines), lines
    assert any(re.search(r"in line, about \d+ (seconds|minutes?)", line) for line in lines), lines
