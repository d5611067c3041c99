"""The Compare tab as a person uses it: several models on one clip, two clips in step."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sec2sec.clip import explain as explain_clip
from sec2sec.explanations import Explanation
from tests.browser.driver import ROOT, App, explain, open_drawer, open_more_lanes, open_tab, upload
from tests.helpers.clips import make_clip
from tests.helpers.models import save_tiny

NewPage = Callable[..., Page]
PLAYERS = ("compare-player-a", "compare-player-b")


@pytest.fixture(scope="module")
def models(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, a random model of its targets, and one that shares a single target and has no attention."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(checkpoints / "demo", folder / "demo")
    save_tiny(folder / "tiny")
    save_tiny(folder / "partial", attention="audio", temporal="lstm", targets=("arousal", "calm"))
    return folder


@pytest.fixture(scope="module")
def app(models: Path) -> Iterator[App]:
    with App("--checkpoints", str(models)) as app:
        yield app


def choose(page: Page, label: str, name: str) -> None:
    box = page.get_by_role("combobox", name=label, exact=True)
    box.click()
    page.get_by_role("option", name=name, exact=True).click()


def tile(page: Page, name: str) -> None:
    """Pick an example, and wait until the app has looked at it."""
    page.locator(".compare .tiles button", has_text=name).click()
    expect(page.locator("#compare-status")).to_contain_text(name.replace(" ", "-"))


def two_clips(page: Page, first: str, second: str) -> None:
    """Choose A, which stays when the tab turns to two clips, then B."""
    tile(page, first)
    page.get_by_label("Two clips, one model").check()
    expect(page.locator("#compare-status")).to_contain_text("Now pick the other")
    tile(page, second)


def compare(page: Page) -> None:
    page.locator("#compare:enabled").wait_for()
    page.evaluate("document.querySelector('#compare-status .status').textContent = ''")  # what an earlier one said
    page.click("#compare")
    expect(page.locator("#compare-status")).to_contain_text("Compared in", timeout=120_000)
    page.wait_for_selector("#view-a .s2s[data-ready=true]", timeout=120_000)
    page.wait_for_selector("#compare-stop", state="hidden")
    page.wait_for_function(f"document.querySelector('#{PLAYERS[0]} video')?.readyState >= 3")


def time_of(page: Page, player: str = PLAYERS[0]) -> float:
    return float(page.evaluate(f"document.querySelector('#{player} video').currentTime"))


def current(page: Page, view: str, second: int) -> None:
    page.wait_for_function(f"document.querySelector('#{view} .s2s').dataset.current === '{second}'")


def ranked(page: Page) -> list[int]:
    """Seconds in the order of the table."""
    return [int(s or 0) for s in page.locator(".cmp-differ tbody tr").evaluate_all("r => r.map(x => x.dataset.second)")]


@pytest.fixture
def page(app: App, new_page: NewPage) -> Page:
    """A visitor who has compared the demo and the random model on a film."""
    page = new_page(app.url)
    open_tab(page, "Compare")
    choose(page, "Model B", "tiny")
    tile(page, "sintel flight")
    compare(page)
    return page


@pytest.fixture
def two(app: App, new_page: NewPage) -> Page:
    """A visitor who has compared two films, of 10 and 9 s."""
    page = new_page(app.url)
    open_tab(page, "Compare")
    two_clips(page, "sintel flight", "sintel snow")
    compare(page)
    page.wait_for_selector("#view-b .s2s[data-ready=true]")
    page.wait_for_function(f"document.querySelector('#{PLAYERS[1]} video')?.readyState >= 3")
    return page


@pytest.fixture(scope="module")
def alone(models: Path) -> list[Explanation]:
    """What the library says of the same clip, a model at a time."""
    from sec2sec.checkpoints import load_checkpoint

    clip = ROOT / "assets" / "clips" / "sintel-flight.mp4"
    return [explain_clip(clip, load_checkpoint(models / name, "cpu")) for name in ("demo", "tiny")]


def test_predictions_lanes_and_ranking_are_those_of_the_library(page: Page, alone: list[Explanation]) -> None:
    table = page.locator("#compare-predictions")
    for explanation in alone:
        expect(table).to_contain_text(explanation.checkpoint.trained_on)
        for name in ("arousal", "valence"):
            expect(table).to_contain_text(f"{explanation.targets[name].prediction:.2f}")
    assert page.locator("#view-a .s2s-name").all_inner_texts()[1:3] == ["arousal · A", "arousal · B"]
    open_more_lanes(page, "#view-a")
    titles = page.locator("#view-a .s2s-fold b").all_text_contents()
    for lane in ("arousal · A · attention", "arousal · B · attention", "valence · A · measured effect"):
        assert any(title.startswith(lane) for title in titles), titles
    for name in ("arousal", "valence"):
        page.get_by_label("Target").select_option(label=name)
        first, second = (e.targets[name].effect for e in alone)
        shown = page.locator(".cmp-differ tbody .cmp-d").all_inner_texts()
        figures = [float(text.replace("−", "-")) for text in shown]
        assert figures == pytest.approx([second[t] - first[t] for t in ranked(page)], abs=2e-3)
        sizes = [abs(value) for value in figures]
        assert all(a >= b - 1e-9 for a, b in itertools.pairwise(sizes))
        assert sorted(ranked(page)) == list(range(10))
    expect(page.locator(".cmp-agree")).to_contain_text("ρ = ")
    assert "synchrony" not in page.inner_text("body")
    assert "NaN" not in page.inner_text("body")


def test_a_lane_that_random_weights_give_as_well_points_to_the_verdict(page: Page) -> None:
    tile(page, "sintel dialogue")
    compare(page)
    open_more_lanes(page, "#view-a")
    lane = page.locator("#view-a .s2s-fold", has_text="valence · A · attention")
    expect(lane).to_contain_text("⚠ see the verdict")  # the demo's, on this film
    expect(page.locator("#view-a .s2s-sanity")).to_be_hidden()  # whose columns would be of one model alone
    expect(page.get_by_role("heading", name="Inside the selected second")).to_be_hidden()


def test_one_playhead_moves_through_the_lanes_of_both_models(page: Page) -> None:
    assert page.locator("#view-a .s2s-playhead").count() == 1
    lanes, head = (
        page.locator("#view-a .s2s-chart").bounding_box(),
        page.locator("#view-a .s2s-playhead").bounding_box(),
    )
    assert lanes is not None
    assert head is not None
    assert head["height"] >= lanes["height"] - 60  # over every lane, down to the axis
    page.evaluate(f"document.querySelector('#{PLAYERS[0]} video').play()")
    current(page, "view-a", 2)
    moved = page.locator("#view-a .s2s-playhead").bounding_box()
    assert moved is not None
    assert moved["x"] > head["x"] + 20
    expect(page.locator(".cmp-differ tr[aria-current=true]")).to_have_count(1)


def test_ranked_seconds_seek_by_mouse_and_keyboard(page: Page) -> None:
    order = ranked(page)
    page.locator(".cmp-differ tbody tr").nth(1).click()
    current(page, "view-a", order[1])
    assert time_of(page) == pytest.approx(order[1], abs=0.1)
    page.locator(".cmp-go").first.focus()
    page.keyboard.press("Enter")
    current(page, "view-a", order[0])
    expect(page.locator(".cmp-differ tr[aria-current=true]")).to_have_attribute("data-second", str(order[0]))
    page.get_by_role("slider", name="Second of the clip").focus()
    page.keyboard.press("End")
    current(page, "view-a", 9)
    expect(page.locator(".cmp-differ tr[aria-current=true]")).to_have_attribute("data-second", "9")


def test_swap_turns_the_difference_around_and_the_pin_goes_along(page: Page) -> None:
    before = page.locator(".cmp-differ tbody .cmp-d").all_inner_texts()
    assert page.get_by_role("radio", name="A", exact=True).is_checked()
    page.get_by_role("button", name="Swap A and B").click()
    expect(page.locator("#compare-predictions thead")).to_contain_text(re.compile("A tiny.*B demo", re.DOTALL))
    expect(page.get_by_role("radio", name="B", exact=True)).to_be_checked()
    turned = {"+": "−", "−": "+"}
    expect(page.locator(".cmp-differ tbody .cmp-d").first).to_have_text(turned[before[0][0]] + before[0][1:])
    expect(page.get_by_role("combobox", name="Model B", exact=True)).to_be_disabled()
    expect(page.get_by_role("combobox", name="Model A", exact=True)).to_be_enabled()


def test_pinned_model_stays_while_the_other_changes_and_what_is_not_shared_is_told(page: Page) -> None:
    expect(page.get_by_role("combobox", name="Model A", exact=True)).to_be_disabled()
    choose(page, "Model B", "partial")
    compare(page)
    expect(page.locator("#compare-predictions thead")).to_contain_text(re.compile("A demo.*B partial", re.DOTALL))
    notes = page.locator(".cmp-notes")
    expect(notes).to_contain_text("Compared: arousal.")
    expect(notes).to_contain_text("Not compared: valence, which only A predicts.")
    expect(notes).to_contain_text("Not compared: calm, which only B predicts.")
    expect(page.locator(".cmp-agree")).to_contain_text("B has none")  # no attention over seconds
    assert "synchrony" not in page.inner_text("body")


def test_three_models_share_the_axis(page: Page) -> None:
    page.get_by_role("button", name="More models").click()
    box = page.locator("#model-more input")
    box.click()
    page.get_by_role("option", name="partial", exact=True).click()
    page.keyboard.press("Escape")
    compare(page)
    names = page.locator("#view-a .s2s-name").all_inner_texts()
    assert "arousal · C" in names, names
    assert page.locator(".cmp-agree tbody tr").count() == 3
    page.get_by_label("Models", exact=True).select_option(index=2)
    expect(page.locator(".cmp-differ thead")).to_contain_text("C − B")


def test_same_model_twice_cannot_be_submitted_and_says_why(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    open_tab(page, "Compare")
    choose(page, "Model B", "demo")
    expect(page.locator("#compare-status")).to_contain_text("A and B are the same model")
    expect(page.locator("#compare")).to_be_disabled()
    choose(page, "Model B", "tiny")
    expect(page.locator("#compare")).to_be_enabled()


@pytest.fixture(scope="module")
def fresh(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app as somebody finds it who has just cloned the project."""
    with App("--checkpoints", str(checkpoints), "--runs", str(tmp_path_factory.mktemp("runs"))) as app:
        yield app


