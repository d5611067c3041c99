"""Occlusion of single places in the Inspect tab: what it shows, when it asks, and what it says when it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import sec2sec
from sec2sec.clip import encode
from sec2sec.explanations.places import PlaceEffects
from tests.browser.driver import App, explain, open_drawer, show_maps, upload

NewPage = Callable[..., Page]
CHANGE = re.compile(r"changes the prediction by ([±+−])(\d\.\d{4})$")


def show(page: Page, target: str) -> None:
    page.locator(".s2s-co").scroll_into_view_if_needed()
    show_maps(page)
    page.get_by_label("The two pictures show").select_option(label=f"occlusion for {target} (measured effect)")


def go_to(page: Page, second: int) -> None:
    if second == 0:
        page.locator("#view .s2s-scrub").press("Home")  # on a narrow page a still stands for several seconds
    else:
        page.locator(".s2s-thumb").nth(second).click()
    page.locator(".s2s-co").scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelector('.s2s-co').dataset.second === '{second}'")


def measured(page: Page, second: int, target: str) -> None:
    page.locator(".s2s-co").scroll_into_view_if_needed()  # places are asked for in sight alone
    page.wait_for_function(f"document.querySelector('.s2s-co').dataset.places === '{second} {target}'")


def figures(page: Page, label: str) -> list[float]:
    found = []
    for cell in page.locator(f"[aria-label='{label}'] .s2s-cell").all():
        sign, size = CHANGE.search(cell.get_attribute("aria-label") or "").groups()  # type: ignore[union-attr]
        found.append(-float(size) if sign == "−" else float(size))
    return found


def asked(page: Page) -> list[str]:
    """Questions of a view to the server from now on."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if "component_server" in request.url else None)
    return found


@pytest.fixture(scope="module")
def effects(checkpoints: Path, clip: Path) -> tuple[list[PlaceEffects], list[str]]:
    found = encode(clip, sec2sec.load(checkpoints / "demo", "cpu"))
    return [found.places(second) for second in range(found.info.seconds)], list(found.targets)


def test_overlay_is_place_effects(
    app: App, new_page: NewPage, clip: Path, effects: tuple[list[PlaceEffects], list[str]]
) -> None:
    page = new_page(app.url)
    upload(page, clip)
    explain(page)
    all_effects, targets = effects
    for second, target in ((6, "arousal"), (6, "valence"), (5, "valence")):
        go_to(page, second)
        show(page, target)
        measured(page, second, target)
        expected, k = all_effects[second], targets.index(target)
        video = expected.video[:, k].reshape(8, 9).numpy()
        audio = expected.audio[:, k].reshape(4, 8).numpy()
        assert figures(page, "Place in the picture") == pytest.approx(video.sum(0), abs=1e-4)
        sounds = figures(page, "Moment and texture of the sound")
        assert sounds == pytest.approx(audio[::-1].ravel(), abs=1e-4)  # the lowest coefficients lie at the bottom
        page.get_by_label("Picture at").select_option(label="375–500 ms")
        assert figures(page, "Place in the picture") == pytest.approx(video[3], abs=1e-4)
        page.get_by_label("Picture at").select_option(label="any moment")
        signs = page.locator("[aria-label='Moment and texture of the sound'] .s2s-cell").all_inner_texts()
        if np.abs(sounds).max() >= 0.001:
            assert all(
                text.startswith("−" if v < 0 else "+") for text, v in zip(signs, sounds, strict=True) if text.strip("0")
            )
    expect(page.locator(".s2s-over figcaption").first).to_contain_text("for valence, occlusion")
    expect(page.locator(".s2s-over .s2s-scale").first).to_contain_text("− lowers, + raises the prediction of valence")


