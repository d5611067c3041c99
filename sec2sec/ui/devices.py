"""The devices that clips are encoded on, and whose turn it is on each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from sec2sec.device import pick_device
from sec2sec.progress import Progress, Steps, drain
from sec2sec.ui.gpu import LENT, LENT_GPU
from sec2sec.ui.work import SECONDS_BETWEEN_LOOKS, WAITING_STAGE, Channel, Work

R = TypeVar("R")
WAITING = Progress(0, 0, "Waiting: another clip is being encoded", WAITING_STAGE)
SECONDS_UNTIL_SAID = 0.5  # a shorter wait is no news


@dataclass
class Device:
    """One device. lock: held while a clip is encoded; None where each clip has a GPU of its own, a lent one."""

    name: str  # as load_checkpoint takes it
    lock: threading.Lock | None = field(default_factory=threading.Lock)
    clips: int = 0  # that run on it, or wait for it


class Devices:
    """Gives each clip a device."""

    def __init__(self, names: Sequence[str]) -> None:
        """names: of devices, each once; a lent GPU by the name LENT_GPU."""
        self.devices = [Device(name, None) if LENT and name == LENT_GPU else Device(name) for name in names]
        self._guard = threading.Lock()  # of the counts

    @contextmanager
    def least_busy(self) -> Iterator[Device]:
        """The device with the fewest clips, the first of several; within the block it has one more."""
        with self._guard:
            device = min(self.devices, key=lambda device: device.clips)
            device.clips += 1
        try:
            yield device
        finally:
            with self._guard:
                device.clips -= 1


def with_device_lock(devices: Devices, steps: Callable[[str], Steps[R]]) -> Work[R]:
    """The work of one clip on the least busy device. steps: of the device's name.

    It holds the lock of the device, if that has one, while it computes there and not while it decodes: two clips at
    once only make each other slow, or fill the device's memory, and nobody waits for a file that is slow to read. It
    holds none either while others are let past.
    """

    def work(channel: Channel) -> R:
        with devices.least_busy() as device, ExitStack() as held, closing(steps(device.name)) as progresses:
            lock, holds = device.lock, False

            def let_go() -> None:
                nonlocal holds
                held.pop_all().close()
                holds = False

            def pass_on(progress: Progress) -> None:
                nonlocal holds
                channel.send(progress)
                if holds and (progress.stage == "decoding" or channel.turn.others_first()):
                    let_go()
                channel.let_others_past()
                if lock is not None and progress.stage != "decoding" and not holds:
                    acquire(lock, channel)
                    held.callback(lock.release)
                    holds = True

            return drain(progresses, pass_on)

    return work


def acquire(lock: threading.Lock, channel: Channel) -> None:
    """Wait for a lock, and say so; a visitor who leaves waits no more."""
    if lock.acquire(timeout=SECONDS_UNTIL_SAID):
        return
    with channel.waiting(WAITING):
        while not lock.acquire(timeout=SECONDS_BETWEEN_LOOKS):
            channel.check()


def device_names(setting: str) -> list[str]:
    """The devices of a setting auto, cpu or cuda, as load_checkpoint takes them: every GPU where there are several.

    Where a GPU is lent, the CPU: this process must not touch another. Raises DeviceError for a GPU that is not there.
    """
    if LENT or pick_device(setting).type == "cpu":
        return ["cpu"]
    return [f"cuda:{index}" for index in range(torch.cuda.device_count())]


def device_words(device: torch.device) -> str:
    """A device for people, after "on"."""
    if device.type != "cuda":
        return "the CPU"
    index = device.index if device.index is not None else torch.cuda.current_device()
    return f"cuda:{index} ({torch.cuda.get_device_name(index)})"


def all_devices_words(devices: Devices) -> str:
    """Where clips are encoded here, as a sentence."""
    if LENT:
        return "A GPU is lent for each clip (ZeroGPU); data sets are evaluated on the CPU."
    words = [device_words(torch.device(device.name)) for device in devices.devices]
    return f"Clips are encoded on {', '.join(words)}."