def test_one_press_compares_a_known_clip_through_two_bundled_models_with_their_verdicts(
    fresh: App, new_page: NewPage
) -> None:
    page = new_page(fresh.url)
    open_tab(page, "Compare")
    compare(page)
    table = page.locator("#compare-predictions")
    expect(table.locator("thead")).to_contain_text("demo: uses its attention")
    expect(table.locator("thead")).to_contain_text("attention wrong on purpose")
    arousal = table.locator("tbody tr", has_text="arousal").locator("td")
    expect(arousal.nth(1).locator(".verdict")).to_contain_text("Do not trust.")
    expect(arousal.nth(0).locator(".verdict")).not_to_contain_text("Do not trust.")


def test_either_player_drives_both(two: Page) -> None:
    expect(two.locator(".cmp-notes")).to_contain_text("not defined for two clips")
    expect(two.locator("#compare-predictions thead")).to_contain_text("sintel-snow.mp4")
    for driver, other, second in ((*PLAYERS, 5), (*PLAYERS[::-1], 2)):
        two.evaluate(f"document.querySelector('#{driver} video').currentTime = {second + 0.3}")
        two.wait_for_function(f"Math.abs(document.querySelector('#{other} video').currentTime - {second + 0.3}) < 0.05")
        current(two, "view-a", second)
        current(two, "view-b", second)
    two.evaluate(f"document.querySelector('#{PLAYERS[1]} video').play()")
    two.wait_for_function(f"!document.querySelector('#{PLAYERS[0]} video').paused")
    current(two, "view-a", 4)
    two.evaluate(f"document.querySelector('#{PLAYERS[0]} video').pause()")
    two.wait_for_function(f"document.querySelector('#{PLAYERS[1]} video').paused")
    two.wait_for_timeout(300)
    assert time_of(two, PLAYERS[1]) == pytest.approx(time_of(two), abs=0.2)
    silent = [two.evaluate(f"document.querySelector('#{player} video').muted") for player in PLAYERS]
    assert silent == [True, False]  # the one that was driven is heard


