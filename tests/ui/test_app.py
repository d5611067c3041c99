"""What the app computes without a browser: words, messages, settings, the turn-taking of threads."""

from __future__ import annotations

import dataclasses
import mimetypes
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gradio_client.utils import is_valid_file

from sec2sec.explanations.results import OutOfDistribution, Shapley, TargetExplanation
from sec2sec.explanations.sentences import answer
from sec2sec.explanations.verdict import mass_criterion, order_criterion
from sec2sec.media import MediaError
from sec2sec.media.isolated import ABANDONED
from sec2sec.plots.lanes import Seconds
from sec2sec.progress import Progress, drain
from sec2sec.ui import about, messages
from sec2sec.ui.chosen_clip import UPLOADS, is_known_truth
from sec2sec.ui.devices import WAITING
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.work import Channel, TimeOverError, stream_from_thread
from sec2sec.viewer import cards as words
from sec2sec.viewer import evidence as verdict
from sec2sec.viewer.templates import render
from tests.helpers import synthetic

# ---- words


def verdict_html(target: TargetExplanation) -> str:
    return render("verdict.html", view=verdict.VerdictView.of("arousal", target.verdict))


def tug_html(shapley: Shapley | None, reach: float) -> str:
    return render("tug.html", tug=verdict.tug_of(shapley, reach))


def test_names_from_files_cannot_become_markup() -> None:
    made = synthetic.explanation(targets=("<img src=x>",))
    assert "<img" not in words.predictions(made, ["<img src=x>"])
    assert "<b>x" not in messages.alert("<b>x")


def test_card_says_the_verdict_of_its_target_and_of_no_other() -> None:
    made = synthetic.explanation(targets=("arousal", "valence", "synchrony"))
    said = words.predictions(made, list(made.targets))
    for name, word in (("arousal", "Trust"), ("valence", "Careful"), ("synchrony", "Do not trust")):
        found = made.targets[name].verdict
        sentence = f"{verdict.SYMBOLS[found.word]}</span> {word}.</b> {found.sentence}"
        assert said.count(sentence) == 1
        assert said.count(f"> {word}.") == 1  # and nowhere else
        assert f'<p class="answer">{answer(made, name).reasons}</p>' in said.replace("&#39;", "'")
        assert words.predictions(made, [name]).count('class="agreement verdict') == 1
        assert sentence in words.predictions(made, [name])
    plain = synthetic.explanation(evidence=False)
    assert plain.targets["arousal"].verdict.sentence in words.predictions(plain, ["arousal"])


def test_verdict_carries_its_figures_behind_one_click() -> None:
    made = synthetic.explanation()
    found = made.targets["arousal"]
    said = verdict_html(found)
    assert said.startswith("<details")  # closed until somebody asks
    assert "size of the effect, ρ</dt><dd>0.830</dd>" in said
    assert "p of ρ, one-sided, by permutation</dt><dd>0.004</dd>" in said
    assert said.count("<svg") == 2
    v = found.verdict
    assert v.deletion is not None
    assert f"Area {v.deletion.area:.3f}; random orders {v.deletion.random_area:.3f}" in said
    row = f'<tr><th scope="row">3</th><td>{v.deletion.values[3]:.3f}</td>'
    assert row in said
    assert f"{v.comprehensiveness[2]:.3f}" in said
    assert "shuffled attention, median</dt><dd>0.112</dd>" in said
    assert "equal attention</dt><dd>0.034</dd>" in said


