"""What a training runs on: devices, machines and processes."""

from __future__ import annotations

import atexit
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric

from sec2sec.device import pick_device, training_dtype
from sec2sec.training.loop import TrainingError

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")


@dataclass(frozen=True)
class Hardware:
    """What a training runs on; none of it changes what is learned, beyond rounding."""

    cache: Path  # of tokens, shared by all trainings
    device: str = "auto"
    devices: int = 1  # GPUs, or processes on a CPU, of each machine
    nodes: int = 1  # machines
    workers: int | None = None  # decoding processes; the cores if None

    @property
    def decoders(self) -> int:
        """Decoding processes."""
        return os.cpu_count() or 1 if self.workers is None else self.workers

    def fabric(self, unused: bool = False) -> Fabric:
        """The devices that train together. Raises TrainingError where there are not as many.

        unused: a step may leave parameters without a gradient, as tuned encoders of pictures in a batch without any:
        several processes then look which, or would wait for them in the next step.
        """
        device = pick_device(self.device)
        if self.devices < 1 or self.nodes < 1:
            raise TrainingError(f"devices and nodes must be at least 1, not {self.devices} and {self.nodes}")
        if device.type == "cuda" and self.devices > torch.cuda.device_count():
            raise TrainingError(f"{self.devices} GPUs were asked for, but torch sees {torch.cuda.device_count()}")
        several = self.devices * self.nodes > 1
        if several and device.index is not None:
            raise TrainingError(f"{self.device} is one GPU, but {self.devices} on {self.nodes} machines were asked for")
        together = "ddp_find_unused_parameters_true" if unused else "ddp"
        return Fabric(
            accelerator=device.type,
            devices=self.devices if device.index is None else [device.index],
            num_nodes=self.nodes,
            strategy=together if several else "auto",
            precision="32-true",
        )

    @property
    def precision(self) -> Literal["bf16-mixed", "32-true"]:
        """bfloat16 where the GPU computes in it natively; float32 elsewhere. TrainModule sees to it, not Fabric."""
        native = training_dtype(pick_device(self.device)) == torch.bfloat16
        return "bf16-mixed" if native else "32-true"


def launch(fabric: Fabric) -> None:
    """Start the processes of a training and connect them, until this process ends."""
    atexit.register(_leave_process_group)
    fabric.launch()


def _leave_process_group() -> None:
    """Fabric does this for NCCL alone. gloo's threads may still hold tensors when the interpreter is taken down, which
    aborts the process after its work is done (pytorch/pytorch pull request 179291).
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def first_process() -> bool:
    """Whether this is the only process of a training, or the one that starts the others and writes for all."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def command() -> str:
    """How this process was called."""
    return shlex.join(["python -m sec2sec", *sys.argv[1:]]).replace("'python -m sec2sec'", "python -m sec2sec")
