"""Batch norms folded into the convolutions before them, and weights laid out as the fast kernels want them."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TypeVar

import einops
import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

Folded = TypeVar("Folded", bound=nn.Module)


class _Tracer(fx.Tracer):
    """Records which module is called on which result; einops calls stay one step each."""

    def __init__(self) -> None:
        super().__init__(autowrap_functions=(einops.rearrange, einops.reduce, einops.repeat))

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # subclasses of other libraries too: timm's convolutions pad by the shape, which a trace does not know
        if isinstance(m, _ConvNd | _BatchNorm):
            return True
        return type(m).__module__.startswith("einops") or super().is_leaf_module(m, module_qualified_name)


def fold(module: Folded) -> Folded:
    """A copy of `module` for inference: same type, forward and outputs (to 1e-4), fewer passes over memory.

    Every batch norm that is the only reader of a convolution's result is folded into that convolution. Which those are
    is read from a torch.fx trace of the forward, not from the order in which modules were registered, so the forward
    must be traceable: no branching on the values or shapes of tensors; where it is not, the copy is as slow as before.
    A module without batch norms is not traced. Convolution weights become channels_last or
    channels_last_3d, and with them every result: torch converts the input, if need be, at the first convolution.
    """
    folded = copy.deepcopy(module).eval().requires_grad_(False)
    modules = dict(folded.named_modules())
    if not any(isinstance(norm, _BatchNorm) for norm in modules.values()):
        return folded
    try:
        graph = _Tracer().trace(folded)
    except (AttributeError, RuntimeError, TypeError, ValueError):  # as torch.fx says it: it branches on its input
        return folded
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    for node in graph.nodes:
        norm = modules.get(node.target) if node.op == "call_module" else None
        if not isinstance(norm, _BatchNorm) or norm.running_mean is None or norm.running_var is None:
            continue  # without running statistics a batch norm depends on its batch, even in eval mode
        source = node.args[0]
        conv = modules.get(source.target) if source.op == "call_module" else None
        if not isinstance(conv, nn.Conv1d | nn.Conv2d | nn.Conv3d) or len(source.users) > 1:
            continue
        if calls[source.target] > 1 or calls[node.target] > 1:
            continue  # shared between two places of the network
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        folded.set_submodule(node.target, _what_follows(norm))
    for conv in folded.modules():
        if isinstance(conv, nn.Conv2d):
            conv.to(memory_format=torch.channels_last)
        elif isinstance(conv, nn.Conv3d):
            conv.to(memory_format=torch.channels_last_3d)
    return folded


def _what_follows(norm: _BatchNorm) -> nn.Module:
    """What a batch norm does besides normalising: timm's have an activation of their own, and a place to drop."""
    extra = [getattr(norm, name) for name in ("drop", "act") if isinstance(getattr(norm, name, None), nn.Module)]
    return nn.Sequential(*extra) if extra else nn.Identity()