def test_figures_behind_the_click_are_those_of_the_sentence_before_it() -> None:
    """p is rounded up and shares down in both, and what rounds to nothing has no sign."""
    made = synthetic.explanation()
    found = made.targets["arousal"]
    v = found.verdict
    assert v.deletion is not None
    v = dataclasses.replace(
        v,
        mass_p_value=0.4051,
        uniform_change=-0.0004,
        order_share=0.8775,
        deletion=dataclasses.replace(v.deletion, earlier_than_random=0.8775),
    )
    said = verdict_html(dataclasses.replace(found, verdict=v))
    assert "by permutation</dt><dd>0.406</dd>" in said
    assert "p = 0.406" in mass_criterion(0.1, 0.4051, 0.05).words
    assert "sooner than those of 87 % of random orders" in said
    assert "87 % of random orders" in order_criterion(v.order_share, 0.05).words
    assert "equal attention</dt><dd>0.000</dd>" in said
    small = verdict_html(dataclasses.replace(found, verdict=dataclasses.replace(v, mass_p_value=0.0002)))
    assert "by permutation</dt><dd>p &lt; 0.001</dd>" in small


def test_verdict_without_figures_is_a_sentence_alone() -> None:
    for options in ({"seconds": 1, "flat": ()}, {"attention": False}):
        made = synthetic.explanation(**options)  # type: ignore[arg-type]
        said = verdict_html(made.targets["arousal"])
        assert "<svg" not in said
        assert "nan" not in said


def test_tug_of_war_points_to_the_side_it_pulls() -> None:
    pulled = Shapley(0.2, -0.1, np.zeros(1), np.zeros(1), True, np.zeros(1, bool))
    said = tug_html(pulled, 0.2)
    assert "Sound +0.20, picture −0.10 <b>⇅ they pull against each other</b>" in said
    assert 'class="sound" style="left:50.0%;width:50.0%"' in said
    assert 'class="picture" style="left:25.0%;width:25.0%"' in said
    assert "⇅" not in tug_html(dataclasses.replace(pulled, conflict=False), 0.2)
    assert tug_html(dataclasses.replace(pulled, sound=float("nan")), 0.2) == ""
    assert tug_html(None, 0.2) == ""


def test_cues_that_go_along_are_named() -> None:
    found = {"arousal": 0.8, "valence": -0.7, "synchrony": 0.1, "other": float("nan")}
    said = verdict.along(found, list(found))
    assert said == (
        "correlates with the effect on arousal (ρ = 0.80); anticorrelates with the effect on valence (ρ = −0.70)"
    )
    assert verdict.along(found, ["other"]) == ""


SUMMARY = synthetic.explanation(20).clip


def unlike(second: int, reason: str) -> OutOfDistribution:
    return OutOfDistribution(second, "unlike", reason, 0.0)


def test_unfamiliar_seconds_with_the_same_reasons_are_named_together() -> None:
    found = [unlike(second, "there is no sound") for second in (4, 2, 3)]
    assert verdict.unfamiliar_words(found, SUMMARY) == ["2–5 s: there is no sound"]
    assert verdict.unfamiliar_words([*found, unlike(3, "it is black")], SUMMARY) == [
        "2–3 s: there is no sound", "3–4 s: there is no sound and it is black", "4–5 s: there is no sound",
    ]  # fmt: skip


def test_each_unfamiliar_second_has_its_own_reason() -> None:
    """Its neighbour's picture is no reason of a second whose sound is meant."""
    reasons = ["the picture is less typical than in 99.6 %", "the sound is less typical than in 99.8 %"]
    found = [unlike(second, reason) for second, reason in enumerate(reasons, 7)]
    assert verdict.unfamiliar_words(found, SUMMARY) == [f"7–8 s: {reasons[0]}", f"8–9 s: {reasons[1]}"]
    part = dataclasses.replace(SUMMARY, start=4.0)
    assert verdict.unfamiliar_words(found[:1], part) == [f"11–12 s: {reasons[0]}"]


def test_of_many_unfamiliar_seconds_the_rest_is_counted() -> None:
    found = [unlike(second, f"reason {second // 2}") for second in range(12)]
    told = verdict.unfamiliar_words(found, SUMMARY)
    assert told[0] == "0–2 s: reason 0"
    assert told[-1] == "and 4 more seconds, in the table"
    assert verdict.unfamiliar_words(found[:9], SUMMARY)[-1] == "and 1 more second, in the table"
    assert verdict.unfamiliar_words([], SUMMARY) == []


