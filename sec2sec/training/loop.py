"""One training loop for every system: `for report in fit(…)`. Its callers print, plot, save or stop.

Nothing random is carried from step to step: order, dropout and hidden modalities are functions of (seed, step,
process). So a training that is killed goes on from its last saved state and ends with the same weights, bit for bit on
a CPU, as one that never was; and a stop in the middle of an epoch loses nothing.

B clips, K targets, T seconds.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sec2sec.encoders import CHUNK, Encoders
from sec2sec.errors import UserError
from sec2sec.features import frame_tensor
from sec2sec.metrics import TrainingLabels, main_scores, trivial_scores
from sec2sec.model import Model
from sec2sec.training.batches import Batch, Source, batches_of
from sec2sec.training.losses import clip_loss
from sec2sec.training.settings import TrainConfig

Report = dict[str, Any]
State = dict[str, Any]


READ_LOSS = 20  # steps between two looks at the loss: each waits for the GPU, which idles meanwhile
# What a state holds besides tensors, the sums of losses and labels, and the history
PLAIN: tuple[str, ...] = (
    *("epoch", "batch", "passed", "rising", "last_loss"),
    *("best_epoch", "best_score", "best_loss"),
)


class TrainingError(UserError):
    """A training that cannot go on: says what was found and what to do."""


class DivergedError(TrainingError):
    """The loss is no number any more."""


class TrainModule(nn.Module):
    """What is trained: the model, and the encoders where they are tuned.

    Batch in; logits (B, K) and attention over seconds (B, K, T) or None out, in float32: Fabric refuses a frozen
    Output. The autocast is its own and begins where batches have arrived: Fabric's would cast frames and samples before
    the MFCC is made of them, and cached tokens from float16 to fewer digits.
    """

    def __init__(
        self,
        model: Model,
        encoders: Encoders | None = None,
        norms_learn: bool = False,
        precision: torch.dtype = torch.float32,
    ) -> None:
        """norms_learn: batch norms follow the batches; only for encoders that start from nothing.

        precision: of matrix products and convolutions in training mode; in evaluation mode it is float32, so that the
        score that chooses an epoch is that of its checkpoint.
        """
        super().__init__()
        self.model, self.encoders, self.norms_learn, self.precision = model, encoders, norms_learn, precision

    def train(self, mode: bool = True) -> TrainModule:
        super().train(mode)
        if self.encoders is not None and not self.norms_learn:
            self.encoders.eval()  # a batch holds few clips: its statistics would be worse than the published ones
        return self

    def new_parameters(self) -> list[nn.Parameter]:
        """What starts from nothing."""
        published = {id(parameter) for parameter in self.model.backbone()}
        return [p for p in self.model.parameters() if p.requires_grad and id(p) not in published]

    def tuned_parameters(self) -> list[nn.Parameter]:
        """What brings weights along, and learns at a lower rate."""
        encoders = [] if self.encoders is None else list(self.encoders.parameters())
        return [p for p in self.model.backbone() if p.requires_grad] + encoders

    def forward(self, batch: Batch, hide: float = 0.0) -> tuple[Tensor, Tensor | None]:
        """hide: share of clips whose sound, and as many whose picture, is taken away as if they had none."""
        low = self.training and self.precision != torch.float32
        with torch.autocast(batch.mask.device.type, self.precision if low else None, enabled=low):
            if self.encoders is not None:
                batch = self.encode(batch)
            video, audio, seen, heard = batch.video.float(), batch.audio.float(), batch.seen, batch.heard
            if hide:
                lot, both = torch.rand(len(seen), device=seen.device), seen & heard
                seen, heard = seen & ~(both & (lot < hide)), heard & ~(both & (lot > 1 - hide))
            video = torch.where(seen[:, None, None, None], video, self.model.reference_video)
            audio = torch.where(heard[:, None, None, None], audio, self.model.reference_audio)
            output = self.model(video, audio, batch.mask, evidence=False)
        return output.logits, output.second_weights

    def encode(self, batch: Batch) -> Batch:
        """Frames and samples of the real seconds → tokens (float32) at their places."""
        assert self.encoders is not None
        shapes, device = self.encoders.config.shapes.values(), batch.mask.device
        video, audio = (torch.zeros(*batch.mask.shape, *shape, device=device) for shape in shapes)
        if len(batch.video):
            at = (batch.mask & batch.seen[:, None])[..., None, None]
            video = video.masked_scatter(at, self.encode_video(batch.video))
        if len(batch.audio):
            at = (batch.mask & batch.heard[:, None])[..., None, None]
            audio = audio.masked_scatter(at, self.encode_audio(batch.audio))
        return batch._replace(video=video, audio=audio)

    def encode_video(self, frames: Tensor) -> Tensor:
        """Frames (N, M, 128, 171, 3) → (N, V, C); in one pass where batch norms learn: their batch is all of it."""
        assert self.encoders is not None
        if self.training and self.norms_learn:
            return self.encoders.video(frame_tensor(frames)).float()
        if not (torch.is_grad_enabled() and self.encoders.config.preset == "paper"):
            return self.encoders.encode_video(frames)
        # R(2+1)D keeps 0.45 GB a second for the way back: only a few seconds' worth here, computed twice
        see = partial(
            checkpoint, self.encoders.encode_video, use_reentrant=False, preserve_rng_state=False
        )  # no dropout inside
        return torch.cat([see(part) for part in frames.split(CHUNK)])

    def encode_audio(self, samples: Tensor) -> Tensor:
        """Samples (N, 16000) → (N, A, C); the same."""
        assert self.encoders is not None
        if self.training and self.norms_learn:
            return self.encoders.audio(self.encoders.mfcc(samples)).float()
        return self.encoders.encode_audio(samples)


@dataclass(frozen=True)
class Predictions:
    """Logits of every clip of a split, and its attention over seconds where the system has any."""

    logits: np.ndarray  # (N, K)
    attention: list[np.ndarray] | None  # of each clip (K, T), real seconds alone

    @property
    def probability(self) -> np.ndarray:
        """(N, K) in 0..1."""
        return 1 / (1 + np.exp(-self.logits))


@torch.no_grad()
def predict(
    trainee: nn.Module, source: Source, batch: int, device: torch.device, fabric: Fabric | None = None
) -> Predictions:
    """Every clip of a split once. With `fabric`, each of its processes predicts a share, and all get the whole.

    The repetitions that fill the last batches of processes are dropped after gathering, before anything is computed.
    """
    trainee.eval()
    seconds = source.clips.seconds
    longest, targets = int(seconds.max()), source.clips.labels.shape[1]
    rank, processes = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)
    rows: list[Tensor] = []
    attends = True
    for part in source.load(batches_of(seconds, batch, seed=None, rank=rank, processes=processes)):
        moved = part.to(device)
        logits, weights = trainee(moved)
        attends = weights is not None
        if weights is None:
            weights = logits.new_zeros(len(logits), targets, 0)
        padded = nn.functional.pad(weights.double(), (0, longest - weights.shape[-1]))
        # one table, so that one gathering serves all
        rows.append(torch.cat([moved.which[:, None].double(), logits.double(), padded.flatten(1)], 1))
    table = torch.cat(rows)
    if fabric and processes > 1:
        table = torch.as_tensor(fabric.all_gather(table)).flatten(0, 1)
    table = table[table[:, 0] >= 0].cpu()
    assert len(table) == len(seconds), (len(table), len(seconds))
    table = table[table[:, 0].argsort()]
    logits, weights = table[:, 1 : 1 + targets], table[:, 1 + targets :].unflatten(1, (targets, longest))
    each = [w[:, :t].numpy() for w, t in zip(weights, seconds.tolist(), strict=True)]
    return Predictions(logits.numpy(), each if attends else None)


class TrainLoop:
    """A training between two batches: what it has learned, how far it is, and how it goes on."""

    def __init__(
        self,
        trainee: TrainModule,
        training: Source,
        validation: Source,
        config: TrainConfig,
        labels: Mapping[str, TrainingLabels],
        fabric: Fabric,
    ) -> None:
        """labels: of each target, in the order of the model's; they say its kind and the trivial baselines."""
        self.trainee, self.training, self.validation = trainee, training, validation
        self.config, self.labels, self.fabric = config, labels, fabric
        assert config.rate is not None  # the settings fill it in
        groups: list[dict[str, Any]] = [{"params": trainee.new_parameters(), "full": config.rate}]
        if tuned := trainee.tuned_parameters():
            groups.append({"params": tuned, "full": config.encoder_rate})
        self.optimiser = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.weight_decay, fused=True)
        self.module, self.stepper = fabric.setup(trainee, self.optimiser)
        self.epoch = self.batch = 0  # whole epochs done, and batches of the one begun
        self.sums = self._sums()  # of losses, and of labels, in the epoch begun
        self.passed = 0.0  # s spent in the epoch begun
        self.rising, self.last_loss = 0, math.inf
        self.best: dict[str, Tensor] = {}
        self.best_epoch, self.best_score, self.best_loss = 0, -math.inf, math.inf
        self.history: list[Report] = []
        self.stopped = False

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to learn: all epochs done, or the validation loss rose too often (§4.2)."""
        return self.epoch >= self.config.epochs or self.rising >= self.config.patience

    def reports(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Learn, and yield after each epoch. Ends when finished, or between two batches when `stop` says so.

        Raises TrainingError for a loss that is no number. The global random numbers are reseeded at each step.
        """
        self.stopped = False
        while not self.finished:
            batches = self._batches()
            self.module.train()
            with closing(self.training.load(batches[self.batch :])) as coming:  # type: ignore[type-var]
                before = time.monotonic()
                for batch in coming:
                    self._learn(batch, len(batches))
                    self.passed, before = self.passed + time.monotonic() - before, time.monotonic()
                    reading = self.batch % READ_LOSS == 0 or self.batch == len(batches)
                    stopping = self._agreed(stop, reading)
                    if stopping or reading:
                        self._check_loss()
                    if stopping:
                        self.stopped = True
                        return
            report = self._check()
            report["seconds"] = round(self.passed + time.monotonic() - before, 2)
            self.passed = 0.0
            spent = sum(each["seconds"] for each in [*self.history, report])
            report["seconds_left"] = round(spent / self.epoch * (self.config.epochs - self.epoch), 1)  # at most
            self.history.append(report)
            yield report

    def _batches(self) -> list[list[int]]:
        """The batches of the epoch begun, for this process."""
        seconds, fabric = self.training.clips.seconds, self.fabric
        seed = mixed(self.config.seed, self.epoch)
        return batches_of(seconds, self.config.batch, seed=seed, rank=fabric.global_rank, processes=fabric.world_size)

    def _learn(self, batch: Batch, batches: int) -> None:
        """One step."""
        config, step = self.config, self.epoch * batches + self.batch
        # never more than a tenth of the longest run: a small data set would not reach the full rate otherwise
        warmup = min(config.warmup, config.epochs * batches // 10)
        for group in self.optimiser.param_groups:
            group["lr"] = group["full"] * min(1.0, (step + 1) / max(warmup, 1))
        torch.manual_seed(mixed(config.seed, step, self.fabric.global_rank + 1))
        batch = batch.to(self.fabric.device)
        logits, _ = self.module(batch, config.modality_dropout)
        total, count = clip_loss(logits, batch.labels, self._kinds, config.score_loss)
        self.optimiser.zero_grad()
        self.fabric.backward(total / count.clamp_min(1))
        self.fabric.clip_gradients(self.module, self.optimiser, max_norm=config.clip_norm, error_if_nonfinite=False)
        self.stepper.step()
        self.batch += 1
        self.sums += torch.stack([total.detach(), count]).double()

    def _sums(self, total: float = 0.0, count: int = 0) -> Tensor:
        """(2,) the sums of losses and of labels; on the device, where adding to them waits for nothing."""
        return torch.tensor([total, count], dtype=torch.float64, device=self.fabric.device)

    def _check_loss(self) -> None:
        """Raise DivergedError if a loss since the last look was no number: the sum keeps that."""
        if not math.isfinite(self.sums[0].item()):
            first = self.batch - (self.batch - 1) % READ_LOSS
            steps = f"step {first}" if first == self.batch else f"one of the steps {first} to {self.batch}"
            raise DivergedError(
                f"the loss is no number any more (epoch {self.epoch + 1}, {steps}); "
                f"choose a lower rate than {self.config.rate:g} and start again in a new folder"
            )

    @property
    def _kinds(self) -> list[str]:
        return [target.kind for target in self.labels.values()]

    def _agreed(self, stop: Callable[[], bool], reading: bool) -> bool:
        """Whether any process wants to stop: all stop between the same two batches.

        Several processes ask each other, which waits for their GPUs: at the steps at which the loss is read, and at
        every step of tuned encoders, which takes seconds.
        """
        if self.fabric.world_size == 1:
            return stop()
        if not reading and self.trainee.encoders is None:
            return False
        asked = torch.tensor(float(stop()), device=self.fabric.device)
        return bool(torch.as_tensor(self.fabric.all_reduce(asked, reduce_op="sum")) > 0)

    def _check(self) -> Report:
        """The end of an epoch: validation, the best weights, the next epoch."""
        total, count = torch.as_tensor(self.fabric.all_reduce(self.sums, reduce_op="sum")).tolist()
        found = predict(self.module, self.validation, self.config.batch, self.fabric.device, self.fabric)
        truth = self.validation.clips.labels
        lost, known = clip_loss(torch.from_numpy(found.logits), truth.double(), self._kinds, self.config.score_loss)
        loss = float(lost / known)
        scores = main_scores(self.labels, found.probability, truth.numpy())
        trivial = trivial_scores(self.labels, truth.numpy())
        score = mean_of(scores)
        self.rising = self.rising + 1 if loss > self.last_loss else 0
        better = (score, -loss) > (self.best_score, -self.best_loss)
        self.epoch, self.batch, self.sums, self.last_loss = self.epoch + 1, 0, self._sums(), loss
        if better:
            self.best = {name: part.detach().cpu().clone() for name, part in self.trainee.state_dict().items()}
            self.best_epoch, self.best_score, self.best_loss = self.epoch, score, loss
        return {
            "epoch": self.epoch,
            "loss": round(total / max(count, 1), 5),
            "validation_loss": round(loss, 5),
            "score": round(score, 5),
            "scores": rounded(scores),
            "trivial_score": round(mean_of(trivial), 5),
            "trivial_scores": rounded(trivial),
            "best": better,
            "best_epoch": self.best_epoch,
            "rate": self.optimiser.param_groups[0]["lr"],
            "examples": self._examples(found),
        }

    def _examples(self, found: Predictions) -> list[Report]:
        """A few validation clips, the same in each epoch, as the model sees them now."""
        clips, shown = self.validation.clips, min(self.config.examples, len(self.validation.clips))
        chosen = [i * len(clips) // shown for i in range(shown)]
        return [
            {
                "id": clips.rows[i].id,
                "prediction": {
                    name: round(float(p), 4) for name, p in zip(self.labels, found.probability[i], strict=True)
                },
                "truth": dict(clips.rows[i].targets),
                "attention": None
                if found.attention is None
                else {
                    name: [round(float(x), 4) for x in w]
                    for name, w in zip(self.labels, found.attention[i], strict=True)
                },
            }
            for i in chosen
        ]

    def state(self) -> State:
        """All that going on needs, as tensors and plain values; refers to the living weights, so store it at once."""
        total, count = self.sums.tolist()
        return {
            "weights": self.trainee.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "history": json.dumps(self.history),  # text: torch.save is slow with many small numbers
            "total": total,
            "count": int(count),
            **{name: getattr(self, name) for name in PLAIN},
        }

    def restore(self, state: State) -> None:
        """Go on from `state`."""
        self.trainee.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = state["best"]
        self.history = json.loads(state["history"])
        self.sums = self._sums(state["total"], state["count"])
        for name in PLAIN:
            setattr(self, name, state[name])

    def keep_best(self) -> None:
        """Put the weights with the best validation score into the trainee (paper §4.2)."""
        if self.best:
            self.trainee.load_state_dict(self.best)


def fit(
    trainee: TrainModule,
    training: Source,
    validation: Source,
    config: TrainConfig,
    labels: Mapping[str, TrainingLabels],
    fabric: Fabric | None = None,
) -> Iterator[Report]:
    """Train, yielding a report an epoch; leaves the best weights in `trainee`. Nothing is saved: run.py does that."""
    training_of = TrainLoop(
        trainee, training, validation, config, labels, fabric or Fabric(accelerator="cpu", devices=1)
    )
    yield from training_of.reports()
    training_of.keep_best()


def mixed(*numbers: int) -> int:
    """One seed of several numbers, in 63 bits."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def mean_of(scores: Mapping[str, float | None]) -> float:
    """The mean over the targets that have a score."""
    return float(np.mean([score for score in scores.values() if score is not None]))


def rounded(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    """For a report."""
    return {name: None if score is None else round(score, 5) for name, score in scores.items()}
