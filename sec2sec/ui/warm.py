"""What the first visitor would otherwise wait for: weights, filters, the GPU's kernels."""

from __future__ import annotations

import time
from collections.abc import Callable

import gradio as gr
import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.clip import EncodedClip
from sec2sec.config import SAMPLE_RATE
from sec2sec.encoding import encode_seconds
from sec2sec.explanations import ClipSummary, features
from sec2sec.explanations.masker import masker_of
from sec2sec.media import Second
from sec2sec.ui.gpu import LENT
from sec2sec.ui.messages import message_for
from sec2sec.ui.models import Models

BLACK_SECONDS = 4  # of fewer, less is measured


def warm_up(models: Models) -> None:
    """Load the first model on each device and let it explain some black seconds there.

    Where a GPU is lent, on the CPU and without gradients: the forked processes inherit what is imported and loaded, and
    find no lock of an import held. Of a first gradient, also one on the CPU, torch counts the GPUs for the whole life
    of the process and of its forks; here it would count none.
    """
    for name in models.names()[:1]:
        for device in models.own_devices.devices:
            try:
                bundle = models.get(name, device.name)
                assert device.lock is not None, "it is a device of this process"
                with device.lock:
                    explain_black(bundle, gradients=not LENT)
            except Exception as error:  # the visitor who asks for it is told
                message_for(error)
    features.warm_up()


def warm_up_once_served(demo: gr.Blocks, models: Models, prepare_examples: Callable[[], None]) -> None:
    """The same and the examples, while the first visitor still looks around.

    Not before the app is served: while it starts, warnings are silenced for the whole process, and imports of another
    thread would end that early.
    """
    end = time.monotonic() + 60  # s
    while not demo.is_running and time.monotonic() < end:
        time.sleep(0.1)
    warm_up(models)
    prepare_examples()


def explain_black(bundle: Bundle, *, gradients: bool = True) -> None:
    """Encode and explain some seconds of a black picture and silence; only encode and occlude without gradients."""
    config = bundle.encoders.config
    black = np.zeros((config.frames_per_second, *config.frame_size, 3), np.uint8)
    silence = np.zeros(SAMPLE_RATE, np.float32)
    seconds = [Second(index, black, silence, None, False) for index in range(BLACK_SECONDS)]
    tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
    if not gradients:
        assert masker_of(bundle.model, tokens).occlusion is not None
        return
    summary = ClipSummary("black", "", 0.0, float(BLACK_SECONDS), BLACK_SECONDS, has_audio=True, has_video=True)
    EncodedClip(bundle, tokens, summary).explain()