def test_each_second_is_asked_for_once_and_never_during_playback(
    synthetic: Callable[..., App], new_page: NewPage
) -> None:
    page = new_page(synthetic().url)
    explain(page, example=0)
    show_maps(page)
    go_to(page, 0)
    page.wait_for_function("document.querySelector('#player video')?.readyState === 4")
    show(page, "arousal")
    measured(page, 0, "arousal")
    requests = asked(page)
    show(page, "valence")  # the answer held every target
    measured(page, 0, "valence")
    go_to(page, 1)
    measured(page, 1, "valence")
    go_to(page, 0)
    measured(page, 0, "valence")
    assert len(requests) == 1
    page.evaluate("document.querySelector('#player video').play()")
    page.wait_for_function("document.querySelector('.s2s-co').dataset.second === '3'")
    said = page.locator(".s2s-over .s2s-verdict").first
    expect(said).to_contain_text("Not measured yet")
    assert len(requests) == 1
    page.evaluate("document.querySelector('#player video').pause()")
    expect(said).to_contain_text("Strongest")
    assert len(requests) == 2
    page.evaluate("document.querySelector('#player video').play()")
    page.wait_for_timeout(400)
    page.locator(".s2s-pin").click()  # a second that is asked for by name
    second = page.get_attribute(".s2s", "data-selected")
    measured(page, int(second or -1), "valence")


def test_places_are_chosen_by_keyboard_and_read_as_a_table(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic().url, width=360, height=740)
    explain(page, example=0)
    show_maps(page)
    go_to(page, 0)
    show(page, "arousal")
    measured(page, 0, "arousal")
    page.get_by_role("radio", name="row 2, column 2").focus()
    page.keyboard.press("ArrowRight")
    chosen = figures(page, "Place in the picture")[5]
    said = page.locator(".s2s-over .s2s-verdict").first.inner_text()
    assert f"Chosen: row 2, column 3, {'−' if chosen < 0 else '+'}{abs(chosen):.4f}" in said
    page.locator(".s2s-over summary").first.click()
    expect(page.locator(".s2s-over table tbody td")).to_have_count(9)
    cells = page.locator(".s2s-over table tbody td").all_inner_texts()
    assert [float(text.replace("−", "-").replace("±", "")) for text in cells] == figures(page, "Place in the picture")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_second_that_changes_nothing_says_so(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(dull=True).url)
    explain(page, example=0)
    show_maps(page)
    go_to(page, 0)
    show(page, "arousal")
    measured(page, 0, "arousal")
    for said in page.locator(".s2s-over .s2s-verdict").all():
        expect(said).to_contain_text("Nothing here changes the prediction by 0.001 or more")
    assert page.locator(".s2s-scale:visible").count() == 0


def test_without_maps_the_picture_alone_is_measured(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(has_audio=False, absent="There is no sound.").url)
    explain(page, example=0)
    show_maps(page)
    go_to(page, 0)
    expect(page.locator(".s2s-co")).to_contain_text("There is no sound.")
    requests = asked(page)
    page.locator(".s2s-co").scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    assert requests == []  # on demand
    show(page, "valence")
    measured(page, 0, "valence")
    expect(page.locator(".s2s-over")).to_have_count(2)
    expect(page.locator(".s2s-over").nth(1)).to_be_hidden()
    expect(page.locator(".s2s-over").first).to_contain_text("Strongest: row")


def test_expired_clip_says_what_to_do(checkpoints: Path, clip: Path, new_page: NewPage) -> None:
    with App("--checkpoints", str(checkpoints), "--examples", str(clip.parent), "--delete-after", "4") as app:
        first, second = new_page(app.url), new_page(app.url)
        for page in (first, second):
            explain(page, example=0)
        show_maps(first)
        second.wait_for_timeout(6000)
        show(first, "arousal")
        expect(first.locator(".s2s-over .s2s-verdict").first).to_contain_text("explain it again")
        first.locator("#stability").click()
        open_drawer(second, "downloads")
        second.locator("#json").click()
        for page, line in ((first, "#status"), (second, "#downloads-status")):
            expect(page.locator(f"{line} [role=alert]")).to_contain_text("explain it again")
            page.close()
