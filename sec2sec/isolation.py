"""Limits that a process sets itself before it reads what a stranger sent; on Windows there are none."""

from __future__ import annotations

import sys

MEMORY_EXIT = 86  # exit code of a process that has no memory left


def limit_memory(size: int) -> None:
    """Let this process have at most so many bytes of address space, and leave no core file."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_processor(seconds: float) -> None:
    """End this process, by SIGXCPU, once it has computed for so many seconds from now."""
    if sys.platform != "win32":
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        until = int(usage.ru_utime + usage.ru_stime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
