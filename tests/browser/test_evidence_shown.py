"""What the screen says of an explanation's truth: made-up evidence whose every figure is known, then a real clip."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sec2sec.datasets.known_truth import make_clips
from sec2sec.explanations.sentences import answer
from tests.browser.driver import App, explain, open_drawer, open_more_lanes, play
from tests.helpers import synthetic as made_up

NewPage = Callable[..., Page]
SECONDS = 9  # of the first example, which lends the made-up explanation its player


@pytest.fixture
def page(synthetic: Callable[..., App], new_page: NewPage) -> Page:
    page = new_page(synthetic(stable=True).url)
    explain(page, example=0)
    open_more_lanes(page)
    return page


def button(page: Page, key: str):
    return page.locator(f'.s2s-fold[data-key="{key}"]')


def drawn(page: Page, part: str, target: int = 0) -> list[float | None]:
    """y of the n-th open effect lane's traces of one kind."""
    return page.evaluate(
        """([part, target]) => document.querySelector('.s2s-plot').data.filter(t => t.meta?.part === part)[target].y""",
        [part, target],
    )  # type: ignore[no-any-return]


def whole(page: Page, target: int = 0) -> list[float]:
    ups, downs = drawn(page, "raises", target), drawn(page, "lowers", target)
    return [u if u is not None else d for u, d in zip(ups, downs, strict=True)]  # type: ignore[misc]


def known():
    made = made_up.explanation(seconds=SECONDS, stable=True)
    return made.targets["arousal"], made


def test_effect_is_shown_under_the_chosen_reference(page: Page) -> None:
    found, _ = known()
    for effects in found.effects:
        page.get_by_label("Reference that replaces a second").select_option(label=effects.reference)
        page.wait_for_function(
            """y => {
              const trace = document.querySelector('.s2s-plot').data.find(t => t.name === 'sound alone');
              return Math.abs(trace.y[1] - y) < 1e-6;
            }""",
            arg=float(effects.audio[1]),
        )
        assert whole(page) == pytest.approx(effects.whole, abs=1e-6)
        assert drawn(page, "video") == pytest.approx(effects.video, abs=1e-6)
        assert drawn(page, "interaction") == pytest.approx(effects.interaction, abs=1e-6)


def test_legend_chooses_what_is_drawn_and_the_browser_remembers(page: Page) -> None:
    def visible(part: str) -> bool:
        return page.evaluate(
            "part => document.querySelector('.s2s-plot').data.find(t => t.meta?.part === part).visible !== false", part
        )  # type: ignore[no-any-return]

    assert [visible(part) for part in ("audio", "video", "interaction", "whisker")] == [True, True, False, True]
    page.get_by_label("interaction: beyond sound and picture").check()
    page.get_by_label("range over the references").uncheck()
    page.wait_for_function(
        "document.querySelector('.s2s-plot').data.find(t => t.meta?.part === 'whisker').visible === false"
    )
    assert visible("interaction")
    page.reload()
    explain(page, example=0)
    page.wait_for_selector(".s2s[data-lanes=drawn]")  # that they are open is remembered
    assert [visible(part) for part in ("interaction", "whisker")] == [True, False]


def test_lanes_fold_by_keyboard_and_are_drawn_only_when_open(page: Page) -> None:
    def lanes_drawn() -> int:
        return page.evaluate(
            "Object.keys(document.querySelector('.s2s-plot').layout).filter(k => k.startsWith('yaxis')).length"
        )  # type: ignore[no-any-return]

    assert lanes_drawn() == 4  # attention and effect of two targets
    cues = button(page, "group cues")
    expect(cues).to_have_attribute("aria-expanded", "false")
    expect(cues).to_contain_text("correlated with an effect here: loudness, brightness")  # before anybody opens it
    expect(button(page, "cue loudness")).to_have_count(0)
    cues.focus()
    page.keyboard.press("Enter")
    expect(cues).to_have_attribute("aria-expanded", "true")
    expect(button(page, "cue loudness")).to_contain_text("dB · correlates with the effect on arousal (ρ = 0.91)")
    assert lanes_drawn() == 11
    expect(cues).to_be_focused()  # folding must not throw a keyboard user out
    button(page, "attention arousal").press("Space")
    expect(button(page, "attention arousal")).to_have_attribute("aria-expanded", "false")
    assert lanes_drawn() == 10
    button(page, "group more").click()
    assert lanes_drawn() == 10  # each of them is folded until asked for
    button(page, "tug arousal").click()
    page.wait_for_function("document.querySelector('.s2s-plot').data.some(t => t.name === 'conflict')")
    page.reload()
    explain(page, example=0)
    page.wait_for_selector(".s2s[data-lanes=drawn]")  # that they are open is remembered
    expect(button(page, "tug arousal")).to_have_attribute("aria-expanded", "true")
    expect(button(page, "attention arousal")).to_have_attribute("aria-expanded", "false")


