"""The examples are predictors that nobody here trained: the audit finds what each can go by, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sec2sec.cli import main
from tests.helpers.clips import make_clip, tone

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
REAL = os.environ.get("SEC2SEC_REAL_DATA", "")
# an interpreter with fer, LiteRT and OpenCV, which are no dependencies of the project
EXPRESSION_PYTHON = os.environ.get("SEC2SEC_EXPRESSION_PYTHON", sys.executable)
SECONDS, PLANTED = 8, 4


@pytest.fixture(autouse=True)
def threads_of_before(monkeypatch):
    """silero-vad sets one thread for the whole process; the examples are imported from the root of the repository."""
    monkeypatch.chdir(ROOT)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def audited(clip: Path, folder: Path, *options: str) -> dict[str, object]:
    """The one target of the explanation that the command line writes."""
    out = folder / "explanation.json"
    assert main(["audit", str(clip), "--reference", "silence-black", "--json", str(out), *options]) == 0
    (target,) = json.loads(out.read_text(encoding="utf-8"))["targets"].values()
    return target


def effects(target: dict[str, object]) -> tuple[np.ndarray, np.ndarray]:
    """Of the sound, and of the picture."""
    return np.array(target["effect_audio"]), np.array(target["effect_video"])


def verdict(target: dict[str, object]) -> tuple[str, str]:
    """Word and claim."""
    judged = target["evidence"]["verdict"]
    return judged["word"], judged["claim"]


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:FutureWarning")  # silero-vad's own
def test_how_much_speech_there_is_rests_on_the_sound_alone(tmp_path):
    clip = ROOT / "assets" / "clips" / "sintel-dialogue.mp4"
    speech = audited(clip, tmp_path, "--python", "examples.speech:predict")
    sound, picture = effects(speech)
    assert np.abs(picture).max() == 0
    assert sound.max() > 0.05
    assert np.abs(sound[2:4]).max() < 0.02  # nobody speaks there
    assert verdict(speech) == ("trust", "the sound")


def test_a_cheetah_is_found_where_its_picture_was_planted(tmp_path):
    photograph = Path(find_spec("gradio").submodule_search_locations[0]) / "media_assets" / "images" / "cheetah1.jpg"
    cheetah = np.asarray(Image.open(photograph).convert("RGB").resize((320, 240)))

    def picture(index: int, time: float, width: int, height: int) -> np.ndarray:
        ramp = np.linspace(0, 255, width)[None, :, None] + 40 * int(time)
        shades = np.broadcast_to(ramp % 256, (height, width, 3)).astype(np.uint8)
        return cheetah if int(time + 1e-3) == PLANTED else shades

    clip = make_clip(tmp_path / "clip.mp4", SECONDS, fps=8, size=(320, 240), picture=picture, sound=tone(SECONDS))
    target = audited(clip, tmp_path, "--python", "examples.cheetah:predict")
    sound, pictures = effects(target)
    assert np.abs(sound).max() == 0
    assert pictures.argmax() == PLANTED
    assert np.abs(np.delete(pictures, PLANTED)).max() < pictures.max() / 20
    assert verdict(target) == ("trust", f"the picture of {PLANTED}–{PLANTED + 1} s")


@pytest.mark.skipif(not REAL, reason="SEC2SEC_REAL_DATA names no folder of real data sets")
@pytest.mark.parametrize("emotion", ["HAP", "ANG"])
def test_the_expression_of_an_actor_is_all_picture(emotion, tmp_path):
    missing = subprocess.run(
        [EXPRESSION_PYTHON, "-c", "import ai_edge_litert, cv2; cv2.CascadeClassifier"], check=False
    )
    if missing.returncode:
        pytest.skip("SEC2SEC_EXPRESSION_PYTHON names no interpreter with fer, ai-edge-litert and OpenCV 4")
    clip = Path(REAL) / "modality" / f"1001_DFA_{emotion}_XX.flv"
    happy = audited(clip, tmp_path, "--command", f"{EXPRESSION_PYTHON} examples/expression.py {{clip}}")
    sound, picture = effects(happy)
    assert np.abs(sound).max() == 0
    if emotion == "HAP":
        assert happy["prediction"] > 0.3
        assert picture.max() > 0.1
        assert verdict(happy) == ("trust", "the picture")
    else:
        assert happy["prediction"] < 0.05
        assert verdict(happy)[0] == "nothing to judge"
