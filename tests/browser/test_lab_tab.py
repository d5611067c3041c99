"""The Lab tab as a person uses it: the real app, a real clip, a real browser."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import sec2sec
from sec2sec.config import MediaLimits
from sec2sec.edits import (
    Blank,
    Blur,
    ClipTracks,
    Drop,
    Edit,
    Freeze,
    Lab,
    Mute,
    Reorder,
    ShiftSound,
    Soundtrack,
    encode_plan_pictures,
    encode_soundtrack,
)
from sec2sec.edits.history import History
from sec2sec.encoding import encode_seconds
from sec2sec.media import open_clip
from tests.browser.driver import App, explain, upload
from tests.browser.test_inspect import CONTRAST
from tests.helpers.clips import make_clip
from tests.helpers.explaining import encoded

NewPage = Callable[..., Page]
SIGNED = re.compile(r"[±+−]\d\.\d{3}")


def open_lab(page: Page) -> None:
    page.get_by_role("tab", name="Lab").click()
    page.wait_for_selector(".lab[data-serial]")


@pytest.fixture
def page(app: App, new_page: NewPage, clip: Path) -> Page:
    """A visitor who explained the clip and opened the lab."""
    page = new_page(app.url, height=1000)
    upload(page, clip)
    explain(page)
    open_lab(page)
    return page


def answered(page: Page, act: Callable[[], None]) -> None:
    """Does something and waits for the lab's answer to it."""
    serial = page.get_attribute(".lab", "data-serial")
    act()
    page.wait_for_function(f"document.querySelector('.lab').dataset.serial !== '{serial}'")


def take(page: Page, sound: Path) -> None:
    with page.expect_file_chooser() as waiting:
        page.click(".lab-own")
    waiting.value.set_files(str(sound))


def press(page: Page, edit: str) -> None:
    answered(page, lambda: page.click(f"[data-edit={edit}]"))


def select(page: Page, *seconds: int) -> None:
    page.click("[data-pick=none]")
    for second in seconds:
        page.locator(".lab-tile").nth(second).click()


def figures(page: Page, which: str) -> list[float]:
    return [float(text) for text in page.locator(f".lab-bar.is-{which} > b").all_inner_texts()]


def number(text: str) -> float:
    return float(text.replace("−", "-").replace("±", ""))


@pytest.fixture(scope="module")
def engine(checkpoints: Path, clip: Path) -> Callable[[list[Edit]], tuple[list[float], list[float]]]:
    """What the library itself says of a list of edits: predictions before and after, diagnostics left out."""
    bundle = sec2sec.load(checkpoints / "demo", "cpu")
    found = encoded(clip, bundle)
    rate = bundle.encoders.config.frames_per_second
    shown = [i for i, name in enumerate(found.targets) if name not in bundle.summary.diagnostics]

    def encode(seconds):
        return encode_seconds(seconds, bundle.encoders, bundle.device)

    def predict(edits: list[Edit]) -> tuple[list[float], list[float]]:
        history = History(Lab(bundle.model, found.tokens, ClipTracks.of(found.info), encode, rate))
        for edit in edits:
            if isinstance(edit, Soundtrack):
                history.lab.add_soundtrack(edit.track, encode_soundtrack(edit.track, encode, MediaLimits(), 10))
            opened = open_clip(clip, frames_per_second=rate)
            for picture, tokens in encode_plan_pictures(opened, history.needs(edit), encode):
                history.lab.supply(picture, tokens)
            history.apply(edit)
        return list(history.before.prediction[shown]), list(history.after.prediction[shown])

    return predict


def test_lab_asks_for_a_clip_first(app: App, new_page: NewPage, clip: Path) -> None:
    page = new_page(app.url)
    upload(page, clip)  # which takes the place of what the page opened on
    page.get_by_role("tab", name="Lab").click()
    expect(page.locator(".lab-empty")).to_contain_text("Explain a clip")
    expect(page.locator("#lab-render")).to_be_hidden()


def test_each_edit_changes_the_predictions_as_the_engine_says(page: Page, engine: Callable[..., tuple]) -> None:
    before, _ = engine([])
    assert figures(page, "before") == pytest.approx(before, abs=1e-3)
    assert figures(page, "after") == pytest.approx(before, abs=1e-3)
    page.fill(".lab-by", "-2")
    done: list[Edit] = []
    for name, edit in [
        ("mute", Mute((1, 2))),
        ("blank", Blank((1, 2))),
        ("freeze", Freeze((6, 7))),
        ("blur", Blur((6, 7), 0.04)),
        ("drop", Drop((8,))),
        ("shift-sound", ShiftSound(-2)),
        ("reorder", Reorder((8, 7, 6, 5, 4, 3, 2, 1, 0))),
    ]:
        select(page, *getattr(edit, "seconds", ()))
        press(page, name)
        done.append(edit)
        assert figures(page, "after") == pytest.approx(engine(done)[1], abs=1e-3), name
        assert page.locator(".lab-list li").count() == len(done)
    assert page.locator(".lab-tile").count() == 9
    assert "undefined" not in page.inner_text("#lab")
    assert "NaN" not in page.inner_text("#lab")