def test_predictions_say_what_the_model_learned_from() -> None:
    made = synthetic.explanation(duration=9.4)
    said = words.predictions(made, ["arousal"])
    assert made.checkpoint.trained_on in said
    assert "holds only 0.40 s" in said


# ---- messages


def test_own_errors_speak_and_others_apologise() -> None:
    assert (
        messages.message_for(MediaError("clip.mp4: it is empty; choose another"))
        == "clip.mp4: it is empty; choose another"
    )
    for mistake in (lambda: int("x"), lambda: Seconds(0)):  # ValueErrors, but for programmers: a library's, and ours
        with pytest.raises(ValueError) as raised:
            mistake()
        assert messages.message_for(raised.value) == messages.INTERNAL_ERROR
    assert messages.message_for(KeyError("x")) == messages.INTERNAL_ERROR


def test_no_memory_is_said_of_the_machine_and_of_its_gpu() -> None:
    for error in (
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("can't start new thread"),
        OSError(12, os.strerror(12)),
    ):
        assert messages.message_for(error) == messages.NO_MEMORY
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 60)
    assert messages.message_for(raised.value) == messages.NO_MEMORY


def test_guarded_handlers_end_with_the_message() -> None:
    @messages.errors_as_messages(lambda message: f"told {message}")
    def steps(good: int):
        yield good
        raise MediaError("clip.mp4: no")

    @messages.errors_as_messages(lambda message: f"told {message}")
    def once() -> str:
        raise MediaError("clip.mp4: no")

    assert list(steps(1)) == [1, "told clip.mp4: no"]
    assert once() == "told clip.mp4: no"


# ---- threads


def test_work_passes_steps_and_errors_on() -> None:
    first, second = Progress(1, 2, "first"), Progress(2, 2, "second")

    def work(channel: Channel) -> None:
        channel.send(first)
        channel.send(second)
        raise MediaError("clip.mp4: no")

    steps = stream_from_thread(work)
    assert [next(steps), next(steps)] == [first, second]
    with pytest.raises(MediaError):
        next(steps)


def test_work_returns_its_result_at_the_end() -> None:
    def work(channel: Channel) -> str:
        channel.share_sender("Working")(0.5)
        return "result"

    shares: list[float] = []
    assert drain(stream_from_thread(work), lambda progress: shares.append(progress.fraction)) == "result"
    assert shares == [0.5]


def test_silent_work_can_be_stopped_at_once() -> None:
    """Gradio closes a generator only between two of its yields."""
    go_on = threading.Event()
    steps = stream_from_thread(lambda channel: go_on.wait(60))
    began = time.monotonic()
    assert next(steps) is None
    steps.close()
    assert time.monotonic() - began < 1
    go_on.set()


def test_visitor_who_leaves_stops_the_work_and_frees_its_lock() -> None:
    lock, steps_done = threading.Lock(), []

    def work(channel: Channel) -> None:
        with lock:
            for step in range(1000):
                channel.send(Progress(step, 1000, "Working"))
                steps_done.append(step)
                time.sleep(0.01)

    steps = stream_from_thread(work)
    next(steps)
    assert lock.locked()
    steps.close()
    assert lock.acquire(timeout=5)
    assert len(steps_done) < 100


def test_models_are_named_by_the_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "config.json").write_text("{}")
    (tmp_path / "another").mkdir()
    models = Models(tmp_path, "cpu")
    assert models.names() == ["demo"]
    for name in ("../demo", "another", None):
        with pytest.raises(ValueError, match="not in"):
            models.get(name)


# ---- settings and sources


