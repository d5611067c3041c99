"""The app on a ZeroGPU Space: one process with the real package `spaces`, a lender, and no GPU behind it."""

from __future__ import annotations

import contextlib
import html
import importlib.util
import inspect
import json
import math
import multiprocessing.reduction
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from torch.multiprocessing.reductions import reduce_tensor

from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import explain
from sec2sec.config import MediaLimits
from sec2sec.explanations import Explanation
from sec2sec.ui import analysis, gpu
from sec2sec.ui.chosen_clip import ChosenClip, probe_upload
from sec2sec.ui.messages import INTERNAL_ERROR, message_for
from sec2sec.ui.settings import Settings
from tests.explanations.test_stability import trained
from tests.helpers import clips
from tests.helpers.datasets import clip_folder
from tests.helpers.lender import lending
from tests.helpers.models import save_tiny

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips, checkpoints (a and b are two seeds of one training) and a data set."""
    made = tmp_path_factory.mktemp("zero")
    trained(made / "checkpoints" / "a", seed=0)
    trained(made / "checkpoints" / "b", seed=1)
    save_tiny(made / "checkpoints" / "slow", seed=2)
    for name, seconds in (("good", 4), ("other", 3), ("long", 30), ("mistake", 1), ("killed", 1), ("spoilt", 1)):
        clips.make_clip(made / f"{name}.mp4", seconds, fps=8, size=(48, 32))
    clip_folder(made / "data" / "set", train=3, validation=1, test=2)
    return made


@pytest.fixture(scope="module")
def ran(folder: Path) -> SimpleNamespace:
    """What the process answered, what its forks did, what was asked of the lender, and what it printed."""
    with lending() as (lender, address), (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.zero_gpu", str(folder)],
            cwd=ROOT,
            env={
                **os.environ,
                "SPACES_ZERO_GPU": "true",
                "SPACES_ZERO_DEVICE_API_URL": address,
                "OMP_NUM_THREADS": "2",  # a fork that inherits OpenMP's threads can hang
                "GRADIO_TEMP_DIR": str(folder / "gradio"),
                "GRADIO_ANALYTICS_ENABLED": "False",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(600)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its forks as well
    printed = (folder / "log").read_text()
    assert status == 0, printed
    return SimpleNamespace(
        **json.loads((folder / "answers.json").read_text()),
        forked=[json.loads(line) for line in (folder / "forked.jsonl").read_text().splitlines()],
        lender=lender,
        printed=printed,
    )


@pytest.fixture(scope="module")
def reference(folder: Path) -> Explanation:
    """The explanation of the good clip in this process, which knows of no Space."""
    return explain(folder / "good.mp4", load_checkpoint(folder / "checkpoints" / "a", "cpu"))


def said(answer: Any) -> str:
    """The sentence on the screen."""
    status = answer["status"] if isinstance(answer, dict) else str(answer)
    return html.unescape(re.sub(r"<[^<>]*>", "", status))


def is_the_reference(answer: Any, reference: Explanation) -> None:
    """That what was drawn is the very explanation."""
    assert answer["drawn"], said(answer)
    for target in answer["drawn"]["targets"]:
        expected = reference.targets[target["name"]]
        np.testing.assert_allclose(target["attention"], expected.attention, atol=1e-4)
        np.testing.assert_allclose(target["references"][0]["whole"], expected.effect, atol=1e-4)


# ---- without a Space


def test_the_package_alone_changes_nothing() -> None:
    assert importlib.util.find_spec("spaces")
    assert not gpu.LENT
    assert inspect.isgeneratorfunction(analysis.explain_on_device)
    assert not hasattr(analysis.explain_on_device, "__wrapped__")
    assert multiprocessing.reduction.ForkingPickler._extra_reducers[torch.Tensor] is reduce_tensor


@pytest.mark.parametrize(
    ("part", "duration", "pixels", "encodings", "expected"),
    [
        ((0.0, None), 10.0, 640 * 360, 1, 16),  # 15 + 1.5, and Python rounds half to even
        ((0.0, None), 10.0, 640 * 360, 5, 22),
        ((2.0, 8.0), 600.0, 640 * 360, 1, 16),
        ((590.0, 900.0), 600.0, 640 * 360, 2, 18),
        ((0.0, None), 600.0, 1280 * 720, 1, 105),
        ((0.0, None), 600.0, 1920 * 1080, 1, 218),  # 2.25 times the pixels
        ((0.0, None), 3600.0, 640 * 360, 1, 105),  # more than 600 s is refused before it is encoded
        ((0.0, None), math.nan, 640 * 360, 1, 105),  # a live recording does not say
        ((700.0, None), 600.0, 640 * 360, 1, 15),
        ((0.0, None), 10.0, 0, 1, 16),
    ],
)
def test_a_gpu_is_asked_for_as_long_as_the_part_takes(
    part: tuple[float, float | None], duration: float, pixels: int, encodings: int, expected: int
) -> None:
    source = ChosenClip("clip.mp4", playable=True, duration=duration, pixels=pixels)
    assert source.analysed(part, MediaLimits(max_seconds=600)).gpu_seconds(encodings) == expected


def test_a_chosen_clip_says_how_long_and_how_large_it_is(folder: Path) -> None:
    source, _ = probe_upload(str(folder / "good.mp4"), Settings())
    assert source.duration == pytest.approx(4, abs=0.05)
    assert source.pixels == 48 * 32


# ---- the process that serves the app


def test_it_is_warm_before_it_serves_and_nothing_else_runs_then(ran: SimpleNamespace) -> None:
    assert ran.warm["loaded"] == ["a"]
    assert ran.warm["threads"] == 0


def test_its_models_are_those_of_their_files_in_every_thread(ran: SimpleNamespace) -> None:
    assert len(ran.weights) == 3
    for weights in ran.weights:
        assert weights == {"device": "cpu", "off": 0.0, "lab": 0.0}


def test_it_asks_for_no_gradient_which_would_touch_cuda(ran: SimpleNamespace) -> None:
    went_backward = {note["parent"] for note in ran.forked if "gradient" in note}
    assert went_backward == {False}


def test_about_says_where_clips_are_encoded(ran: SimpleNamespace) -> None:
    assert "A GPU is lent for each clip (ZeroGPU)" in ran.warm["about"][0]


# ---- what crosses


def test_an_explanation_arrives_as_it_was_made(ran: SimpleNamespace, reference: Explanation) -> None:
    for answer in (ran.good, ran.again):
        assert re.fullmatch(r"Explained 4 s in [0-9.]+ s on the CPU\.", said(answer)), said(answer)
        is_the_reference(answer, reference)


def test_it_was_made_with_a_copy_of_the_model_on_the_lent_device(ran: SimpleNamespace) -> None:
    """ "cpu:0" stands for the GPU; and the copy is made once in a process."""
    made = [note for note in ran.forked if note.get("explained") == "good.mp4"]
    assert {note["device"] for note in made} == {"cpu:0"}
    assert not any(note["parent"] for note in made)
    first, second = made[:2]
    assert first["process"] == second["process"]
    assert first["bundle"] == second["bundle"]


def test_forked_processes_import_nothing(ran: SimpleNamespace) -> None:
    """An import that another thread is about at the fork would never end."""
    assert {name for note in ran.forked for name in note.get("imported", ())} == set()


def test_what_crosses_is_small_and_no_shared_memory(ran: SimpleNamespace) -> None:
    crossed = [note for note in ran.forked if "crossed" in note]
    assert {"Progress", "ClipResult", "tuple", "list", "Raised"} == {note["crossed"] for note in crossed}
    assert max(note["bytes"] for note in crossed) < 2e6  # of 30 s
    assert getattr(ran, "shared memory") == []


# ---- errors


def test_a_clip_that_cannot_be_used_says_what_is_wrong_with_it(ran: SimpleNamespace) -> None:
    assert re.match(r"Error: spoilt\.mp4: not a video or sound file .*; convert it to MP4", said(ran.spoilt))
    assert re.match(r"Error: other\.mp4: .*start", said(ran.late))


def test_a_mistake_of_ours_is_an_apology_on_screen_and_a_traceback_in_the_log(ran: SimpleNamespace) -> None:
    assert said(ran.mistake) == f"Error: {INTERNAL_ERROR}"
    assert "KeyError: 'planted'" in ran.printed
    assert 'tests/helpers/zero_gpu.py", line' in ran.printed


def test_what_the_lender_says_is_shown_without_markup(ran: SimpleNamespace) -> None:
    assert said(ran.refused) == (
        "Error: ZeroGPU quota exceeded: You have exceeded your free ZeroGPU quota (16s requested vs. 3s left). "
        "Try again in 1:00:00."
    )
    assert said(ran.timeout).startswith("Error: ZeroGPU queue timeout: No GPU was available after 60s")
    for mark in ("<", ">", "[", "]"):
        assert mark not in said(ran.timeout)


def test_a_process_that_was_ended_says_what_to_do(ran: SimpleNamespace) -> None:
    assert said(ran.killed).startswith("Error: ZeroGPU worker error: GPU task aborted")
    assert said(ran.killed).endswith("Try again, or choose a shorter part.")


def test_a_model_that_is_not_there_says_so_before_a_gpu_is_lent(ran: SimpleNamespace) -> None:
    assert said(ran.unknown).startswith("Error: nowhere: not in checkpoints/ (there: a, b, slow)")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            gr.Error("GPU <b>busy</b> &amp; <a href='https://x.y/?a=1'>more</a>", title="Queue"),
            "Queue: GPU busy & more",
        ),
        (gr.Error("no [quota](https://x.y)\nleft", title="Quota"), "Quota: no quota (https://x.y) left"),
        (
            gr.Error("AssertionError", title="ZeroGPU worker error"),
            INTERNAL_ERROR,
        ),  # the bare name of a class tells nobody
    ],
)
def test_errors_of_the_lender_become_one_line(error: gr.Error, sentence: str) -> None:
    assert message_for(error) == sentence


@pytest.mark.parametrize("when", ["after", "at last", "while loading"])
def test_the_next_clip_is_explained_whatever_came_before(
    ran: SimpleNamespace, reference: Explanation, when: str
) -> None:
    is_the_reference(getattr(ran, when), reference)


# ---- what is asked of the lender


def test_gpus_are_asked_for_as_long_as_clips_take_and_for_their_visitor(ran: SimpleNamespace) -> None:
    asked = ran.lender.asked()
    assert {request["token"] for request in asked} == {"a.e30.c"}  # of the visitor's own request
    # good, again, spoilt, late, mistake, left, after, long; stability: 5 cuts and a seed; two models
    durations = [int(request["durationSeconds"]) for request in asked[:10]]
    assert durations == [16, 16, 15, 15, 15, 20, 16, 20, 19, 16]


def test_every_gpu_is_given_back(ran: SimpleNamespace) -> None:
    assert "Encoding" in ran.left
    lent = {request["allowToken"] for request in ran.lender.asked("/release")}
    assert len(lent) == ran.lender.tokens
    assert ran.lender.lent == {}


def test_no_gpu_is_asked_for_to_evaluate_a_data_set_or_to_edit_a_clip(
    ran: SimpleNamespace, reference: Explanation
) -> None:
    paths = [path for path, _ in ran.lender.requests]
    first, second = [place for place, path in enumerate(paths) if path == "/answer"][:2]
    assert paths[first + 1 : second] == []
    assert "Evaluated 6 clips of set. They were encoded on the CPU." in ran.evaluated[0]
    assert "majority of the training set (trivial)" in ran.evaluated[1]
    opened, frozen, blank = (json.loads(ran.edited[name]) for name in ("opened", "frozen", "blank"))
    assert ran.edited["status"] == ["", "", ""]
    for target in opened["targets"]:  # from the tokens that crossed, by the model of this process
        assert target["before"] == pytest.approx(reference.targets[target["name"]].prediction, abs=1e-5)
    assert [len(state["edits"]) for state in (opened, frozen, blank)] == [0, 1, 2]
    assert all(edit["changes"] != [0, 0] for edit in blank["edits"])
    assert np.abs(ran.places["video"]).max() > 1e-4
    assert np.abs(ran.places["audio"]).max() > 1e-4


# ---- other questions, and several visitors


def test_stability_and_comparison_are_answered(ran: SimpleNamespace) -> None:
    assert re.match(r"Measured with four other cuts in [0-9.]+ s on the CPU", said(ran.stable))
    assert re.match(r"Compared in [0-9.]+ s on the CPU\.", said(ran.compared))
    assert ran.compared["answers"] == 2


def test_two_visitors_at_once_get_their_own(ran: SimpleNamespace, reference: Explanation) -> None:
    first, second = ran.both
    is_the_reference(first, reference)
    assert second["drawn"]["clip"]["name"] == "other.mp4"


def test_a_model_that_is_being_loaded_at_a_fork_can_be_used_in_it(ran: SimpleNamespace) -> None:
    """The lock of its loading is held in the forked process too, by a thread that does not exist there."""
    assert ran.loaded == "slow"
    assert re.match("Explained 4 s", said(ran.later)), said(ran.later)