def heights(page: Page, when: str) -> list[str]:
    """Of the bars of a target, each with its direction."""
    bars = page.locator(f".lab-lane[data-target=arousal] .is-{when} i")
    return bars.evaluate_all("bars => bars.map(bar => bar.className + ' ' + bar.style.height)")


def test_lanes_show_each_second_before_and_after_on_one_axis(page: Page) -> None:
    before = heights(page, "before")
    assert len(before) == 10
    assert heights(page, "after") == before  # no edit
    tallest = max(float(height.split()[1].rstrip("%")) for height in before)
    assert tallest == 50  # % of the lane, from its middle: the scale is that of the largest effect
    select(page, 2, 3)
    press(page, "drop")  # the scale is that of both, and may be another one now
    assert [bar.split()[0] for bar in heights(page, "before")] == [bar.split()[0] for bar in before]
    assert len(heights(page, "after")) == 8
    select(page, 1)
    press(page, "mute")
    expect(page.locator(".lab-lane[data-target=arousal] .is-after .is-edited").first).to_have_attribute(
        "title", re.compile("muted")
    )
    seconds = [page.locator(f".lab-lane[data-target=arousal] .is-{when} span").nth(7) for when in ("before", "after")]
    first, second = (one.evaluate("one => one.getBoundingClientRect().x") for one in seconds)
    assert first == pytest.approx(second, abs=0.5)


def test_undo_restores_and_redo_brings_back(page: Page) -> None:
    states = [page.inner_text(".lab-bars")]
    for second, edit in ((3, "mute"), (6, "blank"), (0, "drop")):
        select(page, second)
        press(page, edit)
        states.append(page.inner_text(".lab-bars"))
    assert len(set(states)) == 4
    for state in reversed(states[:-1]):
        answered(page, lambda: page.click("[data-action=undo]"))
        assert page.inner_text(".lab-bars") == state
    assert page.locator("[data-action=undo]").is_disabled()
    for state in states[1:]:
        answered(page, lambda: page.click("[data-action=redo]"))
        assert page.inner_text(".lab-bars") == state
    answered(page, lambda: page.click("[data-action=clear]"))
    assert page.inner_text(".lab-bars") == states[0]
    assert page.locator(".lab-list li").count() == 0


def test_changes_in_the_list_add_up_to_the_change_shown(page: Page) -> None:
    for second, edit in ((2, "mute"), (7, "blank")):
        select(page, second)
        press(page, edit)

    def numbers(text: str) -> list[float]:
        return [float(n.replace("−", "-").replace("±", "")) for n in SIGNED.findall(text)]

    changes = np.array([numbers(item) for item in page.locator(".lab-list li span").all_inner_texts()])
    shown = [numbers(text)[0] for text in page.locator(".lab-target h3 em").all_inner_texts()]
    assert changes.sum(0) == pytest.approx(shown, abs=2e-3)


def test_seconds_are_selected_by_keyboard_and_by_range(page: Page) -> None:
    page.click("[data-pick=none]")
    tile = page.locator(".lab-tile[tabindex='0']")
    assert tile.count() == 1
    tile.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert [t.get_attribute("aria-pressed") for t in page.locator(".lab-tile").all()][:4] == ["true"] * 3 + ["false"]
    page.click("[data-pick=none]")
    page.locator(".lab-tile").nth(2).click()
    page.locator(".lab-tile").nth(5).click(modifiers=["Shift"])
    expect(page.locator(".lab-count")).to_have_text("4 of 10 selected")
    page.locator("[data-edit=mute]").focus()
    answered(page, lambda: page.keyboard.press("Enter"))
    expect(page.locator(".lab-list li")).to_contain_text("mute 2–6 s")


