"""Runs of the shared model that can be taken backwards, and leave it as it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sec2sec.explanations.embeddings import all_seconds
from sec2sec.model import Sec2Sec


@contextmanager
def gradients_on() -> Iterator[None]:
    """Autograd for this thread, also inside inference_mode. Tensors from there must be cloned in here."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def differentiable(temporal: nn.Module) -> nn.Module:
    """The LSTM part with its own parameters, as a module that cuDNN can run backwards.

    cuDNN's LSTM keeps what the backward run needs in training mode alone. A shallow twin is put in it, so that the
    shared model stays as it is; one layer without dropout computes the same in both modes.
    """
    twin = copy.copy(temporal)
    twin._modules = dict(temporal._modules)
    lstm = temporal.get_submodule("lstm")
    assert isinstance(lstm, nn.LSTM)
    assert lstm.dropout == 0
    twin._modules["lstm"] = trained = copy.copy(lstm)
    trained.training = True
    return twin


def joint_slopes(model: Sec2Sec, joint: Tensor) -> Tensor:
    """The slope of each target's logit on each joint vector: joint (T, D) → (K, T, D). Call it under gradients_on."""
    copies = joint.repeat(len(model.config.targets), 1, 1).requires_grad_()
    logits = differentiable(model.temporal)(copies, all_seconds(copies))[0]
    return torch.autograd.grad(logits.diagonal().sum(), copies)[0]  # target k of copy k
