"""Integrated gradients of any function are captum's, however the path is cut into passes."""

from __future__ import annotations

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from sec2sec.explanations.path_integral import integrate_gradients

STEPS = 7


class TwoInputs(nn.Module):
    """(N, 3, 2) and (N, 4) → (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(6, 2), nn.Linear(4, 2)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return (self.first(one.flatten(1)).tanh() * self.second(other).exp()).double()


@pytest.mark.parametrize("examples_per_pass", [1, 6, 7, 100])
def test_shares_and_what_they_miss_are_captums(examples_per_pass: int) -> None:
    function = TwoInputs()
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(3, 3, 2, generator=generator), torch.randn(3, 4, generator=generator)]
    baselines = [torch.randn(3, 3, 2, generator=generator), torch.randn(3, 4, generator=generator)]
    targets = torch.tensor([0, 1, 1])
    shares, missed = integrate_gradients(function, inputs, baselines, targets, STEPS, examples_per_pass)
    expected, delta = IntegratedGradients(function).attribute(
        tuple(inputs), tuple(baselines), target=targets, n_steps=STEPS, return_convergence_delta=True
    )
    for ours, theirs in zip(shares, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
        assert not ours.requires_grad
    torch.testing.assert_close(missed, delta, atol=1e-6, rtol=1e-3)
    assert all(parameter.grad is None for parameter in function.parameters())