def test_seconds_are_selected_by_dragging_the_mouse(page: Page) -> None:
    page.click("[data-pick=none]")

    def drag(*way: int) -> None:
        """Presses on the first second, passes the others, and lets go on the last."""
        for i, second in enumerate(way):
            page.locator(".lab-tile").nth(second).hover()
            if i == 0:
                page.mouse.down()
        page.mouse.up()

    def picked() -> list[int]:
        return [i for i, t in enumerate(page.locator(".lab-tile").all()) if t.get_attribute("aria-pressed") == "true"]

    drag(2, 5)
    assert picked() == [2, 3, 4, 5]
    drag(8, 9, 7)  # back again: what it no longer passes is given up
    assert picked() == [2, 3, 4, 5, 7, 8]
    drag(0, 1, 0)  # the click that ends it does not undo it
    assert picked() == [0, 2, 3, 4, 5, 7, 8]
    page.keyboard.press("Space")  # nor is a key taken for it
    assert picked() == [2, 3, 4, 5, 7, 8]
    page.locator(".lab-tile").nth(9).hover()  # no button is pressed
    assert picked() == [2, 3, 4, 5, 7, 8]
    answered(page, lambda: page.click("[data-edit=mute]"))
    expect(page.locator(".lab-list li")).to_contain_text("mute 2–6 s, 7–9 s")


def test_second_shown_in_inspect_is_selected_and_edits_outlive_a_change_of_tab(
    app: App, new_page: NewPage, clip: Path
) -> None:
    page = new_page(app.url)
    upload(page, clip)
    explain(page)
    page.get_by_role("button", name="4–5 s", exact=True).click()
    page.wait_for_function("document.querySelector('.s2s').dataset.selected === '4'")
    open_lab(page)
    assert page.locator(".lab-tile").nth(4).get_attribute("aria-pressed") == "true"
    press(page, "blank")
    page.get_by_role("tab", name="Inspect").click()
    answered(page, lambda: page.get_by_role("tab", name="Lab").click())
    expect(page.locator(".lab-list li")).to_have_text(re.compile("blank 4–5 s"))


def test_impossible_edits_say_why(page: Page) -> None:
    page.click("[data-pick=all]")
    press(page, "drop")
    expect(page.locator(".lab-refusal")).to_contain_text("at least one")
    page.select_option(".lab-order", "own")
    page.fill(".lab-typed", "3, 1")
    press(page, "reorder")
    expect(page.locator(".lab-refusal")).to_contain_text("each of the 10 seconds once")
    page.click("[data-pick=none]")
    assert page.locator("[data-edit=mute]").is_disabled()
    select(page, 0)
    press(page, "mute")
    expect(page.locator(".lab-refusal")).to_be_hidden()


def test_removed_seconds_change_the_prediction_but_cannot_be_rendered(page: Page) -> None:
    before = figures(page, "after")
    select(page, 6)
    press(page, "remove")
    assert figures(page, "after") != before
    assert page.locator("#lab-render").is_disabled()
    answered(page, lambda: page.click("[data-action=undo]"))
    assert page.locator("#lab-render").is_enabled()


def why(page: Page) -> None:
    answered(page, lambda: page.click("[data-action=why]"))


def test_why_it_changed_names_the_edited_second_and_its_figures_sum_to_the_change(page: Page) -> None:
    assert page.locator("[data-action=why]").is_disabled()
    select(page, 6)
    press(page, "mute")
    select(page, 3)
    press(page, "blank")
    page.locator("[data-action=why]").focus()
    answered(page, lambda: page.keyboard.press("Enter"))
    assert page.evaluate("document.activeElement.dataset.action") == "why", "the keyboard stays where it was"
    sentence = page.locator(".lab-why-target[data-target=arousal] p").inner_text()
    before, after = figures(page, "before")[0], figures(page, "after")[0]
    assert f"from {before:.3f} to {after:.3f}" in sentence
    assert "the sound of 6–7 s" in sentence
    assert "the picture of 3–4 s" in sentence
    page.locator(".lab-why-more summary").click()
    rows = [row.split("\t") for row in page.locator(".lab-why-table tr").all_inner_texts()]
    assert rows[0][:4] == ["second", "arousal: sound", "arousal: picture", "arousal: both"]
    assert rows[7][0] == "6–7 s"
    assert rows[1][1:4] == ["same"] * 3
    assert rows[7][2] == "same"
    assert number(rows[7][1]) + number(rows[4][2]) == pytest.approx(after - before, abs=2.1e-3)
    assert number(rows[-1][3]) == pytest.approx(after - before, abs=1.1e-3)
    bars = page.locator(".lab-why-target[data-target=arousal] .lab-why-bars > div")
    assert bars.count() == 10
    heights = [bars.nth(i).locator("i.is-sound").bounding_box()["height"] for i in range(10)]
    assert [i for i, height in enumerate(heights) if height > 1] == [6]
    page.select_option(".lab-why-from", "1")  # what the second edit alone did
    why(page)
    assert "picture of 3–4 s" in page.locator(".lab-why-target[data-target=arousal] p").inner_text()
    assert "sound" not in page.locator(".lab-why-target[data-target=arousal] p").inner_text()
    press(page, "mute")
    expect(page.locator(".lab-why-target")).to_have_count(0)  # it was of another version


