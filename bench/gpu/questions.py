"""Every further question of an explanation once on the GPU, and the project's own tests that need one."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import cache

import numpy as np

from bench.gpu.setting import CPU, Setting
from bench.row import Row
from recipes.adversarial import look_away as taught_to_look_away
from sec2sec import DEMO
from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.comparison import compare_steps
from sec2sec.encoding import encode_seconds
from sec2sec.explanations.embeddings import predict_embeddings
from sec2sec.explanations.gradients import token_gradients
from sec2sec.explanations.masker import SecondMasker, masker_of
from sec2sec.explanations.places import place_effects
from sec2sec.explanations.stability import stability_steps
from sec2sec.media import open_clip
from sec2sec.progress import drain

TESTS = "tests/test_cuda.py"
LONGEST_TESTS = 120  # s


@cache
def prepare(setting: Setting) -> tuple[Bundle, SecondMasker]:
    """A checkpoint of random weights on the device, and a clip for its model."""
    bundle = load_checkpoint(setting.tiny, setting.device.type)
    seconds = list(open_clip(setting.clip, frames_per_second=bundle.encoders.config.frames_per_second).seconds())
    tokens = encode_seconds(seconds, bundle.encoders, setting.device)
    masker = masker_of(bundle.model, tokens).by_second
    assert masker is not None
    return bundle, masker


def time_answer(question: Callable[[], object]) -> Row:
    """How long an answer takes the first time."""
    began = time.perf_counter()
    question()
    return Row("answered in", time.perf_counter() - began, "s")


def last(steps: Iterable[object]) -> object:
    """The end of a generator of steps."""
    return list(steps)[-1]


def gradients(setting: Setting) -> Iterator[Row]:
    """Integrated gradients on the tokens of every second."""
    yield time_answer(lambda: token_gradients(prepare(setting)[1], 0))


def places(setting: Setting) -> Iterator[Row]:
    """The effect of each place of the picture and of each band of the sound."""
    yield time_answer(lambda: last(place_effects(prepare(setting)[1], [0])))


def stability(setting: Setting) -> Iterator[Row]:
    """Four other cuts into seconds."""
    yield time_answer(lambda: drain(stability_steps(setting.clip, [prepare(setting)[0]])))


def compare(setting: Setting) -> Iterator[Row]:
    """Two checkpoints with other encoders."""
    demo = load_checkpoint(DEMO, setting.device.type)
    yield time_answer(lambda: drain(compare_steps(setting.clip, [prepare(setting)[0], demo])))


def look_away(setting: Setting) -> Iterator[Row]:
    """A model taught to look away from the second of five seconds."""
    masker = prepare(setting)[1]
    marked = np.zeros(masker.seconds, bool)
    marked[1] = True
    yield time_answer(lambda: taught_to_look_away(masker.model, [(masker.embeddings, marked)]))


def copy(setting: Setting) -> Iterator[Row]:
    """A copy of the device's model on the CPU, and whether it predicts the same."""
    masker = prepare(setting)[1]
    model, both = masker.model, masker.embeddings.both[None]
    began = time.perf_counter()
    twin = deepcopy(model).to(CPU)
    yield Row("copied in", time.perf_counter() - began, "s")
    here, there = predict_embeddings(twin, both.to(CPU)), predict_embeddings(model, both)
    yield Row("largest difference of a prediction", float((here - there.cpu()).abs().max()))


def cuda_tests(setting: Setting) -> Iterator[Row]:
    """`pytest -m cuda`. Raises AssertionError with pytest's last words where one fails, or none runs on a GPU."""
    command = [sys.executable, "-m", "pytest", "-m", "cuda", "--noconftest", "-p", "no:cacheprovider", TESTS]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_TESTS, stdin=subprocess.DEVNULL)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    passed = sum(int(number) for number in re.findall(r"(\d+) passed", lines[-1]))
    if done.returncode or not (passed or setting.dry):
        raise AssertionError(" / ".join(lines[-6:]))
    yield Row(f"tests of {TESTS} that passed", passed)
    yield Row("they and pytest take", time.perf_counter() - began, "s")