def test_every_lane_has_axis_and_title_and_lies_where_its_heading_says(page: Page) -> None:
    for key in ("group cues", "group more"):
        button(page, key).click()
        expect(button(page, key)).to_have_attribute("aria-expanded", "true")
    for key in page.locator(".s2s-fold[aria-expanded=false]").evaluate_all("all => all.map(b => b.dataset.key)"):
        button(page, key).click()
        expect(button(page, key)).to_have_attribute("aria-expanded", "true")
    found = page.evaluate(
        """() => {
          const {layout} = document.querySelector('.s2s-plot'), inner = layout.height - 40;
          const axes = Object.keys(layout).filter(k => k.startsWith('yaxis'))
            .map(k => [layout[k].title.text, inner * (1 - layout[k].domain[1]), inner * (1 - layout[k].domain[0])]);
          const heads = [...document.querySelectorAll('.s2s-fold:not(.is-group)')]
            .map(b => b.offsetTop + b.offsetHeight);
          return {axes, heads, x: layout.xaxis.title.text};
        }"""
    )
    assert found["x"] == "time, s"
    assert len(found["axes"]) == len(found["heads"]) == 4 + 7 + 10
    bottom = 0.0
    for (title, top, end), head in zip(found["axes"], found["heads"], strict=True):
        assert title
        assert top == pytest.approx(head, abs=1)
        assert bottom < top < end
        bottom = end
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_verdict_follows_its_figures(page: Page) -> None:
    found, _ = known()
    card = page.locator("#predictions .card").first
    expect(card.locator(".verdict")).to_contain_text("✔ Trust.")
    expect(card.locator(".answer")).to_have_text(answer(known()[1], "arousal").reasons)
    expect(page.locator("#predictions .card").nth(1).locator(".verdict")).to_contain_text("◐ Careful.")
    expect(card.locator("svg").first).to_be_hidden()
    card.locator("summary").click()
    for curve, title in ((0, "Deletion"), (1, "Insertion")):
        svg = card.locator("svg").nth(curve)
        expect(svg).to_be_visible()
        expect(svg).to_have_attribute("aria-label", re.compile(title))
    assert found.verdict.deletion is not None
    points = card.locator("svg").first.locator(".own").get_attribute("points") or ""
    assert len(points.split()) == len(found.verdict.deletion.steps)
    expect(card.locator(".keys")).to_contain_text("last seconds first")
    expect(card.locator("table tbody tr")).to_have_count(SECONDS)
    expect(card.locator(".tug")).to_contain_text("Sound +0.21, picture −0.17 ⇅ they pull against each other")
    boxes = [card.locator(f".bars .{name}").bounding_box() for name in ("sound", "picture")]
    line = card.locator(".bars u").bounding_box()
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert line is not None
    assert boxes[0]["x"] == pytest.approx(line["x"], abs=2)  # the sound raises: right of the line
    assert boxes[1]["x"] + boxes[1]["width"] == pytest.approx(line["x"], abs=2)


def test_failed_sanity_check_warns_on_the_map_itself(page: Page) -> None:
    expect(button(page, "attention valence")).to_contain_text("⚠ see the verdict")
    expect(button(page, "attention arousal")).not_to_contain_text("⚠")
    expect(page.locator(".s2s-co .s2s-warning")).to_contain_text(
        "valence: With random weights, the co-attention maps (rank correlation 0.80)"
    )
    page.get_by_text("Figures of the sanity check").click()
    row = page.locator(".s2s-sanity tr", has_text="valence: attention")
    assert row.locator("td").all_inner_texts() == ["0.90", "0.85", "0.80", "0.80"]
    once = page.locator(".s2s-sanity tr", has_text="valence: integrated gradients").locator("td").all_inner_texts()
    assert once[:3] == ["–"] * 3
    assert once[3] != "–"
    table = page.locator(".s2s-sanity .s2s-table")  # of two targets it is seen whole
    assert table.evaluate("box => box.scrollHeight - box.clientHeight") <= 1
    expect(page.locator(".s2s-sanity > p")).to_contain_text("compared once all is random")


def test_unfamiliar_seconds_are_hatched_and_named(page: Page) -> None:
    marks = page.locator(".s2s-hatches i")
    assert marks.evaluate_all("all => all.map(i => [i.dataset.from, i.dataset.to].join())") == ["3,4", "6,7"]
    thumb, mark = page.locator(".s2s-thumb").nth(3).bounding_box(), marks.first.bounding_box()
    assert thumb is not None
    assert mark is not None
    assert mark["x"] == pytest.approx(thumb["x"], abs=2)
    said = page.locator(".s2s-unfamiliar")
    expect(said).to_contain_text("3–4 s: no sound above −60 dB")
    expect(said).to_contain_text("6–7 s: the picture stands still")