def test_why_between_two_parts_and_what_has_no_answer(page: Page) -> None:
    page.select_option(".lab-why-of", "parts")
    assert page.locator(".lab-why-second").input_value() == "5"
    why(page)
    expect(page.locator(".lab-why-target")).to_have_count(2)
    assert page.locator(".lab-why-target").first.locator(".lab-why-bars > div").count() == 5
    page.fill(".lab-why-second", "8")
    why(page)
    expect(page.locator(".lab-why-answer")).to_contain_text("do not lie in the edited clip, which has 10 s")
    page.fill(".lab-why-second", "0")
    assert page.locator("[data-action=why]").is_disabled()
    page.select_option(".lab-why-of", "versions")
    select(page, 0)
    press(page, "drop")
    why(page)
    expect(page.locator(".lab-why-answer")).to_contain_text("no second was dropped")
    expect(page.locator(".lab-why-more")).to_be_hidden()


def test_soundtrack_of_a_file_of_ones_own(page: Page, tmp_path: Path, engine: Callable[..., tuple]) -> None:
    mine = make_clip(tmp_path / "my tune.mp4", 4, sound="tone")
    answered(page, lambda: take(page, mine))
    expect(page.locator(".lab-list li")).to_contain_text("soundtrack of my tune.mp4")
    assert figures(page, "after") == pytest.approx(engine([Soundtrack(str(mine))])[1], abs=1e-3)
    silent = make_clip(tmp_path / "silent.mp4", 2, sound=None)
    answered(page, lambda: take(page, silent))
    expect(page.locator(".lab-refusal")).to_contain_text("no sound to take")


def test_edited_clip_is_rendered_and_plays(page: Page) -> None:
    select(page, 0, 1)
    press(page, "blank")
    press(page, "drop")
    page.click("#lab-render")
    expect(page.locator("#lab-player [data-testid=block-label]")).to_contain_text("The edited clip", timeout=60_000)
    page.wait_for_function("document.querySelector('#lab-player video')?.duration < 9")
    page.wait_for_function("document.querySelector('#lab-player video')?.readyState >= 3")
    video = "document.querySelector('#lab-player video')"
    assert page.evaluate(f"{video}.duration") == pytest.approx(8, abs=0.1)
    page.evaluate(f"{video}.muted = true, {video}.play()")
    page.wait_for_function(f"{video}.currentTime > 1")
    expect(page.locator("#lab-stop")).to_be_hidden()


def test_the_player_shows_the_clip_until_it_is_rendered_and_again_after_another_edit(page: Page) -> None:
    label = page.locator("#lab-player [data-testid=block-label]")
    expect(label).to_contain_text("The clip before the edits")
    video = "document.querySelector('#lab-player video')"
    page.wait_for_function(f"{video}?.readyState >= 3")
    assert page.evaluate(f"{video}.duration") == pytest.approx(10, abs=0.1)
    select(page, 0, 1)
    press(page, "drop")
    page.click("#lab-render")
    expect(label).to_contain_text("The edited clip", timeout=60_000)
    page.wait_for_function(f"Math.abs({video}?.duration - 8) < 0.1")
    answered(page, lambda: page.click("[data-action=undo]"))
    expect(label).to_contain_text("The clip before the edits")
    page.wait_for_function(f"Math.abs({video}?.duration - 10) < 0.1")


def test_a_lab_that_is_open_learns_of_an_explanation_when_it_is_ready(app: App, new_page: NewPage, clip: Path) -> None:
    page = new_page(app.url)
    upload(page, clip)
    page.locator("#explain:enabled").click()
    page.get_by_role("tab", name="Lab").click()
    page.wait_for_selector(f".lab[data-clip='{clip.name}']", timeout=120_000)
    expect(page.locator(".lab-tile")).to_have_count(10)


def test_no_two_landmarks_are_called_alike_and_no_level_of_headings_is_left_out(page: Page) -> None:
    names = page.evaluate(
        """[...document.querySelectorAll('.lab section, .lab [role=region]')].map(section =>
          section.getAttribute('aria-label')
          || document.getElementById(section.getAttribute('aria-labelledby')).textContent)"""
    )
    assert len(names) == len(set(names))
    levels = page.evaluate(
        """[...document.querySelectorAll('h1, h2, h3, h4')].filter(h => h.offsetParent).map(h => +h.tagName[1])"""
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_lab_fits_a_phone_and_has_enough_contrast(app: App, new_page: NewPage, clip: Path, dark: bool) -> None:
    page = new_page(app.url, width=360, height=740, dark=dark)
    upload(page, clip)
    explain(page)
    open_lab(page)
    select(page, 1)
    press(page, "mute")
    why(page)
    page.locator(".lab-why-more summary").click()
    page.locator(".lab-more summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(CONTRAST) == []
