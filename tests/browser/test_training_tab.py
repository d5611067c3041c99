"""Training from the tab, in Chromium, with the real app: start, watch, reload, restart, stop, resume, queue, save."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sec2sec.checkpoints import load_checkpoint
from sec2sec.datasets.known_truth import make_clips
from sec2sec.jobs.job import Jobs
from sec2sec.jobs.turns import turn
from tests.browser.driver import App, open_drawer, open_tab, upload

SLOW = 180_000  # ms; a training starts torch in processes of its own, and other work may share the cores
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one data set, of known-truth clips, and the trainings of this module."""
    folder = tmp_path_factory.mktemp("hosted")
    for _ in make_clips(folder / "sets" / "planted", 20, 0, workers=1, lengths=(4, 4)):
        pass
    return folder


@pytest.fixture(scope="module")
def serve(hosted: Path, checkpoints: Path) -> Iterator[Callable[..., App]]:
    """serve(*options) → an app on the module's folders; the last one is ended first."""
    running: list[App] = []

    def start(*options: str) -> App:
        while running:
            running.pop().__exit__()
        folders = (
            "--runs",
            str(hosted / "runs"),
            "--data-sets",
            str(hosted / "sets"),
            "--checkpoints",
            str(checkpoints),
        )
        running.append(App(*folders, "--device", "cpu", *options).__enter__())
        return running[0]

    yield start
    for app in running:
        app.__exit__()
    for job in Jobs(hosted / "runs").all():
        job.request("stop")


@pytest.fixture(scope="module")
def app(serve: Callable[..., App]) -> App:
    return serve()


def opened(page: Page) -> Page:
    page.wait_for_selector(".tabs")
    open_tab(page, "Training")
    page.wait_for_selector("#train-start")
    return page


def with_others(page: Page) -> Page:
    """Show the trainings that other visitors of this module started."""
    page.locator(".tr-others input").check()
    return page


def settings(page: Page) -> None:
    """Unfold the settings."""
    if not page.locator("#train-source").is_visible():
        page.locator("#train-settings > .label-wrap").click()
        page.locator("#train-source").wait_for()


def begin(page: Page, epochs: int) -> None:
    """Train on the configured data set."""
    settings(page)
    page.get_by_label("A data set of this server").check()
    page.locator("#train-epochs input").fill(str(epochs))
    page.click("#train-start")
    expect(page.locator("#train-status")).to_contain_text("Started", timeout=SLOW)  # or says what is there instead


def stage(page: Page, words: str) -> None:
    expect(page.locator(".tr-label")).to_have_text(words, timeout=SLOW)


def press(page: Page, words: str) -> None:
    page.locator(".tr-actions").get_by_role("button", name=words).click()


def no_overflow(page: Page) -> None:
    wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window


def test_form_keeps_what_was_filled_in_until_the_defaults_are_asked_for(app: App, new_page) -> None:
    page = opened(new_page(app.url))
    settings(page)
    epochs = page.locator("#train-epochs input").input_value()
    page.get_by_label("Name of this training").fill("Grace")
    page.locator("#train-epochs input").fill("7")
    page.get_by_label("A data set of this server").check()
    expect(page.locator("#train-set")).to_be_visible()
    page.wait_for_function("localStorage.getItem('sec2sec.training-form')?.includes('\"set\"')")
    page.reload()
    opened(page)
    expect(page.get_by_label("Name of this training")).to_have_value("Grace")
    settings(page)
    expect(page.locator("#train-epochs input")).to_have_value("7")
    expect(page.get_by_label("A data set of this server")).to_be_checked()
    expect(page.locator("#train-set")).to_be_visible()
    page.click("#train-defaults")
    expect(page.get_by_label("Name of this training")).to_have_value("")
    expect(page.locator("#train-epochs input")).to_have_value(epochs)
    expect(page.locator("#train-set")).to_be_hidden()