def test_selection_is_one_in_both_views(two: Page) -> None:
    two.locator("#view-b .s2s-thumb").nth(3).click()
    current(two, "view-a", 3)
    two.locator("#view-a .s2s-pin").click()
    expect(two.locator("#view-b .s2s-pin")).to_have_attribute("aria-pressed", "true")
    two.locator("#view-b .s2s-thumb").nth(6).click()
    expect(two.locator("#view-a .s2s")).to_have_attribute("data-selected", "6")
    two.locator("#view-b .s2s-pin").click()
    expect(two.locator("#view-a .s2s-pin")).to_have_attribute("aria-pressed", "false")


def test_keyboard_plays_both_once(two: Page) -> None:
    two.locator("#view-b .s2s-scrub").focus()
    two.keyboard.press("Home")
    two.keyboard.press("ArrowRight")
    current(two, "view-a", 1)
    current(two, "view-b", 1)
    two.evaluate("document.activeElement.blur()")
    two.keyboard.press("Space")  # both views hear it: one answers
    for player in PLAYERS:
        two.wait_for_function(f"!document.querySelector('#{player} video').paused")
    two.keyboard.press("Space")
    for player in PLAYERS:
        two.wait_for_function(f"document.querySelector('#{player} video').paused")


def test_longer_clip_plays_on_when_the_other_has_ended(two: Page) -> None:
    two.evaluate(f"document.querySelector('#{PLAYERS[0]} video').currentTime = 8.2")
    current(two, "view-b", 8)
    two.evaluate(f"document.querySelector('#{PLAYERS[0]} video').play()")
    two.wait_for_function(f"document.querySelector('#{PLAYERS[0]} video').currentTime > 9.5")


