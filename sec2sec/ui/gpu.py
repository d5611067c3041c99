"""On a ZeroGPU Space a function gets its GPU from a decorator; everywhere else that decorator does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

try:
    import spaces
except ImportError:
    LENT = False

    def on_gpu(function: F) -> F:
        """The function as it is: this machine is no ZeroGPU Space."""
        return function
else:
    LENT = True

    def on_gpu(function: F) -> F:
        """The function, run where the Space lends a GPU; a generator stays one."""
        wrapped: F = spaces.GPU(duration=120)(function)
        return wrapped
