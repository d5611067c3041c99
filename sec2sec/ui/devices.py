"""The devices that clips are encoded on, and whose turn it is on each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from sec2sec.device import pick_device
from sec2sec.ui.gpu import LENT, LENT_GPU


@dataclass(frozen=True)
class RunsOn:
    """A step that says where a clip is encoded."""

    words: str  # as they end a sentence


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