def test_command_line_beats_environment_beats_default() -> None:
    environment = {"SEC2SEC_PORT": "7000", "SEC2SEC_MAX_SECONDS": "60", "GRADIO_SERVER_NAME": "0.0.0.0"}
    settings = Settings.read(["--port", "8000"], environment)
    assert (settings.port, settings.max_seconds, settings.host) == (8000, 60.0, "0.0.0.0")
    assert settings.limits.max_bytes == 500 * 1024**2
    assert Settings.read([], {}) == Settings()
    assert Settings.read(["--runs", "mine"], {}).runs == Path.cwd() / "mine"  # a training's process starts elsewhere


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--max-seconds", "0"], ["--device", "tpu"]])
def test_bad_settings_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        Settings.read(arguments, {})
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_variable_that_cannot_be_used_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Settings.read([], {"SEC2SEC_PORT": "http"})
    assert "SEC2SEC_PORT must be a whole number from 0 to 65535, not 'http'" in capsys.readouterr().err


def test_known_truth_is_known_by_its_plan(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    assert not is_known_truth(tmp_path / "clips" / "a.mp4")
    (tmp_path / "planted.csv").write_text("id,second,decisive\n")
    assert is_known_truth(tmp_path / "clips" / "a.mp4")


def test_about_shows_figures_beside_trivial_baselines() -> None:
    report = {"arousal": {"accuracy": 0.97, "trivial": {"majority_class": {"accuracy": 0.52}}}}
    said = about.figures({"test-plain": {"targets": report, "clips": 500, "pointing": {"occlusion": 0.96}}})
    for words_ in ("test plain", "500 clips", "0.970", "trivial: majority class", "0.520", "occlusion 0.96"):
        assert words_ in said
    assert "without figures" in about.figures({})
    about.figures({"x": {"targets": {"a": 3}}, "y": SimpleNamespace()})  # type: ignore[dict-item]


def test_about_names_the_law_and_the_licences() -> None:
    for words_ in ("2024/1689", "5(1)(f)", "hiring", "Blender Foundation", "CC BY 3.0", "not a cause"):
        assert words_ in about.TEXT


OTHER = "vob asf f4v mxf caf w64 mka weba m4b tod m4v m4a wmv flv ogg wma amr ac3 dv rm"


@pytest.mark.parametrize("suffix", OTHER.split())
def test_an_upload_is_taken_by_what_the_reader_reads_whatever_the_hosts_table_of_mime_types_says(
    monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda *arguments, **options: (None, None))
    assert is_valid_file(f"clip.{suffix}", UPLOADS)
    assert is_valid_file(f"CLIP.{suffix.upper()}", UPLOADS)


def test_a_job_has_so_many_seconds_and_frees_its_lock_then() -> None:
    lock, ended = threading.Lock(), threading.Event()

    def work(channel: Channel) -> None:
        try:
            with lock:
                for step in range(1000):
                    channel.send(Progress(step, 1000, "Working"))
                    time.sleep(0.01)
        finally:
            ended.set()

    began = time.monotonic()
    with pytest.raises(TimeOverError, match=r"longer than one request may take on this server \(0 s\)"):
        drain(stream_from_thread(work, limit=0.3))
    assert 0.3 <= time.monotonic() - began < 1.5
    assert ended.wait(5)
    assert lock.acquire(timeout=1)


def test_a_silent_job_is_ended_too_and_its_decoder_is_told() -> None:
    abandoned: list[threading.Event | None] = []

    def work(channel: Channel) -> None:
        abandoned.append(ABANDONED.get())
        time.sleep(2)

    with pytest.raises(TimeOverError):
        drain(stream_from_thread(work, limit=0.5))
    assert abandoned[0] is not None
    assert abandoned[0].is_set()


def test_waiting_for_a_device_is_no_work() -> None:
    def work(channel: Channel) -> str:
        with channel.waiting(WAITING):
            time.sleep(1.0)
        return "result"

    assert drain(stream_from_thread(work, limit=0.5), lambda progress: None) == "result"


def test_work_after_a_wait_counts_again() -> None:
    def work(channel: Channel) -> None:
        with channel.waiting(WAITING):
            time.sleep(0.2)
        time.sleep(2)

    with pytest.raises(TimeOverError):
        drain(stream_from_thread(work, limit=0.5), lambda progress: None)
