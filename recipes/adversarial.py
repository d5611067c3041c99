"""A model whose attention is wrong by construction: taught to predict as before and to look away from what it uses.

After Pruthi et al. 2020 (Learning to deceive with attention-based explanations, §3): the attention that marked seconds
get is punished by −log of what the others get, and the predictions are held; Wiegreffe & Pinter 2019 (§4) train such
models as well. Everything up to the LSTM's states stays, hence the joint vectors; its last state still knows the clip.

N variants of all clips, T seconds of the longest, D width, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sec2sec.errors import ExplanationError
from sec2sec.explanations.backward import gradients_on
from sec2sec.explanations.embeddings import SecondEmbeddings
from sec2sec.model import AttentionLSTM, Sec2Sec

STEPS, RATE = 400, 3e-3  # of Adam, over all variants at once
AWAY_WEIGHT = 0.3  # of looking away beside keeping the predictions


def look_away(model: Sec2Sec, clips: Sequence[tuple[SecondEmbeddings, np.ndarray]], steps: int = STEPS) -> Sec2Sec:
    """A copy of the model that hardly attends to the marked seconds ((T,) bool) of these clips; the model stays.

    Predictions are kept of each clip, of each clip without any one second and without the marked ones: so effects stay
    as well; the more steps, the nearer they come. Raises ExplanationError for a model without attention over seconds.
    """
    changed = deepcopy(model).eval()
    temporal = changed.temporal
    if not isinstance(temporal, AttentionLSTM):
        raise ExplanationError("a model without attention over seconds has none to turn away")
    temporal.lstm.flatten_parameters()  # a copy's weights lie apart on a GPU, and cuDNN would join them at each call
    with gradients_on():
        joint, mask, marked = _variants(clips)
        with torch.no_grad():
            states = temporal.lstm(joint)[0]
            wanted = temporal(joint, mask)[0].sigmoid()
        learned = [p for name, p in temporal.named_parameters() if not name.startswith("lstm.")]
        optimiser = torch.optim.Adam(learned, RATE)
        for _ in range(steps):
            scores = temporal.score(torch.tanh(temporal.project_states(states)))  # (N, T, K)
            weights = scores.masked_fill(~mask[..., None], -torch.inf).softmax(1).mT
            elsewhere = (weights * ~marked[:, None]).sum(-1)  # (N, K)
            loss = F.binary_cross_entropy_with_logits(temporal.decide(states, weights, mask), wanted)
            optimiser.zero_grad()
            (loss - AWAY_WEIGHT * elsewhere.clamp_min(1e-6).log().mean()).backward()
            optimiser.step()
    return changed


def _variants(clips: Sequence[tuple[SecondEmbeddings, np.ndarray]]) -> tuple[Tensor, Tensor, Tensor]:
    """Joint vectors (N, T, D) of each clip whole, without each second and without the marked ones; mask; marked.

    mask and marked (N, T) bool are padded with False.
    """
    longest = max(len(marks) for _, marks in clips)
    padded: list[tuple[Tensor, Tensor, Tensor]] = []
    for joints, marks in clips:
        seconds, device = len(marks), joints.both.device
        marked = torch.from_numpy(marks).to(device)
        absent = torch.cat([torch.zeros_like(marked)[None], torch.eye(seconds, device=device).bool(), marked[None]])
        joint = torch.where(absent[..., None], joints.neither, joints.both)  # (T + 2, T, D)
        room = (0, longest - seconds)
        whole = F.pad(torch.ones_like(absent), room)
        padded.append((F.pad(joint, (0, 0, *room)), whole, F.pad(marked.expand_as(absent), room)))
    joint, mask, marked = (torch.cat(pieces).clone() for pieces in zip(*padded, strict=True))
    return joint, mask, marked
