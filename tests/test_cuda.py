"""The same clip on a GPU and on the CPU; run by `make test-cuda`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import explain
from tests.helpers import clips
from tests.helpers.models import save_tiny

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]


def test_cpu_and_cuda_agree_on_predictions_and_effects(tmp_path):
    folder, clip = save_tiny(tmp_path / "tiny"), clips.make_clip(tmp_path / "clip.mp4", seconds=3)
    on_cpu, on_gpu = (explain(clip, load_checkpoint(folder, device)) for device in ("cpu", "cuda"))
    for name, target in on_cpu.targets.items():
        other = on_gpu.targets[name]
        assert other.prediction == pytest.approx(target.prediction, abs=0.0005)
        np.testing.assert_allclose(other.effect, target.effect, atol=0.001)
