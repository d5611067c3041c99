"""Which checks there are, in the order of their value. Nothing here imports torch.

A check is a generator of rows. It runs in a process of its own (child.py); run.py starts it while its time lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sec2sec.baselines import SYSTEMS

if TYPE_CHECKING:
    from bench.gpu.setting import Setting
    from bench.row import Row

SECONDS = 470  # of the whole, by default: under eight minutes
PATIENCE = 4  # a check that takes so many times as long as it should is ended
SHORTEST_PATIENCE = 60  # s; a GPU's first kernels are loaded from the disk


@dataclass(frozen=True)
class Check:
    """One check."""

    name: str  # on the command line and in the JSON
    title: str  # in the table
    function: str  # "module:function" of this package; (setting, **arguments) → rows
    about: float  # s on an H100 with 16 cores; one that would pass the end of the time is skipped
    arguments: Mapping[str, Any] = field(default_factory=dict)
    memory: bool = False  # whether its peak memory is a row as well

    def load(self) -> Callable[[Setting], Iterator[Row]]:
        """The function itself, with its arguments."""
        module, name = self.function.split(":")
        function = getattr(import_module(f"bench.gpu.{module}"), name)
        return lambda setting: function(setting, **self.arguments)

    @property
    def patience(self) -> float:
        """s after which it is ended."""
        return max(SHORTEST_PATIENCE, PATIENCE * self.about)


QUESTIONS = {
    "gradients": "integrated gradients on tokens",
    "places": "effects of places within a second",
    "stability": "stability under shifted cuts",
    "compare": "one clip through two checkpoints",
    "look-away": "the adversarial model",
    "copy": "a copy of the model on the CPU, as the Lab makes it",
}

POOLING = {"temporal": "attention-pooling-lstm"}
CHECKS = (
    Check("first", "The first explanation of a process", "agreement:first_explanation", 15),
    Check("examples", "All example clips on the CPU and on the GPU", "agreement:example_clips", 20),
    Check("paper-clip", "A 10-second clip with the paper preset", "speed:paper_clip", 15, memory=True),
    Check("train-frozen", "Training from cached tokens", "trainings:frozen", 5),
    Check("train-float16", "Training in 16-mixed", "trainings:frozen", 5, {"precision": "16-mixed"}),
    Check("train-pooling", "Training of attention pooling", "trainings:frozen", 5, POOLING),
    Check("train-tuned", "Training with tuned encoders", "trainings:tuned", 6, memory=True),
    Check("epoch-full", "An epoch at full grids", "trainings:paper_epoch", 35, {"grids": "full"}, memory=True),
    Check("extraction", "Extraction: clips per second", "extraction:extraction", 80, memory=True),
    Check("tests", "The project's own CUDA tests", "questions:cuda_tests", 25),
    Check("precision", "What half precision and TF32 move", "agreement:precisions", 10),
    Check("lstm", "The LSTM under autocast", "agreement:lstm", 4),
    Check("tokens", "The same tokens on the CPU and on the GPU", "agreement:same_tokens", 4),
    Check("tiny", "A model of large random weights on the CPU and on the GPU", "agreement:random_model", 4),
    Check("named-encoders", "Encoders by name on the CPU and on the GPU", "named:encoders", 12),
    Check("systems", "All ten systems on the CPU and on the GPU", "agreement:systems", 4),
    Check("epoch-pooled", "An epoch at pooled grids", "trainings:paper_epoch", 15, {"grids": "pooled"}, memory=True),
    Check("resume", "A stopped and resumed training", "trainings:resumed", 8),
    *(
        Check(f"question-{name}", f"Question: {title}", f"questions:{name.replace('-', '_')}", 2)
        for name, title in QUESTIONS.items()
    ),
    *(
        Check(f"train-{name}", f"Training of {system.title}", "trainings:system", 3, {"name": name})
        for name, system in SYSTEMS.items()
    ),
    Check("encoders", "The paper's encoders by precision and size of a pass", "speed:encoders", 25, memory=True),
    Check("step", "One training step and one batch", "trainings:step", 6),
    Check("tokens-explained", "From tokens to an explanation", "speed:tokens_explained", 6),
    Check("vivit", "ViViT in its published size", "speed:published", 12, {"name": "vivit"}, memory=True),
    Check("avm", "AVM in its published size", "speed:published", 10, {"name": "avm"}, memory=True),
    Check("vivit-tuned", "Training of published ViViT", "trainings:published", 20, {"name": "vivit"}, memory=True),
    Check("avm-tuned", "Training of published AVM", "trainings:published", 15, {"name": "avm"}, memory=True),
    Check("decoding", "Decoding 720p beside encoding", "extraction:decoding", 8),
)
BY_NAME = {check.name: check for check in CHECKS}
assert len(BY_NAME) == len(CHECKS)
