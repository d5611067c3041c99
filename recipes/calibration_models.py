"""Small temporal models that the calibration of the verdict judges, each trained in seconds on cached embeddings.

- must attend: attention pooling, no path of the last state (W_x): the prediction goes through the attention alone.
- must attend, no memory: the LSTM's forget gate is shut as well, so that a state is that of one second alone.
- as in the paper: both paths.
- untrained attention: as in the paper, with w and W_h as training finds them; everything else learns around them.
- last second, first second, ramp: the same with weights that follow the place of a second and never look at the clip.

From these are made, without training: attention cut off (W_p = 0), a random head, and random attention in a model that
must attend, which therefore reads it.

B clips, T seconds, D width, K targets.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sec2sec.config import ModelConfig, Temporal
from sec2sec.datasets.known_truth.states import SOFT_TARGET_SLOPE
from sec2sec.explanations.backward import gradients_on
from sec2sec.explanations.embeddings import all_seconds
from sec2sec.model import AttentionLSTM, Sec2Sec

Kind = Literal[
    "must attend",
    "must attend, no memory",
    "as in the paper",
    "untrained attention",
    "last second",
    "first second",
    "ramp",
]
HIDDEN = 32
STEPS, CLIPS_PER_STEP, RATE = 1000, 48, 4e-3
DECAY = 0.1  # keeps the states off the ends of tanh, where no weights would matter
SHUT = -10.0  # bias of a gate, twice: 2e-9 of the memory stays
FIXED_SHARE = 0.9  # of the attention, on the first or on the last second


class FixedAttention(AttentionLSTM):
    """Attention that only the place of a second decides; everything else learns around it."""

    def __init__(self, config: ModelConfig, kind: str) -> None:
        super().__init__(config)
        self.kind = kind

    def forward(self, joint: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """joint (B, T, D), mask (B, T) all True → logits (B, K) and attention (B, K, T)."""
        states = self.lstm(joint)[0]
        weights = torch.from_numpy(place_attention(self.kind, joint.shape[1])).to(states)
        attention = weights.expand(len(joint), len(self.predict_bias), -1)
        return self.decide(states, attention, mask), attention


def place_attention(kind: str, seconds: int) -> np.ndarray:
    """(T,) attention that never looks at the clip: FIXED_SHARE on one second, or 1 / (1 + t)."""
    if kind == "ramp":
        weights = 1 / (1 + np.arange(seconds, dtype=np.float64))
    else:
        weights = np.full(seconds, (1 - FIXED_SHARE) / max(1, seconds - 1))
        weights[-1 if kind == "last second" else 0] = FIXED_SHARE
    shares: np.ndarray = weights / weights.sum()
    return shares


def new_model(width: int, targets: tuple[str, ...], kind: Kind, seed: int) -> Sec2Sec:
    """With random weights. Of it, only `temporal` is used: its seconds are embedded already."""
    structure: Temporal = "attention-pooling-lstm" if kind.startswith("must attend") else "attention-lstm"
    config = ModelConfig(targets, "SA-CA", structure, input_width=width, width=width, hidden=HIDDEN, dropout=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = Sec2Sec(config, (1, 1, 1), (1, 1)).eval()
        if kind in ("last second", "first second", "ramp"):
            model.temporal = FixedAttention(config, kind)
    temporal = temporal_of(model)
    if kind == "untrained attention":
        temporal.score.requires_grad_(False)
        temporal.project_states.requires_grad_(False)
    if kind == "must attend, no memory":
        forget = slice(HIDDEN, 2 * HIDDEN)  # rows of that gate: torch has input, forget, cell, output
        weights = dict(temporal.lstm.named_parameters())
        nn.init.zeros_(weights["weight_hh_l0"]).requires_grad_(False)
        for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
            nn.init.constant_(weights[name][forget], 0.0 if name.startswith("weight") else SHUT)
            weights[name].register_hook(partial(_without_rows, rows=forget))
    return model


def _without_rows(gradient: Tensor, rows: slice) -> Tensor:
    """The gradient with some rows at zero, so that those of the parameter stay."""
    gradient = gradient.clone()
    gradient[rows] = 0
    return gradient


def temporal_of(model: Sec2Sec) -> AttentionLSTM:
    """The attention-LSTM of such a model."""
    assert isinstance(model.temporal, AttentionLSTM)
    return model.temporal


def train(model: Sec2Sec, batches: Iterable[tuple[np.ndarray, np.ndarray]], steps: int = STEPS) -> Sec2Sec:
    """Teach the model soft targets. batches: embeddings (B, T, D), sums of evidence (B, K), `steps` of them."""
    temporal = temporal_of(model)
    learned = [p for p in temporal.parameters() if p.requires_grad]
    with gradients_on():
        optimiser = torch.optim.AdamW(learned, RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for embeddings, evidence in batches:
            joint = torch.from_numpy(embeddings).float()
            wanted = torch.from_numpy(SOFT_TARGET_SLOPE * evidence).float().sigmoid()
            loss = F.binary_cross_entropy_with_logits(temporal(joint, all_seconds(joint))[0], wanted)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learned, 1.0)
            optimiser.step()
            schedule.step()
    return model.requires_grad_(False)


def cut_off(model: Sec2Sec) -> Sec2Sec:
    """A copy that cannot read its attention: W_p = 0."""
    changed = deepcopy(model)
    nn.init.zeros_(temporal_of(changed).project_summary.weight)
    return changed


def with_random_head(model: Sec2Sec, seed: int) -> Sec2Sec:
    """A copy whose whole temporal part is as it was before training."""
    changed = deepcopy(model)
    changed.temporal = new_model(model.config.width, model.config.targets, "as in the paper", seed).temporal
    return changed.requires_grad_(False)


def with_random_attention(model: Sec2Sec, seed: int) -> Sec2Sec:
    """A copy whose attention has random weights, at a scale that makes it uneven."""
    changed = deepcopy(model)
    source = temporal_of(new_model(model.config.width, model.config.targets, "as in the paper", seed))
    temporal = temporal_of(changed)
    temporal.project_states, temporal.score = source.project_states, source.score
    nn.init.normal_(temporal.score.weight, std=1.0)
    return changed.requires_grad_(False)