def test_pinned_clip_stays_while_the_other_changes(two: Page) -> None:
    tile(two, "sintel dialogue")
    expect(two.locator("#compare-status")).to_contain_text("A: sintel-flight")
    expect(two.locator("#compare-status")).to_contain_text("B: sintel-dialogue")
    compare(two)
    expect(two.locator("#compare-predictions thead")).to_contain_text("sintel-dialogue.mp4")
    two.get_by_role("button", name="Swap A and B").click()
    expect(two.locator("#compare-predictions thead")).to_contain_text(
        re.compile("A sintel-dialogue.*B sintel-flight", re.DOTALL)
    )


def test_clip_of_another_format_is_converted_and_short_clips_say_so(
    app: App, new_page: NewPage, tmp_path: Path
) -> None:
    page = new_page(app.url)
    open_tab(page, "Compare")
    choose(page, "Model B", "tiny")
    clip = make_clip(tmp_path / "short.mkv", 3, video_codec="libx265")
    page.set_input_files("#compare-upload input[type=file]", str(clip))
    expect(page.locator("#compare-status")).to_contain_text("short.mkv")
    compare(page)
    expect(page.locator(".cmp-agree")).to_contain_text("too short to judge")


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (360, False), (360, True)])
@pytest.mark.parametrize("mode", ["models", "clips"])
def test_nothing_overflows(app: App, new_page: NewPage, width: int, dark: bool, mode: str) -> None:
    page = new_page(app.url, width=width, dark=dark)
    open_tab(page, "Compare")
    if mode == "clips":
        two_clips(page, "sintel snow", "sintel flight")
    else:
        choose(page, "Model B", "tiny")
        tile(page, "sintel flight")
    compare(page)
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = "document.querySelector('#compare-predictions .scroll')"
    assert page.evaluate(f"{cut}.scrollHeight - {cut}.clientHeight") <= 1, "no row of the predictions is cut off"


def test_what_inspect_explained_is_not_computed_again_and_the_other_way_round(
    app: App, new_page: NewPage, tmp_path: Path
) -> None:
    page, clip = new_page(app.url), make_clip(tmp_path / "own.mp4", 4)
    open_tab(page, "Compare")
    page.set_input_files("#compare-upload input[type=file]", str(clip))
    expect(page.locator("#compare-status")).to_contain_text("own.mp4")
    page.click("#compare")
    expect(page.locator("#compare-status")).to_contain_text("on the CPU", timeout=60_000)
    open_tab(page, "Inspect")
    upload(page, clip)
    explain(page)  # by the demo, which was side A
    expect(page.locator("#status")).to_contain_text("Explained before")
    open_tab(page, "Lab")  # it needs what only a whole explanation has
    page.wait_for_selector(".lab[data-serial]")
    other = new_page(app.url)
    upload(other, clip)
    choose_model(other, "tiny")
    explain(other)
    expect(other.locator("#status")).to_contain_text("Explained 4 s in")  # nobody else's
    choose_model(other, "demo")
    explain(other)
    expect(other.locator("#predictions")).to_contain_text("Model demo")
    open_tab(other, "Compare")
    other.set_input_files("#compare-upload input[type=file]", str(clip))
    expect(other.locator("#compare-status")).to_contain_text("own.mp4")
    choose(other, "Model B", "tiny")
    other.click("#compare")
    expect(other.locator("#compare-status")).to_contain_text("all of it was explained before", timeout=60_000)


def choose_model(page: Page, name: str) -> None:
    """In Inspect."""
    open_drawer(page, "inputs")
    choose(page, "Model", name)