def test_a_training_is_started_watched_opened_and_saved(app: App, new_page, clip: Path, tmp_path: Path) -> None:
    page = opened(new_page(app.url))
    page.get_by_label("Name of this training").fill("Ada's first")
    begin(page, 3)
    stage(page, "Done")
    expect(page.locator(".tr-entry")).to_contain_text("Ada's first")
    expect(page.locator(".tr-entry")).to_contain_text("planted · sec2sec-sa-ca · compact")
    expect(page.locator(".tr-entry small")).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d$"))
    assert page.locator(".tr-figures td[scope]").count() == 0
    page.wait_for_selector(".tr[data-epochs='3']")
    names = page.evaluate("[...document.querySelectorAll('.tr-plot')].map(plot => plot.data.map(line => line.name))")
    assert names[0] == ["training loss", "validation loss"]
    assert {"arousal", "valence", "synchrony", "mean of the targets", "best trivial answer"} <= set(names[1])
    dashes = page.evaluate("document.querySelectorAll('.tr-plot')[1].data.map(line => line.line && line.line.dash)")
    assert dashes[names[1].index("best trivial answer")] == "dash"
    expect(page.locator(".tr-figures tbody tr")).to_have_count(3)
    expect(page.locator(".tr-sentence")).to_contain_text("not from people's ratings")

    # watch it learn
    said = page.locator(".tr-clip .tr-value").all_inner_texts
    expect(page.locator(".tr-epoch")).to_have_text("After epoch 3 of 3")
    expect(page.locator(".tr-clip img")).to_have_count(2)
    assert page.locator(".tr-second .is-planted").count() >= 2
    drawn = page.evaluate(
        """[...document.querySelectorAll('.tr-attention')].map(host => {
          const top = parseFloat(host.querySelector('.tr-scale small').textContent);
          const bars = [...host.querySelectorAll('.tr-second')];
          return bars.map(bar => [bar.querySelector('i').clientHeight, parseFloat(bar.title.split(': ')[1]) / top]);
        })"""
    )
    assert len(drawn) == 2
    for height, share in (bar for bars in drawn for bar in bars):
        assert abs(height / 52 - share) < 0.06  # the scale is 52 px high; whole pixels, whole per cents
    last = said()
    slider = page.get_by_role("slider", name="Epoch")
    slider.focus()
    slider.press("Home")
    expect(page.locator(".tr-epoch")).to_have_text("After epoch 1 of 3")
    assert said() != last
    slider.press("End")
    assert said() == last

    # a zip that is a checkpoint
    with page.expect_download() as download:
        press(page, "Download checkpoint")
    download.value.save_as(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    (folder,) = [path.parent for path in tmp_path.glob("*/config.json")]
    assert load_checkpoint(folder, "cpu").summary.trained_on.startswith("It learned from 16 generated clips")

    # the same model in Inspect
    press(page, "Open in Inspect")
    page.wait_for_selector("#explain", state="visible")
    upload(page, clip)
    page.click("#explain")
    page.wait_for_selector(".s2s[data-ready=true]", timeout=SLOW)
    expect(page.locator("#predictions .learned")).to_contain_text("Model Ada's first.")


def test_it_is_still_there_after_a_reload_and_in_dark_and_on_a_phone(app: App, new_page) -> None:
    page = with_others(opened(new_page(app.url)))
    page.wait_for_selector(".tr[data-epochs='3']")
    page.reload()
    with_others(opened(page))
    page.wait_for_selector(".tr[data-epochs='3']")
    no_overflow(page)
    for look in ({"dark": True}, {"width": 360, "height": 740}):
        other = with_others(opened(new_page(app.url, **look)))
        other.wait_for_selector(".tr[data-epochs='3']")
        no_overflow(other)
        shown = other.evaluate("[...document.querySelectorAll('.tr-plot')].map(plot => plot.clientWidth)")
        drawn = other.evaluate("[...document.querySelectorAll('.tr-plot .main-svg')].map(svg => svg.clientWidth)")
        assert max(drawn) <= max(shown)


def test_what_others_train_is_neither_shown_nor_removable_until_one_asks_for_it(app: App, new_page) -> None:
    page = opened(new_page(app.url))
    expect(page.locator(".tr-others")).to_contain_text("Also show trainings of others on this server (1)")
    assert page.locator(".tr-entry").count() == 0
    with_others(page)
    expect(page.locator(".tr-entry")).to_have_count(1)


def test_nothing_is_asked_of_the_server_while_another_tab_is_open(app: App, new_page) -> None:
    page = with_others(opened(new_page(app.url)))
    page.wait_for_selector(".tr[data-epochs='3']")
    page.get_by_role("tab", name="Inspect").click()
    page.wait_for_timeout(1500)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []


def test_a_training_waits_in_sight_stops_resumes_and_outlives_the_server(
    serve: Callable[..., App], hosted: Path, browser: Browser
) -> None:
    endless = ("--train-epochs", "100000")  # it must not end by itself before the server is back
    app = serve(*endless)
    page = browser.new_context().new_page()  # its console may complain: the server goes away
    page.set_default_timeout(SLOW)
    page.goto(app.url)
    opened(page)
    with turn(hosted / "runs" / "queue"):  # as if another training ran
        settings(page)
        page.get_by_text("All other settings").click()
        page.locator("#train-patience input").fill("100000")
        begin(page, 100_000)
        stage(page, "Waiting")
        expect(page.locator(".tr-entry").first).to_contain_text("Place 1 in the queue")
        begin(page, 2)
        expect(page.locator(".tr-entry").first).to_contain_text("Place 2 in the queue")
        press(page, "Stop")
        stage(page, "Stopped")
    page.locator(".tr-entry").nth(1).click()
    stage(page, "Training")

    again = serve(*endless)  # the server is lost and started anew; the training is not
    page.goto(again.url)
    opened(page)
    page.get_by_label("Also show trainings of others").check()  # at its new address the browser is somebody else
    page.locator(".tr-entry").nth(1).click()
    stage(page, "Training")
    press(page, "Stop")
    stage(page, "Stopped")
    stopped = int(page.evaluate("document.querySelector('.tr').dataset.epochs"))
    press(page, "Resume")
    page.wait_for_function(f"Number(document.querySelector('.tr').dataset.epochs) > {stopped}", timeout=SLOW)
    press(page, "Finish now")
    stage(page, "Done")
    expect(page.locator(".tr-message")).to_contain_text("chosen by the validation clips")
    assert page.get_by_role("button", name="Open in Inspect").is_visible()

    page.on("dialog", lambda dialog: dialog.accept())
    before = page.locator(".tr-entry").count()
    press(page, "Remove")
    expect(page.locator(".tr-entry")).to_have_count(before - 1)


def test_bad_input_gets_one_line_on_the_page(serve: Callable[..., App], new_page, tmp_path: Path) -> None:
    app = serve("--train-epochs", "10", "--server-folders", "yes")
    page = opened(new_page(app.url))
    told = page.locator("#train-status .alert")
    settings(page)
    page.get_by_label("A zip with my own data set").check()
    (tmp_path / "films.zip").write_text("no zip")
    page.set_input_files("#train-upload input[type=file]", str(tmp_path / "films.zip"))
    page.locator("#train-upload").get_by_text("films").first.wait_for()
    page.click("#train-start")
    expect(told).to_contain_text("films.zip: is no zip")
    page.get_by_label("A folder on this server").check()
    page.get_by_role("textbox", name="Folder on this server").fill("/nowhere")
    page.click("#train-start")
    expect(told).to_contain_text("there is no such folder")
    page.get_by_label("Known-truth clips, made here").check()
    page.locator("#train-epochs input").fill("11")
    page.click("#train-start")
    expect(told).to_contain_text("at most 10 on this server, not 11")
    assert "Traceback" not in page.content()


def test_visitors_of_a_public_server_do_not_see_each_other(serve: Callable[..., App], new_page) -> None:
    app = serve("--private-runs", "yes")
    page = opened(new_page(app.url))
    page.wait_for_selector(".tr-empty:visible")
    begin(page, 2)
    expect(page.locator(".tr-entry")).to_have_count(1)
    stranger = opened(new_page(app.url))
    stranger.wait_for_timeout(2500)
    assert stranger.locator(".tr-entry").count() == 0
    stage(page, "Done")
    stranger.reload()
    open_drawer(stranger, "inputs")
    stranger.locator("#model input").click()
    assert not re.search("planted", stranger.locator("#model").inner_text())
    page.reload()
    opened(page)  # the same visitor comes back
    expect(page.locator(".tr-entry")).to_have_count(1)
