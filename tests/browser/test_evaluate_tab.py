"""The Evaluate tab as a person uses it: a data set in, figures out, and a wrong clip opened in Inspect."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sec2sec.ui.evaluate import BUNDLED_TITLE
from tests.browser.driver import App, contrast, explain, open_tab
from tests.helpers.datasets import clip_folder
from tests.helpers.models import save_tiny

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one data set in it."""
    folder = tmp_path_factory.mktemp("data")
    clip_folder(folder / "small", train=3, validation=1, test=2)
    return folder


@pytest.fixture(scope="module")
def app(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    models = tmp_path_factory.mktemp("models")
    save_tiny(models / "first", targets=("openness",))
    save_tiny(models / "tiny", targets=("arousal", "calm"))
    with App("--checkpoints", str(models), "--data-sets", str(data)) as app:
        yield app


def choose(page: Page, label: str, name: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).locator("visible=true").click()
    page.get_by_role("option", name=name, exact=True).click()


def evaluate(page: Page, model: str = "tiny", data: str = "small") -> None:
    choose(page, "Model", model)
    choose(page, "Data set", data)
    page.click("#evaluate")
    page.wait_for_selector("#evaluate-report button[data-rank]", timeout=120_000)
    page.wait_for_selector("#evaluate-stop", state="hidden")


def test_figures_curves_and_a_worst_clip_that_opens_in_inspect(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    open_tab(page, "Evaluate")
    page.wait_for_selector("#evaluate")
    evaluate(page)
    report = page.locator("#evaluate-report")
    trivial = "majority of the training set (trivial)"
    for words in ("balanced accuracy", trivial, "arousal: reliability", "ECE", "calm: predicted and true"):
        expect(report).to_contain_text(words)
    expect(page.locator("#evaluate-status")).to_contain_text("Evaluated 2 clips of small.")
    button = report.locator("button[data-target=calm]").first
    name = button.locator("b").inner_text()
    button.focus()
    page.keyboard.press("Enter")
    page.locator("#explain:enabled").wait_for()
    assert page.get_by_role("tab", selected=True).inner_text() == "Inspect"
    expect(page.locator("#status")).to_contain_text(f"{name.removeprefix('c')}.mp4")
    explain(page)
    expect(page.locator("#predictions")).to_contain_text("Model tiny")
    page.wait_for_function("document.querySelector('#player video')?.readyState >= 3")


def test_upload_is_evaluated_and_its_report_can_be_kept(
    app: App, new_page: NewPage, data: Path, tmp_path: Path
) -> None:
    zipped = shutil.make_archive(str(tmp_path / "mine"), "zip", data / "small")
    page = new_page(app.url, width=360, dark=True)
    open_tab(page, "Evaluate")
    page.wait_for_selector("#evaluate")
    page.set_input_files("#evaluate-upload input[type=file]", zipped)
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("mine.zip (uploaded)")
    expect(page.locator("#evaluate-status")).to_contain_text("mine.zip was uploaded. Press Evaluate.")
    evaluate(page, data="mine.zip (uploaded)")
    expect(page.locator("#evaluate-status")).to_contain_text("Evaluated 2 clips of mine.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    with page.expect_download() as download:
        page.click("#evaluate-save")
    kept = Path(download.value.path()).read_text()
    assert "arousal: ROC" in kept
    assert app.temp not in kept
    page.locator("#evaluate-report button[data-target=arousal]").first.click()
    page.locator("#explain:enabled").wait_for()


def test_what_cannot_be_evaluated_is_told_in_words(app: App, new_page: NewPage, tmp_path: Path) -> None:
    page = new_page(app.url)
    open_tab(page, "Evaluate")
    page.wait_for_selector("#evaluate")
    choose(page, "Data set", "small")
    page.click("#evaluate")
    expect(page.locator("#evaluate-status")).to_contain_text("none is shared", timeout=30_000)
    choose(page, "Model", "tiny")
    expect(page.locator("#evaluate-status")).to_have_text("Press Evaluate.")
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    page.set_input_files("#evaluate-upload input[type=file]", str(tmp_path / "bad.zip"))
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("bad.zip (uploaded)")
    page.click("#evaluate")
    expect(page.locator("#evaluate-status")).to_contain_text("is no zip", timeout=30_000)
    page.locator("#evaluate-upload").get_by_role("button", name="Clear").click()
    expect(page.get_by_role("combobox", name="Data set")).to_have_value(BUNDLED_TITLE)
    expect(page.locator("#evaluate-status")).to_have_text("Press Evaluate.")


@pytest.fixture(scope="module")
def fresh(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app as somebody finds it who has just cloned the project."""
    with App("--checkpoints", str(checkpoints), "--runs", str(tmp_path_factory.mktemp("runs"))) as app:
        yield app


def test_one_press_evaluates_the_clips_that_come_with_the_program(fresh: App, new_page: NewPage) -> None:
    page = new_page(fresh.url)
    open_tab(page, "Evaluate")
    page.click("#evaluate")
    expect(page.locator("#evaluate-status")).to_contain_text("Evaluated 24 clips of Known truth.", timeout=120_000)
    listed = page.locator("#evaluate-report .clips").first.get_by_role("button")
    expect(listed.first.locator("img")).to_be_visible()
    assert listed.count() <= 10
    listed.first.click()
    page.locator("#explain:enabled").wait_for()
    assert page.get_by_role("tab", selected=True).inner_text() == "Inspect"


@pytest.mark.parametrize("dark", [False, True])
def test_a_box_that_is_not_ticked_is_seen_in_both_themes(app: App, new_page: NewPage, dark: bool) -> None:
    page = new_page(app.url, dark=dark)
    open_tab(page, "Evaluate")
    box = page.get_by_label("Include clips that the model learned from")
    expect(box).not_to_be_checked()
    assert contrast(page, "#evaluate-include-seen input", "#evaluate-include-seen", "borderTopColor") >= 3
