"""What a training looks at between its steps, and what it keeps of them: the loss, the optimiser, its state."""

from __future__ import annotations

from itertools import count

import pytest
import torch
from lightning_fabric import Fabric

from sec2sec.metrics import TrainingLabels
from sec2sec.model import Sec2Sec
from sec2sec.progress import drain
from sec2sec.training.batches import TokenSource
from sec2sec.training.hardware import Hardware
from sec2sec.training.loop import STEPS_BETWEEN_LOSS_READS as EVERY
from sec2sec.training.loop import DivergedError, TrainingError, TrainLoop
from sec2sec.training.losses import clip_loss
from sec2sec.training.module import TrainModule
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import train_steps
from tests.helpers.datasets import TOKENS, planted_tokens
from tests.helpers.trainings import settings

LABELS = {"a": TrainingLabels("binary", 24, 0.5, 0.5), "b": TrainingLabels("score", 24, 0.5, 0.5)}
CLIPS = 50


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    training, config = planted_tokens(folder, CLIPS)
    validation, _ = planted_tokens(folder, 8, "validation", first=100)
    return TokenSource(training, config), TokenSource(validation, config)


def fit_of(sources, batch: int = 1, **other) -> TrainLoop:
    config = TrainConfig(**{"epochs": 2, "batch": batch, "width": 16, "heads": 2, "dropout": 0.0, **other})
    torch.manual_seed(0)
    model = Sec2Sec(config.model_config(("a", "b"), TOKENS.width), TOKENS.video_grid, TOKENS.audio_grid)
    return TrainLoop(TrainModule(model), *sources, config, LABELS, Fabric(accelerator="cpu", devices=1))


def spoil(fit: TrainLoop) -> None:
    """From here on the loss is no number."""
    with torch.no_grad():
        fit.trainee.model.combine[1].weight.fill_(float("inf"))


@pytest.mark.parametrize(
    ("batch", "after", "words"),
    [
        (1, 0, f"epoch 1, one of the steps 1 to {EVERY}"),
        (1, EVERY, f"epoch 1, one of the steps {EVERY + 1} to {2 * EVERY}"),
        (1, 2 * EVERY + 3, f"epoch 1, one of the steps {2 * EVERY + 1} to {CLIPS}"),
        (CLIPS, 0, "epoch 1, step 1"),
    ],
)
def test_a_loss_that_is_no_number_is_told_with_the_steps_in_which_it_came(sources, batch, after, words):
    fit, asked = fit_of(sources, batch), count(1)

    def stop() -> bool:
        if next(asked) == after:
            spoil(fit)
        return False

    if not after:
        spoil(fit)
    with pytest.raises(DivergedError, match=rf"no number any more \({words}\); choose a lower rate than 0.001"):
        list(fit.reports(stop))


def test_a_training_whose_loss_is_no_number_does_not_stop_as_one_that_can_go_on(sources):
    fit = fit_of(sources)
    spoil(fit)
    with pytest.raises(DivergedError, match="step 1"):
        list(fit.reports(lambda: True))
    assert not fit.stopped


def test_the_device_is_waited_for_every_so_many_steps_and_not_at_each(sources, monkeypatch):
    looked: list[int] = []
    check = TrainLoop._check_loss
    monkeypatch.setattr(TrainLoop, "_check_loss", lambda self: (looked.append(self.batches_done), check(self)))
    fit = fit_of(sources, epochs=1)
    list(fit.reports())
    assert looked == [EVERY, 2 * EVERY, CLIPS]


def test_the_loss_of_an_epoch_is_the_mean_over_the_labels_of_its_steps(sources, monkeypatch):
    seen: list[tuple[float, int]] = []

    def noted(logits, labels, kinds, options, weights):
        total, known = clip_loss(logits, labels, kinds, options, weights)
        seen.append((float(total.detach()), int(known)))
        return total, known

    monkeypatch.setattr("sec2sec.training.loop.clip_loss", noted)
    report = next(fit_of(sources, batch=8).reports())
    steps = seen[:-1]  # the last is validation's
    assert len(steps) == 7
    total = 0.0
    for loss, _ in steps:
        total += loss
    assert report["loss"] == round(total / sum(known for _, known in steps), 5)


def test_a_state_in_the_middle_of_an_epoch_holds_the_sums_as_plain_numbers(sources):
    fit, asked = fit_of(sources), count(1)
    list(fit.reports(lambda: next(asked) == 7))
    state = fit.state()
    assert (type(state["total"]), type(state["count"])) == (float, int)
    assert (state["batch"], state["count"]) == (7, 14)
    other = fit_of(sources)
    other.restore(state)
    assert other.state()["total"] == state["total"] > 0


