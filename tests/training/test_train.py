"""Training: what it learns, what it keeps, how it stops and goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from sec2sec.checkpoints import load_checkpoint
from sec2sec.metrics import TrainingLabels
from sec2sec.model import Sec2Sec
from sec2sec.progress import Progress, drain
from sec2sec.training.batches import TokenSource, batches_of, clip_index
from sec2sec.training.loop import DivergedError, TrainLoop
from sec2sec.training.losses import clip_loss
from sec2sec.training.module import TrainModule, predict
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.settings import TrainConfig
from sec2sec.training.setup import set_references
from sec2sec.training.train import train_steps
from tests.helpers.datasets import TOKENS, planted_tokens
from tests.helpers.trainings import CPU, ROOT, flags, settings, weights

# --- the loss, the batches, the model that is trained


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("seed", [None, 0, 7])
def test_processes_share_every_clip_once_in_batches_of_one_size(processes, seed):
    seconds = torch.randint(1, 15, (53,), generator=torch.Generator().manual_seed(1))
    shares = [batches_of(seconds, 4, seed=seed, rank=rank, processes=processes) for rank in range(processes)]
    assert len({tuple(len(batch) for batch in share) for share in shares}) == 1
    everything = [index for share in shares for batch in share for index in batch]
    assert Counter(i for i in everything if i >= 0) == Counter(range(53))
    assert all(0 <= clip_index(i) < 53 for i in everything)


def test_the_order_follows_seed_and_clips_of_like_length_go_together():
    seconds = torch.randint(1, 15, (640,), generator=torch.Generator().manual_seed(1))
    first, again, other = (batches_of(seconds, 8, seed=seed) for seed in (3, 3, 4))
    assert first == again != other
    padding = sum(int(seconds[b].max()) * len(b) - int(seconds[b].sum()) for b in first)
    loose = sum(int(part.max()) * 8 - int(part.sum()) for part in seconds[torch.randperm(640)].split(8))
    assert padding < loose / 4


def test_a_batch_is_the_cached_tokens_padded_and_masked(tmp_path):
    clips, config = planted_tokens(tmp_path, 8)
    batch = TokenSource(clips, config).gather([3, -1 - 4])
    assert batch.clip_indices.tolist() == [3, -1]
    assert batch.mask.tolist() == [[True, True, False], [True, True, True]]
    assert batch.heard.tolist() == [False, True]
    assert bool((batch.video[0, 2] == 0).all())
    assert torch.equal(batch.labels, clips.labels[[3, 4]])


def reports_of(trainee, *arguments):
    """Train on one CPU; leaves the best weights in `trainee`."""
    loop = TrainLoop(trainee, *arguments, Fabric(accelerator="cpu", devices=1))
    yield from loop.reports()
    loop.keep_best()


def small_model(seed: int = 0) -> Sec2Sec:
    torch.manual_seed(seed)
    config = TrainConfig(width=16, heads=2, dropout=0.1).model_config(("a", "b"), TOKENS.width)
    return Sec2Sec(config, TOKENS.video_grid, TOKENS.audio_grid)


def test_the_reference_is_the_mean_training_token_and_stands_in_for_what_a_clip_lacks(tmp_path):
    clips, config = planted_tokens(tmp_path, 8)
    model = small_model().eval()
    set_references(model, clips, config)
    whole = TokenSource(clips, config).gather(list(range(8)))
    seen = whole.video[whole.mask].float()
    torch.testing.assert_close(model.reference_video, seen.mean(0))
    heard = whole.audio[whole.mask & whole.heard[:, None]].float()
    torch.testing.assert_close(model.reference_audio, heard.mean(0))
    filled = whole.audio.float()
    filled[3] = model.reference_audio
    expected = model(whole.video.float(), filled, whole.mask).logits
    torch.testing.assert_close(TrainModule(model).eval()(whole)[0], expected)


def test_predictions_keep_the_order_of_the_clips_whatever_the_batches(tmp_path):
    clips, config = planted_tokens(tmp_path, 11)
    trainee = TrainModule(small_model())
    first, second = (predict(trainee, TokenSource(clips, config), batch, CPU) for batch in (3, 11))
    assert first.logits == pytest.approx(second.logits, abs=1e-5)
    assert [w.shape for w in first.attention] == [(2, int(t)) for t in clips.seconds]
    assert all(w.sum(1) == pytest.approx([1, 1], abs=1e-5) for w in first.attention)


LABELS = {"a": TrainingLabels("binary", 24, 0.5, 0.5), "b": TrainingLabels("score", 24, 0.5, 0.5)}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    training, config = planted_tokens(folder, 64)
    validation, _ = planted_tokens(folder, 8, "validation", first=100)
    return TokenSource(training, config), TokenSource(validation, config)


def config_of(**other) -> TrainConfig:
    return TrainConfig(**{"epochs": 12, "batch": 8, "rate": 3e-3, "width": 16, "heads": 2, "warmup": 4, **other})


def test_planted_targets_of_both_kinds_are_learned_and_the_best_weights_are_kept(sources):
    trainee = TrainModule(small_model())
    reports = list(reports_of(trainee, *sources, config_of(epochs=16, patience=16, rate=5e-3), LABELS))
    best = max(reports, key=lambda report: (report["score"], -report["validation_loss"]))
    assert best["scores"]["a"] == 1.0
    assert best["scores"]["b"] > 0.85 > best["trivial_scores"]["b"]
    found = predict(trainee, sources[1], 8, CPU)
    loss, count = clip_loss(torch.from_numpy(found.logits), sources[1].clips.labels, ("binary", "score"))
    assert float(loss / count) == pytest.approx(best["validation_loss"], abs=2e-4)
    assert reports[-1]["best_epoch"] == best["epoch"]


def test_the_best_weights_are_a_copy_and_no_alias(sources):
    training = TrainLoop(
        TrainModule(small_model()), *sources, config_of(), LABELS, Fabric(accelerator="cpu", devices=1)
    )
    next(training.reports())
    kept = {name: part.clone() for name, part in training.best.items()}
    with torch.no_grad():
        for parameter in training.trainee.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(training.best[name], part) for name, part in kept.items())


def test_it_stops_after_five_epochs_in_a_row_of_rising_validation_loss(sources):
    training = TrainLoop(
        TrainModule(small_model()), *sources, config_of(), LABELS, Fabric(accelerator="cpu", devices=1)
    )
    told = []
    for loss in (1.0, 1.1, 1.2, 1.3, 1.4, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8):
        training.epochs_rising = training.epochs_rising + 1 if loss > training.last_loss else 0
        training.last_loss = loss
        told.append(training.finished)
    assert told == [False] * 10 + [True]


def test_the_rate_warms_up_and_a_small_set_reaches_it(sources):
    reports = islice(reports_of(TrainModule(small_model()), *sources, config_of(warmup=12, epochs=15), LABELS), 3)
    assert [report["rate"] for report in reports] == pytest.approx([8 / 12 * 3e-3, 3e-3, 3e-3])
    reports = islice(reports_of(TrainModule(small_model()), *sources, config_of(warmup=500, epochs=20), LABELS), 3)
    assert [report["rate"] for report in reports] == pytest.approx([8 / 16 * 3e-3, 3e-3, 3e-3])


def test_a_loss_that_is_no_number_is_said_in_words(sources):
    trainee = TrainModule(small_model())
    with torch.no_grad():
        trainee.model.combine[1].weight.fill_(float("inf"))
    with pytest.raises(DivergedError, match="lower rate"):
        list(reports_of(trainee, *sources, config_of(), LABELS))


def test_hidden_modalities_are_the_reference_and_never_both(tmp_path):
    clips, config = planted_tokens(tmp_path, 60)
    trainee = TrainModule(small_model()).train()
    shown = []
    trainee.model.register_forward_pre_hook(lambda _, arguments: shown.append(arguments))
    trainee.model.reference_video.fill_(7.0)
    trainee.model.reference_audio.fill_(9.0)
    trainee(TokenSource(clips, config).gather(list(range(60))), 0.5)
    video, audio, _ = shown[0]
    hidden_video, hidden_audio = (video == 7).all((1, 2, 3)), (audio == 9).all((1, 2, 3))
    assert not bool((hidden_video & hidden_audio).any())
    assert 15 < int(hidden_video.sum()) < 45


# --- whole trainings


def test_a_training_ends_with_a_checkpoint_that_loads_with_its_card_and_figures(tmp_path, made, machine):
    steps: list[Progress] = []
    end = drain(train_steps(tmp_path / "run", settings(made), machine), steps.append)
    assert [step.epoch["epoch"] for step in steps if step.epoch] == [1, 2, 3]
    assert not end.stopped
    bundle = load_checkpoint(end.checkpoint, "cpu")
    assert bundle.model.config.targets == ("arousal", "calm")
    assert bundle.metrics["training_positive"] == {"arousal": 0.4}
    assert bundle.metrics["training"]["calm"]["kind"] == "score"
    assert set(bundle.metrics["test"]["targets"]["calm"]["trivial"]) == {"mean", "median"}
    assert len(bundle.metrics["mean_attention"]["arousal"]["from_end"]) == 3
    assert bundle.metrics["learned_lengths"]["seconds"][-1] == 3
    assert sum(bundle.metrics["learned_lengths"]["clips"]) == 6
    assert "It learned from 6 clips of data." in bundle.card
    assert "the checkpoint tiny" in bundle.card
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    assert len(json.loads(lines[0])["examples"][0]["attention"]["calm"]) in (1, 2, 3)
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert {"torch", "data", "encoders", "command", "threads"} <= set(environment)
    assert json.loads((tmp_path / "run" / "progress.json").read_text())["stage"] == "done"
    assert not list((tmp_path / "run").glob(".*.part"))


def test_the_same_settings_give_the_same_weights_and_another_seed_others(tmp_path, made, machine):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        list(train_steps(tmp_path / name, settings(made, seed=seed, epochs=2), machine))
    assert weights(tmp_path / "one") == weights(tmp_path / "two") != weights(tmp_path / "three")


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_a_training_stopped_at_any_batch_goes_on_to_the_same_weights(tmp_path, made, machine, after):
    config = settings(made, modality_dropout=0.2)
    list(train_steps(tmp_path / "whole", config, machine))
    asked = count()  # first with the cache, then after each batch: two an epoch
    assert drain(train_steps(tmp_path / "run", config, machine, stop=lambda: next(asked) >= after)).stopped
    assert not (tmp_path / "run" / "checkpoint").exists()
    end = drain(train_steps(tmp_path / "run", None, machine, resume=True))
    assert not end.stopped
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 3


def test_the_file_stop_ends_a_training_and_is_forgotten_on_going_on(tmp_path, made, machine):
    stop = tmp_path / "run" / "stop"
    steps = train_steps(tmp_path / "run", settings(made), machine)
    assert drain(steps, lambda step: stop.touch() if step.epoch else None).stopped
    assert not drain(train_steps(tmp_path / "run", None, machine, resume=True)).stopped


def test_a_torn_last_line_of_metrics_is_written_again(tmp_path, made, machine):
    for step in (steps := train_steps(tmp_path / "run", settings(made), machine)):
        if step.epoch and step.epoch["epoch"] == 2:
            break
    steps.close()
    file = tmp_path / "run" / "metrics.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    list(train_steps(tmp_path / "run", None, machine, resume=True))
    assert [json.loads(line)["epoch"] for line in file.read_text().splitlines()] == [1, 2, 3]


def killed_and_finished(run: Path, made: Path, epochs: int, kills: int) -> list[int]:
    """Train in processes that are killed, the first before any state, the others somewhere in the epochs; then finish.

    Returns the epoch of the last saved state at each kill, −1 before any.
    """
    rng, reached = random.Random(5), []
    call = flags(made, run, epochs=epochs)
    for kill in range(kills):
        resume = ["--resume"] if (run / "config.json").exists() else []
        process = subprocess.Popen(call + resume, cwd=ROOT, stdout=subprocess.DEVNULL)
        file = run / ("state.pt" if kill else "lock")
        before = file.stat().st_mtime_ns if file.exists() else 0
        while process.poll() is None and (not file.exists() or file.stat().st_mtime_ns == before):
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.3))
        assert process.poll() is None, "ended before it was killed: more epochs are needed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        state = RunFolder(run).load()
        reached.append(state["epoch"] if state else -1)
    done = subprocess.run([*call, "--resume"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return reached


@pytest.mark.parametrize(
    ("epochs", "kills"), [pytest.param(25, 2, id="two kills"), pytest.param(80, 8, marks=pytest.mark.slow, id="eight")]
)
def test_a_training_killed_at_random_moments_ends_with_the_same_weights_bit_for_bit(
    tmp_path, made, machine, epochs, kills
):
    whole, run = tmp_path / "whole", tmp_path / "run"
    list(train_steps(whole, settings(made, epochs=epochs), machine))
    reached = killed_and_finished(run, made, epochs, kills)
    assert weights(run) == weights(whole), reached
    assert max(reached) >= 1
    ends = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in ends] == list(range(1, epochs + 1))


PLACED = {f"run/{name}.json" for name in ("config", "data", "environment", "predictions")} | {".safetensors"}
PLACED |= {"run/metrics.jsonl", "run/state.pt", ".checkpoint.part/metrics.json", "run/checkpoint"}


@pytest.mark.parametrize(
    "how",
    [["once"], *(pytest.param(how, marks=pytest.mark.slow) for how in (["every"], ["every", "tuned"]))],
    ids=" ".join,
)
def test_a_training_killed_at_any_file_that_it_puts_in_place_ends_with_the_same_weights(tmp_path, made, how):
    call = [sys.executable, "-m", "tests.helpers.killed", str(made), str(tmp_path), *how]
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, cwd=ROOT, env=one, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    same = json.loads(done.stdout.splitlines()[-1])
    assert {moment.split()[1] for moment in same} >= PLACED
    assert all(same.values()), [moment for moment, held in same.items() if not held]


def test_tuned_encoders_learn_from_frames_with_their_batch_norms_at_rest(tmp_path, made, machine):
    config = settings(made, encoders="tuned", epochs=1, encoder_rate=1e-3)
    end = drain(train_steps(tmp_path / "run", config, machine))
    before, after = load_checkpoint(made / "tiny", "cpu"), load_checkpoint(end.checkpoint, "cpu")
    first, second = (dict(each.encoders.video.named_parameters()) for each in (before, after))
    assert any(not torch.equal(first[name], second[name]) for name in first)
    from safetensors.torch import load_file

    old, new = (load_file(folder / "model.safetensors") for folder in (made / "tiny", end.checkpoint))
    norms = [name for name in old if name.endswith("running_mean")]
    assert norms
    assert all(torch.equal(old[name], new[name]) for name in norms)
    assert "tuned with the rest" in after.card


def test_tokens_made_in_training_are_those_of_the_cache(tmp_path, made, machine):
    """The first tuned epoch starts where the frozen tokens are: same logits from frames as from the cache."""
    from sec2sec.datasets.table import read_table
    from sec2sec.training.batches import FrameSource
    from sec2sec.training.setup import load_encoders, split_clips

    list(train_steps(tmp_path / "run", settings(made, epochs=1), machine))
    encoders, noted = load_encoders(made / "tiny"), RunFolder(tmp_path / "run").read("data.json")
    from sec2sec.datasets.cache import TokenCache

    table = read_table(made / "data")
    clips = split_clips(table, ("arousal", "calm"), TokenCache(machine.cache, encoders), noted["clips"])["train"]
    config = settings(made).model_config(("arousal", "calm"), encoders.config.width)
    torch.manual_seed(0)
    model = Sec2Sec(config, encoders.config.video_grid, encoders.config.audio_grid)
    cached = predict(TrainModule(model), TokenSource(clips, encoders.config), 4, CPU)
    made_now = predict(TrainModule(model, encoders), FrameSource(clips, encoders.config, 0), 4, CPU)
    assert made_now.logits == pytest.approx(cached.logits, abs=2e-3)


@pytest.mark.slow
def test_encoders_that_start_from_nothing_learn_with_their_batch_norms(tmp_path, made, machine):
    config = replace(settings(made, epochs=2, encoders="tuned", encoder_rate=1e-3), init="random")
    end = drain(train_steps(tmp_path / "run", config, machine))
    assert "random weights" in load_checkpoint(end.checkpoint, "cpu").card


@pytest.mark.slow
def test_gradients_of_the_papers_encoders_are_the_same_a_few_seconds_at_a_time():
    from sec2sec.config import EncoderConfig
    from sec2sec.encoders import build_encoders

    encoders = build_encoders(EncoderConfig.paper_pooled(), pretrained=False, seed=0)
    torch.manual_seed(0)
    model = Sec2Sec(TrainConfig(preset="paper", width=16).model_config(("a",), 512), (2, 3, 3), (4, 2))
    trainee = TrainModule(model, encoders).train()
    assert not any(module.training for module in encoders.modules())
    frames = torch.randint(0, 256, (5, 16, 128, 171, 3), dtype=torch.uint8)
    gradients = []
    for see in (trainee.encode_video, encoders.encode_video):
        encoders.zero_grad()
        see(frames).square().mean().backward()
        gradients.append(encoders.video.stem[0].weight.grad.clone())
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_two_processes_train_one_model_and_gather_every_clip(tmp_path, made):
    done = subprocess.run(
        [*flags(made, tmp_path / "run", epochs=2), "--devices", "2"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    assert load_checkpoint(tmp_path / "run" / "checkpoint", "cpu").metrics["validation"]["clips"] == 2
