"""What the app computes without a browser: payloads, words, messages, settings, the turn-taking of threads."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

sys.path.insert(0, str(Path(__file__).parent / "browser"))

import synthetic

from sec2sec.explanations.types import TargetExplanation
from sec2sec.media import MediaError
from sec2sec.ui import about, messages, words
from sec2sec.ui.clips import known_truth
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.timeline import payload
from sec2sec.ui.work import Job, in_thread


def target(attention: list[float] | None, effect: list[float]) -> TargetExplanation:
    values = np.array(effect, dtype=float)
    return TargetExplanation(0.5, None if attention is None else np.array(attention), values, values, values, 0.5)


# ---- payload


@given(arrays.arrays(np.float32, (2, 3, 5, 7), elements=st.floats(0, 1, width=32)))
def test_weights_survive_within_the_step_of_their_row(weights: np.ndarray) -> None:
    back = payload.dequantise(*payload.quantise(weights))
    assert (np.abs(back - weights) <= weights.max(-1, keepdims=True) / 510 + 1e-6).all()


def test_browser_reads_back_the_maps() -> None:
    made = synthetic.explanation(seconds=6)
    sent = json.loads(payload.encode(made, synthetic.preview(made)))["maps"]["audio"]
    shape = sent["shape"]
    steps = np.frombuffer(base64.b64decode(sent["data"]), np.uint8).reshape(shape)
    scale = np.frombuffer(base64.b64decode(sent["scale"]), "<f4").reshape(shape[:-1])
    true = made.co_attention.audio_from_video
    assert true is not None
    assert shape == list(true.shape)
    assert np.abs(payload.dequantise(steps, scale) - true).max() <= true.max() / 510 + 1e-6


def test_entropy_is_that_of_the_map_shown() -> None:
    made = synthetic.explanation(seconds=4, flat=(1,))
    sent = json.loads(payload.encode(made, synthetic.preview(made)))["maps"]["video"]["entropy"]
    weights = made.co_attention.video_from_audio
    assert weights is not None
    assert np.array(sent).shape == (4, 5)  # the average first, then four heads
    assert sent[2][1:] == pytest.approx(payload.entropy(weights[2]), abs=1e-5)
    assert sent[2][0] == pytest.approx(payload.entropy(weights[2].mean(0)), abs=1e-5)
    assert sent[1][0] > 0.97 > sent[2][0]


def test_entropy_of_one_cell_and_of_a_uniform_map() -> None:
    assert payload.entropy(np.eye(4)) == pytest.approx(0)
    assert payload.entropy(np.full((3, 8), 1 / 8)) == pytest.approx(1)
    assert payload.entropy(np.ones((3, 1))) == 1  # constant by construction


def test_long_clip_sends_heads_averaged_and_says_so() -> None:
    made = synthetic.explanation(seconds=61, flat=())
    sent = json.loads(payload.encode(made, synthetic.preview(made)))["maps"]
    assert sent["video"]["shape"][1] == 1
    assert "averaged" in sent["note"]
    assert np.array(sent["video"]["entropy"]).shape == (61, 1)


def test_diagnostics_are_left_out_unless_asked_for() -> None:
    made = synthetic.explanation()
    seen = synthetic.preview(made)
    names = [t["name"] for t in json.loads(payload.encode(made, seen))["targets"]]
    assert names == ["arousal", "valence"]
    names = [t["name"] for t in json.loads(payload.encode(made, seen, diagnostics=True))["targets"]]
    assert names == ["arousal", "valence", "synchrony"]


def test_payload_of_one_modality_says_why_there_are_no_maps() -> None:
    made = synthetic.explanation(has_audio=False, absent="There is no sound.")
    sent = json.loads(payload.encode(made, synthetic.preview(made)))
    assert sent["maps"] == {"absent": "There is no sound."}
    assert sent["mfcc"] is None
    assert sent["entropy"] is None


def test_mfcc_image_keeps_half_precision_and_constant_coefficients() -> None:
    image = np.full((3, 40, 101), -800.0, np.float16)
    image[:, 1] = np.linspace(-1, 1, 101, dtype=np.float16)
    sent = payload.mfcc_image(image)
    assert sent is not None
    levels = np.frombuffer(base64.b64decode(sent["data"]), np.uint8).reshape(sent["shape"])
    assert levels[0, 0, 0] in (127, 128)
    assert levels[0, 1, 0] < levels[0, 1, 50] < levels[0, 1, 100]


def test_ten_seconds_stay_small() -> None:
    made = synthetic.explanation(seconds=10)
    assert len(payload.encode(made, synthetic.preview(made))) < 1_500_000


# ---- words


@pytest.mark.parametrize(
    ("attention", "effect", "verdict"),
    [
        ([0.1, 0.2, 0.3, 0.4], [0.1, -0.2, 0.3, -0.4], "agree"),  # the size of an effect counts, not its sign
        ([0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], "disagree"),
        ([0.1, 0.2, 0.3, 0.4], [0.2, 0.1, 0.4, 0.05], "disagree"),
        ([0.1, 0.2, 0.3, 0.4], [0.1, 0.4, 0.2, 0.3], "partly"),
        ([0.3, 0.3, 0.4], [0.1, 0.2, 0.3], "short"),
        ([0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4], "unknown"),
        (None, [0.1, 0.2, 0.3, 0.4], "unknown"),
    ],
)
def test_agreement(attention: list[float] | None, effect: list[float], verdict: str) -> None:
    found = target(attention, effect)
    assert words.agreement(found)[0] == verdict
    assert words.agreement_sentence(found).endswith((".", ")"))


def test_names_from_files_cannot_become_markup() -> None:
    made = synthetic.explanation(targets=("<img src=x>",))
    assert "<img" not in words.predictions(made, ["<img src=x>"])
    assert "<b>x" not in messages.alert("<b>x")


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
    with pytest.raises(ValueError) as raised:
        int("x")
    assert messages.message_for(raised.value) == messages.SORRY  # a ValueError, but one for programmers
    assert messages.message_for(KeyError("x")) == messages.SORRY


def test_guarded_handlers_end_with_the_message() -> None:
    @messages.guarded(lambda message: f"told {message}")
    def steps(good: int):
        yield good
        raise MediaError("clip.mp4: no")

    @messages.guarded(lambda message: f"told {message}")
    def once() -> str:
        raise MediaError("clip.mp4: no")

    assert list(steps(1)) == [1, "told clip.mp4: no"]
    assert once() == "told clip.mp4: no"


# ---- threads


def test_work_passes_steps_and_errors_on() -> None:
    def work(job: Job) -> None:
        job.tell(1)
        job.tell(2)
        raise MediaError("clip.mp4: no")

    steps = in_thread(work)
    assert [next(steps), next(steps)] == [1, 2]
    with pytest.raises(MediaError):
        next(steps)


def test_visitor_who_leaves_stops_the_work_and_frees_its_lock() -> None:
    lock, steps_done = threading.Lock(), []

    def work(job: Job) -> None:
        with lock:
            for step in range(1000):
                job.tell(step)
                steps_done.append(step)
                time.sleep(0.01)

    steps = in_thread(work)
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


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--max-seconds", "0"], ["--device", "tpu"]])
def test_bad_settings_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        Settings.read(arguments, {})
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_known_truth_is_known_by_its_plan(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    assert not known_truth(tmp_path / "clips" / "a.mp4")
    (tmp_path / "planted.csv").write_text("id,second,decisive\n")
    assert known_truth(tmp_path / "clips" / "a.mp4")


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