def test_a_run_begun_before_the_optimiser_was_fused_goes_on_as_it_began(tmp_path, made, machine):
    """Its state says how its optimiser works; the weights are those of the fused one but for rounding, which Adam makes
    larger where a gradient is nothing else (the bias of keys)."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    list(train_steps(whole, settings(made), machine))
    asked = count()
    assert drain(train_steps(run, settings(made), machine, stop=lambda: next(asked) >= 3)).stopped
    folder = RunFolder(run)
    state = folder.load()
    for group in state["optimiser"]["param_groups"]:
        assert group["fused"] is True
        group["fused"] = None
    folder.save(state)
    assert not drain(train_steps(run, None, machine, resume=True)).stopped
    ended = folder.load()
    assert all(group["fused"] is None for group in ended["optimiser"]["param_groups"])
    for name, part in RunFolder(whole).load()["weights"].items():
        torch.testing.assert_close(ended["weights"][name], part, rtol=0, atol=1e-4)


def test_the_fused_optimiser_makes_the_steps_of_the_plain_one_but_for_rounding():
    torch.manual_seed(0)
    start = [torch.randn(33, 7), torch.randn(5)]
    ends = []
    for fused in (True, False):
        parameters = [torch.nn.Parameter(part.clone()) for part in start]
        optimiser = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-2, fused=fused)
        generator = torch.Generator().manual_seed(1)
        for _ in range(50):
            for parameter in parameters:
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            optimiser.step()
        ends.append(parameters)
    for one, other in zip(*ends, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-6)


def test_a_training_stopped_between_two_looks_at_the_loss_goes_on_to_the_same_weights_and_figures(sources):
    whole = fit_of(sources)
    list(whole.reports())
    for after in (EVERY + 1, CLIPS + 3):
        first, asked = fit_of(sources), count(1)
        list(first.reports(lambda asked=asked, after=after: next(asked) == after))
        second = fit_of(sources)
        second.restore(first.state())
        list(second.reports())
        for name, part in whole.trainee.state_dict().items():
            assert torch.equal(second.trainee.state_dict()[name], part), (after, name)
        assert [report["loss"] for report in second.history] == [report["loss"] for report in whole.history]


@pytest.mark.parametrize(("device", "devices"), [("cuda", 2), ("cuda:1", [1])])
def test_a_gpu_that_is_named_by_its_number_is_the_one_that_trains(monkeypatch, tmp_path, device, devices):
    asked: dict[str, object] = {}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("sec2sec.training.hardware.Fabric", lambda **arguments: asked.update(arguments))
    Hardware(tmp_path, device, devices=2 if device == "cuda" else 1).fabric()
    assert (asked["accelerator"], asked["devices"]) == ("cuda", devices)
    with pytest.raises(TrainingError, match="cuda:1 is one GPU, but 2 on 1 machines were asked for"):
        Hardware(tmp_path, "cuda:1", devices=2).fabric()


def losses_of_epochs(loop: TrainLoop, monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> TrainLoop:
    """Train as far as patience goes, with validation losses as given and scores that fall as they rise."""
    given = iter(losses)
    monkeypatch.setattr(loop, "_learn", lambda *_: setattr(loop, "batches_done", loop.batches_done + 1))
    monkeypatch.setattr("sec2sec.training.loop.clip_loss", lambda *_: (torch.tensor(next(given)), torch.tensor(1)))
    monkeypatch.setattr("sec2sec.training.loop.main_scores", lambda *_: {"a": 0.5})
    list(loop.reports())
    return loop


@pytest.mark.parametrize(
    ("rule", "epochs", "why"),
    [
        ("rising", 7, "the validation loss rose for 3 epochs in a row"),  # 1.5 → 3 → 4 → 5
        ("no-improvement", 5, "no epoch was better for 3 epochs"),  # the second was the best
    ],
)
def test_patience_is_over_by_the_rule_that_was_chosen_and_the_reason_is_said(sources, monkeypatch, rule, epochs, why):
    loop = fit_of(sources, epochs=9, patience=3, stop_rule=rule)
    ended = losses_of_epochs(loop, monkeypatch, [3.0, 1.0, 2.0, 1.5, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert (ended.epochs_done, ended.reason) == (epochs, why)


def test_a_training_that_did_all_its_epochs_says_so(sources, monkeypatch):
    loop = losses_of_epochs(fit_of(sources, epochs=2), monkeypatch, [3.0, 2.0])
    assert loop.reason == "all epochs are done, 2"
