"""Integrated gradients (Sundararajan et al. 2017) of any function, by Gauss-Legendre quadrature.

The same sums as captum's IntegratedGradients, whose import takes half a second; the tests compare both.
N examples, each with a target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from numpy.polynomial.legendre import leggauss
from torch import Tensor


def integrate_gradients(
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    baselines: Sequence[Tensor],
    targets: Tensor,
    steps: int,
    examples_per_pass: int,
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Each input's share of the change of function(*inputs)[n, targets[n]] from the baselines to the inputs.

    function: tensors like the inputs, with any number of examples (N', …) → (N', K). inputs, baselines: (N, …) each.
    targets (N,). Returns the shares, shaped as the inputs, and by how much the sum of an example's misses the change
    (N,). Call it where autograd is on.
    """
    points, weights = leggauss(steps)
    path = [((1 + point) / 2, weight / 2) for point, weight in zip(points.tolist(), weights.tolist(), strict=True)]
    differences = [end - start for start, end in zip(baselines, inputs, strict=True)]
    slopes = [torch.zeros_like(end) for end in inputs]
    steps_per_pass = max(1, examples_per_pass // len(targets))
    for first in range(0, steps, steps_per_pass):
        passed = path[first : first + steps_per_pass]
        at = [
            torch.cat([start + position * difference for position, _ in passed]).requires_grad_()
            for start, difference in zip(baselines, differences, strict=True)
        ]
        chosen = function(*at).gather(1, targets.repeat(len(passed))[:, None])
        for total, gradient in zip(slopes, torch.autograd.grad(chosen.sum(), at), strict=True):
            for (_, weight), part in zip(passed, torch.split(gradient, len(targets)), strict=True):
                total += weight * part
    shares = tuple(slope * difference for slope, difference in zip(slopes, differences, strict=True))
    with torch.no_grad():
        start, end = (function(*side).gather(1, targets[:, None])[:, 0] for side in (baselines, inputs))
        total = torch.stack([share.flatten(1).sum(1) for share in shares]).sum(0)
        return shares, total - (end - start)
