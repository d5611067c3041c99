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
from typing import Any, Generic, ParamSpec, TypeVar

try:
    import spaces  # before torch
    from spaces.config import Config
except ImportError:
    LENT = False
else:
    LENT = bool(Config.zero_gpu)  # Spaces of every kind have the package installed

import torch

from sec2sec.errors import UserError
from sec2sec.progress import Progress, Steps
from sec2sec.ui.messages import message_if_for_people

P = ParamSpec("P")
R = TypeVar("R")
LENT_GPU = "cuda"  # what a forked process is lent, as Models.get takes it

# s for a process, a CUDA context and a copy of the model: more than they take, or visitors are cut off
SECONDS_TO_START = 15.0
# s for each second of a clip of at most HD, whose decoding takes 0.03 to 0.09 s on two cores
SECONDS_PER_CLIP_SECOND = 0.15
HD_PIXELS = 1280 * 720  # larger pictures take longer in proportion


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


@dataclass(frozen=True)
class Returned(Generic[R]):
    """The result of the forked process, as it crosses: of a generator only what it yields does."""

    value: R


def gpu_seconds(seconds: float, pixels: int = 0, encodings: int = 1) -> int:
    """How long a GPU is asked for to decode and encode `seconds` s of video, each picture of `pixels`, in s."""
    return round(SECONDS_TO_START + SECONDS_PER_CLIP_SECOND * seconds * max(1.0, pixels / HD_PIXELS) * encodings)


def on_gpu(duration: Callable[P, int]) -> Callable[[Callable[P, Steps[R]]], Callable[P, Steps[R]]]:
    """Decorates steps that run where the Space lends a GPU; where none is lent they are left as they are.

    duration: of the same arguments → how long the GPU is asked for, s. The steps then raise gradio.Error where no GPU
    is lent (no quota is left, none is free, the time ran out), and `Raised.error` in place of their own errors.
    """

    def decorate(steps: Callable[P, Steps[R]]) -> Callable[P, Steps[R]]:
        if not LENT:
            return steps

        def run_in_fork(*args: P.args, **kwargs: P.kwargs) -> Iterator[Progress | Raised | Returned[R]]:
            try:
                yield Returned((yield from steps(*args, **kwargs)))
            except Exception as error:
                yield Raised.of(error)

        forked = spaces.GPU(duration=duration)(run_in_fork)

        @functools.wraps(steps)
        def run(*args: P.args, **kwargs: P.kwargs) -> Steps[R]:
            ended: Raised | Returned[R] | None = None
            with closing(forked(*args, **kwargs)) as crossing:  # a visitor who leaves gives the GPU back
                for step in crossing:
                    if isinstance(step, Progress):
                        yield step
                    else:
                        ended = step  # it was the last one, and the process may serve the next visitor
            assert ended is not None, "the forked process ended without a result"
            if isinstance(ended, Raised):
                raise ended.error
            return ended.value

        return run

    return decorate


def _as_array(tensor: torch.Tensor) -> tuple[Any, ...]:
    return torch.from_numpy, (tensor.detach().cpu().numpy(),)


if LENT:
    # torch would pass its memory itself, as files of /dev/shm: a container has 64 MB, and they go with their process
    ForkingPickler.register(torch.Tensor, _as_array)
