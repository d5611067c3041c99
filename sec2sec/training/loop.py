"""One training loop for every system: `for report in loop.reports()`. Its callers print, plot, save or stop.

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
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from sec2sec.errors import UserError
from sec2sec.metrics import TrainingLabels, main_scores, selection_scores, trivial_scores
from sec2sec.tables import counted
from sec2sec.training.batches import Batch, Source, batches_of
from sec2sec.training.losses import LossOptions, balanced_weights, clip_loss
from sec2sec.training.module import Predictions, TrainModule, predict
from sec2sec.training.settings import LOSS, TrainConfig

Report = dict[str, Any]
State = dict[str, Any]

STEPS_BETWEEN_LOSS_READS = 20  # each look at the loss waits for the GPU, which idles meanwhile
# What a state holds besides tensors, the sums of losses and labels, and the history: its key → attribute of TrainLoop
STATE_FIELDS = {name: name for name in ("last_loss", "best_epoch", "best_score", "best_loss")}
STATE_FIELDS |= {"epoch": "epochs_done", "batch": "batches_done", "passed": "epoch_time", "rising": "epochs_rising"}


class TrainingError(UserError):
    """A training that cannot go on: says what was found and what to do."""


class DivergedError(TrainingError):
    """The loss is no number any more."""


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
        weights = balanced_weights(labels) if config.class_weights == "balanced" else ()
        self.loss_options = LossOptions(config.score_loss, config.label_smoothing, weights)
        assert config.rate is not None  # the settings fill it in
        # "full", the rate after the warm-up, is a key in state.pt
        groups: list[dict[str, Any]] = [{"params": trainee.new_parameters(), "full": config.rate}]
        if tuned := trainee.tuned_parameters():
            groups.append({"params": tuned, "full": config.encoder_rate})
        self.optimiser = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.weight_decay, fused=True)
        self.module, self.wrapped_optimiser = fabric.setup(trainee, self.optimiser)
        # small gradients are nothing in float16, so that the loss is scaled; elsewhere this does nothing
        self.scaler = torch.amp.GradScaler(fabric.device.type, enabled=trainee.precision == torch.float16)
        self.epochs_done = self.batches_done = 0  # whole epochs done, and batches of the one begun
        self.sums = self._loss_and_label_sums()  # of losses, and of labels, in the epoch begun
        self.epoch_time = 0.0  # s spent in the epoch begun
        self.epochs_rising, self.last_loss = 0, math.inf
        self.best: dict[str, Tensor] = {}
        self.best_epoch, self.best_score, self.best_loss = 0, -math.inf, math.inf
        self.history: list[Report] = []
        self.stopped = False

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to learn: all epochs done, or the validation loss rose too often (§4.2)."""
        return self.epochs_done >= self.config.epochs or self._out_of_patience

    @property
    def _out_of_patience(self) -> bool:
        waited = self.epochs_rising if self.config.stop_rule == "rising" else self.epochs_done - self.best_epoch
        return waited >= self.config.patience

    @property
    def reason(self) -> str:
        """Why it ended, in words."""
        if self._out_of_patience and self.config.stop_rule == "rising":
            return f"the validation loss rose for {counted(self.epochs_rising, 'epoch')} in a row"
        if self._out_of_patience:
            return f"no epoch was better for {counted(self.epochs_done - self.best_epoch, 'epoch')}"
        if self.epochs_done >= self.config.epochs:
            return f"all epochs are done, {self.epochs_done}"
        return "it was asked to end"

    def reports(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Learn, and yield after each epoch. Ends when finished, or between two batches when `stop` says so.

        Raises TrainingError for a loss that is no number. The global random numbers are reseeded at each step.
        """
        self.stopped = False
        while not self.finished:
            batches = self._batches()
            self.module.train()
            with closing(self.training.load(batches[self.batches_done :])) as loaded:  # type: ignore[type-var]
                before = time.monotonic()
                for batch in loaded:
                    self._learn(batch, len(batches))
                    self.epoch_time, before = self.epoch_time + time.monotonic() - before, time.monotonic()
                    reads_loss = self.batches_done % STEPS_BETWEEN_LOSS_READS == 0 or self.batches_done == len(batches)
                    stops = self._stop_agreed(stop, reads_loss)
                    if stops or reads_loss:
                        self._check_loss()
                    if stops:
                        self.stopped = True
                        return
            report = self._end_epoch()
            report["seconds"] = round(self.epoch_time + time.monotonic() - before, 2)
            self.epoch_time = 0.0
            spent = sum(epoch["seconds"] for epoch in [*self.history, report])
            epochs_left = self.config.epochs - self.epochs_done  # at most
            report["seconds_left"] = round(spent / self.epochs_done * epochs_left, 1)
            self.history.append(report)
            yield report

    def _batches(self) -> list[list[int]]:
        """The batches of the epoch begun, for this process."""
        clip_lengths, fabric = self.training.clips.seconds, self.fabric
        seed = mix_seeds(self.config.seed, self.epochs_done)
        rank, processes = fabric.global_rank, fabric.world_size
        return batches_of(clip_lengths, self.config.batch, seed=seed, rank=rank, processes=processes)

    def _learn(self, batch: Batch, batches: int) -> None:
        """One step."""
        config, step = self.config, self.epochs_done * batches + self.batches_done
        # never more than a tenth of the longest run: a small data set would not reach the full rate otherwise
        warmup = min(config.warmup, config.epochs * batches // 10)
        for group in self.optimiser.param_groups:
            group["lr"] = group["full"] * min(1.0, (step + 1) / max(warmup, 1))
        torch.manual_seed(mix_seeds(config.seed, step, self.fabric.global_rank + 1))
        batch = batch.to(self.fabric.device)
        logits, _ = self.module(batch, config.modality_dropout)
        total, count = clip_loss(logits, batch.labels, self._kinds, self.loss_options, batch.weights)
        self.optimiser.zero_grad()
        self.fabric.backward(self.scaler.scale(total / count.clamp_min(1)))
        self.scaler.unscale_(self.optimiser)
        self.fabric.clip_gradients(self.module, self.optimiser, max_norm=config.clip_norm, error_if_nonfinite=False)
        self._step()
        self.batches_done += 1
        self.sums += torch.stack([total.detach(), count]).double()

    def _step(self) -> None:
        """A step of the optimiser; none where scaled gradients were too large for float16."""
        if self.scaler.is_enabled():
            self.scaler.step(self.optimiser)
            self.scaler.update()
        else:
            self.wrapped_optimiser.step()

    def _loss_and_label_sums(self, total: float = 0.0, count: int = 0) -> Tensor:
        """(2,) the sums of losses and of labels; on the device, where adding to them waits for nothing."""
        return torch.tensor([total, count], dtype=torch.float64, device=self.fabric.device)

    def _check_loss(self) -> None:
        """Raise DivergedError if a loss since the last look was no number: the sum keeps that."""
        if not math.isfinite(self.sums[0].item()):
            last = self.batches_done
            first = last - (last - 1) % STEPS_BETWEEN_LOSS_READS
            steps = f"step {first}" if first == last else f"one of the steps {first} to {last}"
            raise DivergedError(
                f"the loss is no number any more (epoch {self.epochs_done + 1}, {steps}); "
                f"choose a lower rate than {self.config.rate:g} and start again in a new folder"
            )

    @property
    def _kinds(self) -> list[str]:
        return [target.kind for target in self.labels.values()]

    def _stop_agreed(self, stop: Callable[[], bool], reads_loss: bool) -> bool:
        """Whether any process wants to stop: all stop between the same two batches.

        Several processes ask each other, which waits for their GPUs: at the steps at which the loss is read, and at
        every step of tuned encoders, which takes seconds.
        """
        if self.fabric.world_size == 1:
            return stop()
        if not reads_loss and self.trainee.encoders is None:
            return False
        votes = torch.tensor(float(stop()), device=self.fabric.device)
        return bool(torch.as_tensor(self.fabric.all_reduce(votes, reduce_op="sum")) > 0)

    def _end_epoch(self) -> Report:
        """Validate, keep the best weights, go on to the next epoch, and build the report."""
        total, count = torch.as_tensor(self.fabric.all_reduce(self.sums, reduce_op="sum")).tolist()
        outputs = predict(self.module, self.validation, self.config.batch, self.fabric.device, self.fabric)
        clips = self.validation.clips
        truth, logits = clips.labels, torch.from_numpy(outputs.logits)
        summed, labelled = clip_loss(logits, truth.double(), self._kinds, self.loss_options, clips.weights)
        loss = float(summed / labelled)
        scores = main_scores(self.labels, outputs.probability, truth.numpy())
        trivial = trivial_scores(self.labels, truth.numpy())
        score = mean_of(scores)
        self.epochs_rising = self.epochs_rising + 1 if loss > self.last_loss else 0
        selected = self._selection(outputs, truth.numpy(), score, loss)
        better = (selected, -loss) > (self.best_score, -self.best_loss)
        self.epochs_done, self.batches_done, self.last_loss = self.epochs_done + 1, 0, loss
        self.sums = self._loss_and_label_sums()
        if better:
            self.best = {name: weight.detach().cpu().clone() for name, weight in self.trainee.state_dict().items()}
            self.best_epoch, self.best_score, self.best_loss = self.epochs_done, selected, loss
        return {
            "epoch": self.epochs_done,
            "loss": round(total / max(count, 1), 5),
            "validation_loss": round(loss, 5),
            "score": round(score, 5),
            "selected": round(selected, 5),
            "scores": round_scores(scores),
            "trivial_score": round(mean_of(trivial), 5),
            "trivial_scores": round_scores(trivial),
            "best": better,
            "best_epoch": self.best_epoch,
            "rate": self.optimiser.param_groups[0]["lr"],
            "examples": self._examples(outputs),
        }

    def _selection(self, outputs: Predictions, truth: np.ndarray, score: float, loss: float) -> float:
        """By what epochs are compared, the higher the better: the score, unless the settings name another figure."""
        by = self.config.select_by
        if not by:
            return score
        return -loss if by == (LOSS,) else mean_of(selection_scores(self.labels, outputs.probability, truth, by))

    def _examples(self, outputs: Predictions) -> list[Report]:
        """A few validation clips, the same in each epoch, as the model sees them now."""
        clips, count = self.validation.clips, min(self.config.examples, len(self.validation.clips))
        indices = [i * len(clips) // count for i in range(count)]
        return [
            {
                "id": clips.rows[i].id,
                "prediction": {
                    name: round(float(p), 4) for name, p in zip(self.labels, outputs.probability[i], strict=True)
                },
                "truth": dict(clips.rows[i].targets),
                "attention": None
                if outputs.attention is None
                else {
                    name: [round(float(x), 4) for x in w]
                    for name, w in zip(self.labels, outputs.attention[i], strict=True)
                },
            }
            for i in indices
        ]

    def state(self) -> State:
        """All that going on needs, as tensors and plain values; refers to the living weights, so store it at once."""
        total, count = self.sums.tolist()
        return {
            "weights": self.trainee.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "scaler": self.scaler.state_dict(),
            "history": json.dumps(self.history),  # text: torch.save is slow with many small numbers
            "total": total,
            "count": int(count),
            **{key: getattr(self, name) for key, name in STATE_FIELDS.items()},
        }

    def restore(self, state: State) -> None:
        """Go on from `state`."""
        self.trainee.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = state["best"]
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        self.history = json.loads(state["history"])
        self.sums = self._loss_and_label_sums(state["total"], state["count"])
        for key, name in STATE_FIELDS.items():
            setattr(self, name, state[key])

    def keep_best(self) -> None:
        """Put the weights with the best validation score into the trainee (paper §4.2)."""
        if self.best:
            self.trainee.load_state_dict(self.best)


def mix_seeds(*numbers: int) -> int:
    """One seed of several numbers, in 63 bits."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def mean_of(scores: Mapping[str, float | None]) -> float:
    """The mean over the targets that have a score."""
    return float(np.mean([score for score in scores.values() if score is not None]))


def round_scores(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    """For a report."""
    return {name: None if score is None else round(score, 5) for name, score in scores.items()}