def test_pictures_show_attention_or_relevance_and_say_which(page: Page) -> None:
    _, made = known()
    gradients = made.targets["valence"].gradients
    assert gradients is not None
    assert gradients.relevance_video is not None
    page.locator(".s2s-thumb").first.click()
    page.locator(".s2s-co").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.s2s-co').dataset.second === '0'")
    expect(page.locator(".s2s-co figcaption").first).to_contain_text("Where the sound looks attention")
    page.get_by_label("The two pictures show").select_option(label="relevance for valence (gradient × attention)")
    expect(page.locator(".s2s-co figcaption").first).to_contain_text("Relevance of places for valence")
    expect(page.get_by_label("Head")).to_be_hidden()  # relevance is of all heads
    page.get_by_label("draw nearly uniform maps too").check()
    places = gradients.relevance_video[0].reshape(8, 9).sum(0)
    said = page.locator("[aria-label='Place in the picture'] .s2s-cell").all_inner_texts()
    assert [int(text) for text in said] == pytest.approx(100 * places / places.sum(), abs=1)


def test_overlay_is_judged_against_an_equal_share(page: Page) -> None:
    page.locator(".s2s-thumb").first.click()
    page.locator(".s2s-co").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.s2s-co').dataset.second === '0'")
    for figure in page.locator(".s2s-over").all():
        said = figure.locator(".s2s-verdict").inner_text()
        times = float(re.search(r"([\d.]+) × an equal share", said).group(1))  # type: ignore[union-attr]
        assert ("Nearly even" in said) == (times < 1.25)


def test_everything_is_in_the_table_and_the_csv(page: Page) -> None:
    found, _ = known()
    table = page.locator(".s2s-figures table")
    expect(table.locator("th", has_text="interaction")).to_have_count(0)
    page.locator(".s2s-figures > summary").click()
    page.get_by_label("everything that was measured").check()
    heads = table.locator("thead tr").nth(1).locator("th").all_inner_texts()
    assert "Shapley value of the sound" in heads
    assert "lowest attention, cuts shifted by ±0.25 and ±0.5 s" in heads
    assert found.shapley is not None
    cell = table.locator("tbody tr").nth(1).locator("td").nth(heads.index("Shapley value of the sound"))
    assert float(cell.inner_text().replace("−", "-")) == pytest.approx(found.shapley.sound_seconds[1], abs=5.1e-4)
    assert "undefined" not in table.inner_text()
    assert "NaN" not in table.inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download as CSV").click()
    assert waiting.value.suggested_filename.endswith(".sec2sec.csv")
    rows = list(csv.DictReader(Path(waiting.value.path()).read_text().splitlines()))
    assert (rows[1]["target"], rows[1]["second"]) == ("arousal", "1")
    assert float(rows[1]["shapley_audio"]) == pytest.approx(found.shapley.sound_seconds[1], rel=1e-4)


def test_open_lanes_cost_playback_nothing(page: Page) -> None:
    button(page, "group cues").click()
    expect(button(page, "group cues")).to_have_attribute("aria-expanded", "true")
    before = page.evaluate("document.querySelector('.s2s-plot').innerHTML.length")
    seen = play(page, 3.5)
    assert seen["requests"] == []
    assert [change[2] for change in seen["changes"]][:2] == [1, 2]
    assert page.evaluate("document.querySelector('.s2s-plot').innerHTML.length") == before  # nothing was rebuilt


def test_stability_is_measured_on_demand_and_then_drawn(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic().url)
    explain(page, example=0)
    expect(page.locator(".s2s-stack")).to_be_hidden()
    expect(page.locator(".s2s-stable")).to_be_hidden()
    page.locator("#stability").click()
    over = "cuts shifted by ±0.25 and ±0.5 s"
    for what in ("attention", "effect"):  # open and in sight, without another press
        expect(button(page, f"stability {what} arousal {over}")).to_have_attribute("aria-expanded", "true")
    said = page.locator(".s2s-stable p")
    expect(said.first).to_contain_text(f"arousal, {over}: the effect of")
    expect(said.first).to_be_in_viewport()
    found, _ = known()
    (band,) = found.stability
    second = int(abs(found.effect).argmax())
    low, high = (f"{value:+.3f}".replace("-", "−") for value in (band.effect_low[second], band.effect_high[second]))
    expect(said.first).to_contain_text(f"stayed between {low} and {high}")
    whiskers = "document.querySelector('.s2s-plot').data.filter(t => t.meta?.part === 'whisker')"
    page.wait_for_function(f"{whiskers}.length >= 4")
    y = page.evaluate(f"{whiskers}.filter(t => t.y.length === {3 * SECONDS})[3].y")
    assert y[0::3] == pytest.approx(band.effect_low, abs=1e-6)
    assert y[1::3] == pytest.approx(band.effect_high, abs=1e-6)
    open_drawer(page, "downloads")
    with page.expect_download() as waiting:
        page.locator("#json").click()
    said = json.loads(Path(waiting.value.path()).read_text())
    assert said["targets"]["arousal"]["evidence"]["stability"][0]["over"] == band.over


