"""On a ZeroGPU Space a function gets its GPU from a decorator; everywhere else that decorator does nothing.

There the decorated function runs in a forked process, to which a GPU is lent for some seconds. The process that serves
the app must not touch CUDA: its models stay on the CPU, and the forked one makes a copy on the GPU. What is passed to
the decorated function and what it yields crosses between the two: errors as values, tensors as arrays.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

Steps = TypeVar("Steps", bound=Callable[..., Iterator[Any]])

try:
    import spaces  # before torch
    from spaces.config import Config
except ImportError:
    LENT = False
else:
    LENT = bool(Config.zero_gpu)  # Spaces of every kind have the package installed

import torch  # noqa: E402

from sec2sec.errors import UserError  # noqa: E402
from sec2sec.ui.messages import message_if_for_people  # noqa: E402

LENT_GPU = "cuda"  # what a forked process is lent, as Models.get takes it

START = 15.0  # s for a process, a CUDA context and a copy of the model: more than they take, or visitors are cut off
PER_SECOND = 0.15  # s for each second of a clip of at most HD, whose decoding takes 0.03 to 0.09 s on two cores
HD = 1280 * 720  # pixels; larger pictures take longer in proportion


class RefusedOnGpuError(UserError):
    """What the forked process could not do with a clip, in the sentence that its own error had for people."""


class FailedOnGpuError(RuntimeError):
    """A mistake of ours in the forked process, with its traceback as text."""


@dataclass(frozen=True)
class Raised:
    """An error of the forked process, as it crosses."""

    name: str  # of its class
    sentence: str | None  # for people; None for a mistake of ours
    traceback: str

    @staticmethod
    def of(error: Exception) -> Raised:
        """What crosses of an error that was just caught."""
        return Raised(type(error).__name__, message_if_for_people(error), "".join(traceback.format_exception(error)))

    @property
    def error(self) -> Exception:
        """The error that is raised in its place."""
        if self.sentence is not None:
            return RefusedOnGpuError(self.sentence)
        return FailedOnGpuError(f"{self.name} in the process of a lent GPU\n{self.traceback}")


def gpu_seconds(seconds: float, pixels: int = 0, encodings: int = 1) -> int:
    """How long a GPU is asked for to decode and encode `seconds` s of video of `pixels` a picture, s."""
    return round(START + PER_SECOND * seconds * max(1.0, pixels / HD) * encodings)


def on_gpu(duration: Callable[..., int]) -> Callable[[Steps], Steps]:
    """Decorates a generator that runs where the Space lends a GPU; where none is lent it is left as it is.

    duration: of the same arguments → how long the GPU is asked for, s. The generator then raises gradio.Error where no
    GPU is lent (no quota is left, none is free, the time ran out), and `Raised.error` in place of its own errors.
    """

    def decorate(steps: Steps) -> Steps:
        if not LENT:
            return steps

        @spaces.GPU(duration=duration)
        def forked(*arguments: Any) -> Iterator[Any]:
            try:
                yield from steps(*arguments)
            except Exception as error:
                yield Raised.of(error)

        @functools.wraps(steps)
        def asking(*arguments: Any) -> Iterator[Any]:
            raised = None
            with closing(forked(*arguments)) as crossing:  # a visitor who leaves gives the GPU back
                for step in crossing:
                    if isinstance(step, Raised):
                        raised = step  # it was the last one, and the process may serve the next visitor
                    else:
                        yield step
            if raised is not None:
                raise raised.error

        return asking  # type: ignore[return-value]

    return decorate


def _as_array(tensor: torch.Tensor) -> tuple[Any, ...]:
    return torch.from_numpy, (tensor.detach().cpu().numpy(),)


if LENT:
    # torch would pass its memory itself, as files of /dev/shm: a container has 64 MB, and they go with their process
    ForkingPickler.register(torch.Tensor, _as_array)