def test_report_plays_without_a_network(page: Page, new_page: NewPage, tmp_path: Path) -> None:
    open_drawer(page, "downloads")
    with page.expect_download() as waiting:
        page.locator("#report").click()
    waiting.value.save_as(tmp_path / "report.html")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_selector(".s2s[data-ready=true]")
    seen = play(page, 2.6)
    assert [change[2] for change in seen["changes"]][:2] == [1, 2]
    expect(page.locator("#predictions .verdict").first).to_contain_text("✔ Trust.")
    expect(page.get_by_text("What the figures mean")).to_be_visible()
    open_more_lanes(page)
    button(page, "group cues").click()
    expect(button(page, "cue loudness")).to_be_visible()
    page.locator(".s2s-thumb").nth(5).click()
    page.wait_for_function("document.querySelector('.s2s').dataset.current === '5'")
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []


def test_a_link_carries_time_and_pin(synthetic: Callable[..., App], new_page: NewPage, page: Page) -> None:
    page.locator(".s2s-thumb").nth(5).click()
    page.locator(".s2s-pin").click()
    page.locator(".s2s-thumb").nth(5).click()
    page.wait_for_function("location.hash === '#t=5&s=5'")
    other = new_page(f"{synthetic(stable=True).url}")
    other.evaluate("location.hash = '#t=5&s=5'")
    explain(other, example=0)
    other.wait_for_function("document.querySelector('.s2s').dataset.selected === '5'")
    expect(other.locator(".s2s-pin")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("options", [
    {"evidence": False}, {"seconds": 1, "flat": ()}, {"attention": False},
    {"has_audio": False, "absent": "There is no sound."}, {"has_video": False, "absent": "There is no picture."},
    {"seconds": 120, "flat": (), "stable": True},
], ids=lambda options: " ".join(options))  # fmt: skip
def test_every_kind_of_clip_is_drawn_on_a_narrow_screen(
    synthetic: Callable[..., App], new_page: NewPage, options: dict[str, object]
) -> None:
    page = new_page(synthetic(**options).url, width=360, height=740)
    explain(page, example=0)
    open_more_lanes(page)
    for key in ("group cues", "group more"):
        if button(page, key).count():
            button(page, key).click()
            expect(button(page, key)).to_have_attribute("aria-expanded", "true")
    for summary in page.locator("#predictions summary").all():
        summary.click()
    page.locator(".s2s-co").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    text = page.inner_text("body")
    assert "undefined" not in text
    assert "NaN" not in text
    assert json.dumps("null") not in text


def test_planted_second_is_the_one_that_the_strip_shows(checkpoints: Path, tmp_path: Path, new_page: NewPage) -> None:
    if not (checkpoints / "demo" / "training-seconds.safetensors").is_file():
        pytest.skip("random weights find nothing")
    for _ in make_clips(tmp_path, 1, 3, "plain", 0.0, 1):
        pass
    with (tmp_path / "planted.csv").open(encoding="utf-8") as table:
        planted = [int(row["second"]) for row in csv.DictReader(table) if row["decisive"] == "1"]
    with App("--checkpoints", str(checkpoints), "--examples", str(tmp_path / "clips")) as app:
        page = new_page(app.url)
        explain(page, example=0)
        open_more_lanes(page)
        for target in range(3):  # synchrony too: its truth is known here
            effects = [abs(effect) for effect in whole(page, target)]
            assert effects.index(max(effects)) in planted
        words = page.locator("#predictions .verdict").all_inner_texts()
        assert len(words) == 3
        assert all(re.match(r"[✔◐✘∅] (Trust|Careful|Do not trust|Nothing to judge)\.", said) for said in words)
        open_drawer(page, "downloads")
        with page.expect_download() as waiting:
            page.locator("#json").click()
        said = json.loads(Path(waiting.value.path()).read_text())
        for (_, target), shown in zip(said["targets"].items(), words, strict=True):
            assert target["evidence"]["verdict"]["word"].capitalize() in shown
        page.close()
