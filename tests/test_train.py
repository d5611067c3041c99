"""Training: what it learns, what it keeps, how it stops and goes on, and what it refuses."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from sec2sec.checkpoints import load_checkpoint
from sec2sec.datasets.table import DataError
from sec2sec.model import Sec2Sec
from sec2sec.training.batches import TokenSource, batches_of, real
from sec2sec.training.fit import DivergedError, Fit, Trainee, TrainingError, fit, predict
from sec2sec.training.folder import SCHEMA, RunFolder
from sec2sec.training.losses import clip_loss
from sec2sec.training.metrics import TrainingLabels
from sec2sec.training.run import Epoch, Machine, Stopped, Trained, set_references, train_steps
from sec2sec.training.settings import SettingsError, TrainConfig, read_mapping, train_config
from tests.datasets import TOKENS, planted_tokens

ROOT = Path(__file__).resolve().parent.parent
CPU = torch.device("cpu")
SMALL = {"width": 16, "heads": 2, "batch": 4, "rate": 3e-3, "dropout": 0.1, "patience": 250}


def settings(made: Path, **other) -> TrainConfig:
    return TrainConfig(**{"data": str(made / "data"), "init": str(made / "tiny"), "epochs": 3, **SMALL, **other})


def weights(folder: Path) -> bytes:
    return (folder / "checkpoint" / "model.safetensors").read_bytes()


# --- the loss, the batches, the model that is trained


def test_the_loss_is_cross_entropy_for_classes_and_distance_for_scores_where_there_is_a_label():
    torch.manual_seed(0)
    logits = torch.randn(5, 2)
    labels = torch.tensor([[1, 0.2], [0, 0.9], [float("nan"), 0.5], [1, float("nan")], [0, 0.1]])
    for kind in ("l1", "smooth_l1"):
        expected, count = 0.0, 0
        for b in range(5):
            for k in range(2):
                y, x = labels[b, k], logits[b, k]
                if y.isnan():
                    continue
                count += 1
                if k == 0:
                    expected += -float(y * F.logsigmoid(x) + (1 - y) * F.logsigmoid(-x))
                else:
                    d = abs(float(x.sigmoid() - y))
                    expected += d if kind == "l1" else (d**2 / 0.2 if d < 0.1 else d - 0.05)
        total, known = clip_loss(logits, labels, ("binary", "score"), kind)
        assert float(total) == pytest.approx(expected, rel=1e-5)
        assert int(known) == count == 8


def test_a_clip_without_labels_has_no_loss_and_no_gradient():
    logits = torch.randn(2, 1, requires_grad=True)
    total, known = clip_loss(logits, torch.full((2, 1), float("nan")), ("binary",))
    total.backward()
    assert int(known) == 0
    assert torch.equal(logits.grad, torch.zeros(2, 1))


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("seed", [None, 0, 7])
def test_processes_share_every_clip_once_in_batches_of_one_size(processes, seed):
    seconds = torch.randint(1, 15, (53,), generator=torch.Generator().manual_seed(1))
    shares = [batches_of(seconds, 4, seed=seed, rank=rank, processes=processes) for rank in range(processes)]
    assert len({tuple(len(batch) for batch in share) for share in shares}) == 1
    everything = [index for share in shares for batch in share for index in batch]
    assert Counter(i for i in everything if i >= 0) == Counter(range(53))
    assert all(0 <= real(i) < 53 for i in everything)


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
    assert batch.which.tolist() == [3, -1]
    assert batch.mask.tolist() == [[True, True, False], [True, True, True]]
    assert batch.heard.tolist() == [False, True]
    assert bool((batch.video[0, 2] == 0).all())
    assert torch.equal(batch.labels, clips.labels[[3, 4]])


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
    torch.testing.assert_close(Trainee(model).eval()(whole)[0], expected)


def test_predictions_keep_the_order_of_the_clips_whatever_the_batches(tmp_path):
    clips, config = planted_tokens(tmp_path, 11)
    trainee = Trainee(small_model())
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
    trainee = Trainee(small_model())
    reports = list(fit(trainee, *sources, config_of(epochs=16, patience=16, rate=5e-3), LABELS))
    best = max(reports, key=lambda report: (report["score"], -report["validation_loss"]))
    assert best["scores"]["a"] == 1.0
    assert best["scores"]["b"] > 0.85 > best["trivial_scores"]["b"]
    found = predict(trainee, sources[1], 8, CPU)
    loss, count = clip_loss(torch.from_numpy(found.logits), sources[1].clips.labels, ("binary", "score"))
    assert float(loss / count) == pytest.approx(best["validation_loss"], abs=2e-4)
    assert reports[-1]["best_epoch"] == best["epoch"]


def test_the_best_weights_are_a_copy_and_no_alias(sources):
    from lightning.fabric import Fabric

    training = Fit(Trainee(small_model()), *sources, config_of(), LABELS, Fabric(accelerator="cpu", devices=1))
    next(training.reports())
    kept = {name: part.clone() for name, part in training.best.items()}
    with torch.no_grad():
        for parameter in training.trainee.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(training.best[name], part) for name, part in kept.items())


def test_it_stops_after_five_epochs_in_a_row_of_rising_validation_loss(sources):
    from lightning.fabric import Fabric

    training = Fit(Trainee(small_model()), *sources, config_of(), LABELS, Fabric(accelerator="cpu", devices=1))
    told = []
    for loss in (1.0, 1.1, 1.2, 1.3, 1.4, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8):
        training.rising = training.rising + 1 if loss > training.last_loss else 0
        training.last_loss = loss
        told.append(training.finished)
    assert told == [False] * 10 + [True]


def test_the_rate_warms_up_and_a_small_set_reaches_it(sources):
    reports = islice(fit(Trainee(small_model()), *sources, config_of(warmup=12, epochs=15), LABELS), 3)
    assert [report["rate"] for report in reports] == pytest.approx([8 / 12 * 3e-3, 3e-3, 3e-3])
    reports = islice(fit(Trainee(small_model()), *sources, config_of(warmup=500, epochs=20), LABELS), 3)
    assert [report["rate"] for report in reports] == pytest.approx([8 / 16 * 3e-3, 3e-3, 3e-3])


def test_a_loss_that_is_no_number_is_said_in_words(sources):
    trainee = Trainee(small_model())
    with torch.no_grad():
        trainee.model.combine[1].weight.fill_(float("inf"))
    with pytest.raises(DivergedError, match="lower rate"):
        list(fit(trainee, *sources, config_of(), LABELS))


def test_hidden_modalities_are_the_reference_and_never_both(tmp_path):
    clips, config = planted_tokens(tmp_path, 60)
    trainee = Trainee(small_model()).train()
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
    steps = list(train_steps(tmp_path / "run", settings(made), machine))
    assert [step.report["epoch"] for step in steps if isinstance(step, Epoch)] == [1, 2, 3]
    end = steps[-1]
    assert isinstance(end, Trained)
    bundle = load_checkpoint(end.checkpoint, "cpu")
    assert bundle.model.config.targets == ("arousal", "calm")
    assert bundle.metrics["training_positive"] == {"arousal": 0.4}
    assert bundle.metrics["training"]["calm"]["kind"] == "score"
    assert set(bundle.metrics["test"]["targets"]["calm"]["trivial"]) == {"mean", "median"}
    assert len(bundle.metrics["mean_attention"]["arousal"]["from_end"]) == 3
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
    steps = list(train_steps(tmp_path / "run", config, machine, stop=lambda: next(asked) >= after))
    assert isinstance(steps[-1], Stopped), steps[-1]
    assert not (tmp_path / "run" / "checkpoint").exists()
    end = list(train_steps(tmp_path / "run", None, machine, resume=True))[-1]
    assert isinstance(end, Trained)
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 3


def test_the_file_stop_ends_a_training_and_is_forgotten_on_going_on(tmp_path, made, machine):
    steps = train_steps(tmp_path / "run", settings(made), machine)
    for step in steps:
        if isinstance(step, Epoch):
            (tmp_path / "run" / "stop").touch()
    assert isinstance(step, Stopped)
    assert isinstance(list(train_steps(tmp_path / "run", None, machine, resume=True))[-1], Trained)


def test_a_torn_last_line_of_metrics_is_written_again(tmp_path, made, machine):
    for step in (steps := train_steps(tmp_path / "run", settings(made), machine)):
        if isinstance(step, Epoch) and step.report["epoch"] == 2:
            break
    steps.close()
    file = tmp_path / "run" / "metrics.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    list(train_steps(tmp_path / "run", None, machine, resume=True))
    assert [json.loads(line)["epoch"] for line in file.read_text().splitlines()] == [1, 2, 3]


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "sec2sec", *map(str, arguments)]


def flags(made: Path, out: Path, **other) -> list[str]:
    chosen = {"data": made / "data", "init": made / "tiny", **SMALL, "epochs": 3, "out": out, **other}
    chosen |= {"cache": made / "tokens", "workers": 0, "device": "cpu"}
    return command("train", *(part for name, value in chosen.items() for part in (f"--{name}", value)))


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


def test_tuned_encoders_learn_from_frames_with_their_batch_norms_at_rest(tmp_path, made, machine):
    config = settings(made, encoders="tuned", epochs=1, encoder_rate=1e-3)
    end = list(train_steps(tmp_path / "run", config, machine))[-1]
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
    from sec2sec.training.run import split_clips
    from sec2sec.training.start import encoders_of

    list(train_steps(tmp_path / "run", settings(made, epochs=1), machine))
    encoders, noted = encoders_of(made / "tiny"), RunFolder(tmp_path / "run").read("data.json")
    from sec2sec.datasets.cache import TokenCache

    table = read_table(made / "data")
    clips = split_clips(table, ("arousal", "calm"), TokenCache(machine.cache, encoders), noted["clips"])["train"]
    config = settings(made).model_config(("arousal", "calm"), encoders.config.width)
    torch.manual_seed(0)
    model = Sec2Sec(config, encoders.config.video_grid, encoders.config.audio_grid)
    cached = predict(Trainee(model), TokenSource(clips, encoders.config), 4, CPU)
    made_now = predict(Trainee(model, encoders), FrameSource(clips, encoders.config, 0), 4, CPU)
    assert made_now.logits == pytest.approx(cached.logits, abs=2e-3)


@pytest.mark.slow
def test_encoders_that_start_from_nothing_learn_with_their_batch_norms(tmp_path, made, machine):
    config = replace(settings(made, epochs=2, encoders="tuned", encoder_rate=1e-3), init="random")
    end = list(train_steps(tmp_path / "run", config, machine))[-1]
    assert "random weights" in load_checkpoint(end.checkpoint, "cpu").card


@pytest.mark.slow
def test_gradients_of_the_papers_encoders_are_the_same_a_few_seconds_at_a_time():
    from sec2sec.config import EncoderConfig
    from sec2sec.encoders import build_encoders

    encoders = build_encoders(EncoderConfig.paper_pooled(), pretrained=False, seed=0)
    torch.manual_seed(0)
    model = Sec2Sec(TrainConfig(preset="paper", width=16).model_config(("a",), 512), (2, 3, 3), (4, 2))
    trainee = Trainee(model, encoders).train()
    assert not any(module.training for module in encoders.modules())
    frames = torch.randint(0, 256, (5, 16, 128, 171, 3), dtype=torch.uint8)
    gradients = []
    for see in (trainee.see, encoders.see):
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


# --- what is refused, in one line, with nothing lost


def refused(made: Path, machine: Machine, out: Path, config: TrainConfig | None, **how) -> str:
    with pytest.raises(ValueError) as caught:
        list(train_steps(out, config, machine, **how))
    assert isinstance(caught.value, TrainingError | DataError | SettingsError), caught.type
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"colour": 1}, "no setting is called colour"),
        ({"rate": -1e-4}, "rate must be above 0, not -0.0001"),
        ({"encoder_rate": 0}, "encoder_rate must be above 0"),
        ({"rate": "fast"}, "rate must be a number, not 'fast'"),
        ({"rate": float("nan")}, "rate must be a number"),
        ({"batch": 2.5}, "batch must be a whole number"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"heads": 5}, "multiple of heads"),
        ({"system": "SA"}, "system must be vit or vivit"),
        ({"system": "vit", "init": "somewhere"}, "the small vit has no encoders"),
        ({"system": "vivit", "preset": "paper", "video_grid": (2, 3, 3)}, "vivit reads no encoder tokens"),
        ({"preset": "paper", "init": "x"}, "init is for the compact preset"),
        ({"init": "random"}, "know nothing"),
        ({"video_grid": [8, 3]}, "three numbers"),
        ({"preset": "paper", "video_grid": [4, 7, 7]}, "finer than the encoders' maps"),
        ({"modality_dropout": 0.6}, "modality_dropout"),
        ({"targets": "arousal"}, "targets must be a list of names"),
    ],
)
def test_settings_that_cannot_be_used_are_named(values, said):
    with pytest.raises(SettingsError, match=said) as caught:
        train_config(values, "x.yaml")
    assert str(caught.value).startswith("x.yaml: ")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "rate: [", "neither"),
        ("a.json", "{", "neither"),
        ("a.yaml", "- 1", "found list"),
        ("no.json", None, "read"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_named(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        read_mapping(tmp_path / name)
    assert name in str(caught.value)


def test_yaml_numbers_in_short_form_are_numbers(tmp_path):
    (tmp_path / "a.yaml").write_text("rate: 1e-4\nvideo_grid: [2, 3, 3]\n")
    config = train_config(read_mapping(tmp_path / "a.yaml"))
    assert (config.rate, config.video_grid) == (1e-4, (2, 3, 3))


def edited(made: Path, folder: Path, change) -> Path:
    """The data set with another table."""
    folder.mkdir()
    (folder / "clips").symlink_to(made / "data" / "clips")
    header, *rows = (made / "data" / "clips.csv").read_text().splitlines()
    (folder / "clips.csv").write_text("\n".join([header, *change(rows)]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [r for r in rows if "validation" not in r], "split 'validation' cannot be used: it is empty"),
        (lambda rows: [r for r in rows if "train" not in r], "split 'train' cannot be used: it is empty"),
        (lambda rows: [r for r in rows if ",0," not in r], "arousal is 1 for every training clip"),
        (lambda rows: [r.replace("clips/", "nowhere/") for r in rows], "none of its clips can be used"),
        (
            lambda rows: [r if "train" in r else ",".join([*r.split(",")[:2], "", *r.split(",")[3:]]) for r in rows],
            "no clip of the split 'validation' has a label for arousal",
        ),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(tmp_path, made, machine, change, said):
    folder = edited(made, tmp_path / "data", change)
    assert said in refused(made, machine, tmp_path / "run", settings(made, data=str(folder)))


def test_an_unknown_target_and_no_data_are_refused_before_a_folder_is_made(tmp_path, made, machine):
    assert "no target is called fear" in refused(made, machine, tmp_path / "r", settings(made, targets=("fear",)))
    assert "data is missing" in refused(made, machine, tmp_path / "r", settings(made, data=""))
    assert not (tmp_path / "r").exists()


def test_a_damaged_clip_is_left_out_and_listed(tmp_path, made, machine):
    def change(rows):
        return [*rows, "bad,clips/none.mp4,1,0.5,train,f"]

    folder = edited(made, tmp_path / "data", change)
    end = list(train_steps(tmp_path / "run", settings(made, data=str(folder), epochs=1), machine))[-1]
    assert list(end.unusable) == ["bad"]
    assert end.metrics["unusable"] == 1


def test_a_run_folder_of_another_schema_or_of_something_else_is_refused_and_untouched(tmp_path, made, machine):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"schema": "sec2sec.run/9", "config": {}}))
    for how in ({}, {"resume": True}):
        message = refused(made, machine, run, settings(made), **how)
        assert "sec2sec.run/9" in message
        assert SCHEMA in message
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("kept")
    assert "is not empty" in refused(made, machine, other, settings(made))
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    assert "holds no training" in refused(made, machine, tmp_path / "none", None, resume=True)


def test_a_training_of_other_settings_or_other_data_is_not_gone_on_with(tmp_path, made, machine):
    folder = edited(made, tmp_path / "data", lambda rows: rows)
    config = settings(made, data=str(folder), epochs=1)
    list(train_steps(tmp_path / "run", config, machine))
    assert "--resume" in refused(made, machine, tmp_path / "run", config)
    message = refused(made, machine, tmp_path / "run", replace(config, rate=1.0, heads=4), resume=True)
    assert "heads 2, not 4" in message
    assert "rate 0.003, not 1.0" in message
    table = folder / "clips.csv"
    table.write_text(table.read_text().replace("c0,clips/0.mp4,0", "c0,clips/0.mp4,1"))
    assert "no longer those" in refused(made, machine, tmp_path / "run", None, resume=True)


def test_two_processes_never_train_in_one_folder(tmp_path, made, machine):
    for step in (steps := train_steps(tmp_path / "run", settings(made), machine)):
        if isinstance(step, Epoch):
            break
    assert "another process" in refused(made, machine, tmp_path / "run", None, resume=True)
    steps.close()
    assert isinstance(list(train_steps(tmp_path / "run", None, machine, resume=True))[-1], Trained)


def limited(size: int):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_full_disk_ends_with_2_and_one_line_and_the_training_goes_on_afterwards(tmp_path, made, machine):
    run, config = tmp_path / "run", settings(made)
    for step in (steps := train_steps(run, config, machine)):
        if isinstance(step, Epoch):
            break
    steps.close()
    before = (run / "state.pt").read_bytes()
    done = subprocess.run(
        [*flags(made, run), "--resume"], cwd=ROOT, capture_output=True, text=True, preexec_fn=limited(20_000)
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"{run}: cannot be written (File too large)" in done.stderr
    assert (run / "state.pt").read_bytes() == before
    assert not list(run.glob(".*.part"))
    assert isinstance(list(train_steps(run, None, machine, resume=True))[-1], Trained)


@contextmanager
def as_nobody():
    """Root may write anywhere; a read-only folder says something only to somebody else."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_run_folder_is_said_to_be_one(made, machine, tmp_path_factory):
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir()
        folder.chmod(0o755)
        (folder / "run").chmod(0o555)
        with as_nobody(), pytest.raises(TrainingError, match=r"cannot be written \(Permission denied"):
            RunFolder(folder / "run").begin(settings(made))
        assert not list((folder / "run").iterdir())


def test_a_signal_ends_a_training_at_the_next_batch_with_its_state_saved(tmp_path, made, machine):
    process = subprocess.Popen(flags(made, tmp_path / "run", epochs=250), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    while process.poll() is None and not (tmp_path / "run" / "state.pt").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    assert "stopped after epoch" in said
    assert RunFolder(tmp_path / "run").load()["epoch"] >= 1


def test_unusable_input_of_the_command_line_is_one_line_on_stderr(tmp_path, made, capsys):
    from sec2sec.__main__ import main

    data, tiny, run = made / "data", made / "tiny", tmp_path / "run"
    (tmp_path / "bad.yaml").write_text("speed: 1\n")
    for arguments, said in (
        (["train", "--out", run, "--data", tmp_path], "no data set known"),
        (["train", "--out", run, "--config", tmp_path / "bad.yaml", "--data", data], "speed"),
        (["train", "--out", run, "--data", data, "--rate", "-1"], "rate"),
        (["train", "--out", run, "--resume"], "data is missing"),
        (["train", "--out", run, "--data", data, "--init", tmp_path / "none"], "none"),
        (["extract", "--data", data, "--init", tiny, "--part", "3/2"], "--part"),
        (["search", tmp_path / "bad.yaml", "--out", run], "speed"),
        (["profile", "--checkpoint", tiny, "--data", tmp_path / "none"], "none"),
        (["data", tmp_path / "none"], "none"),
    ):
        assert main([str(a) for a in arguments]) == 2, arguments
        told = capsys.readouterr().err
        assert len(told.splitlines()) == 1, told
        assert said in told, told


def test_help_of_the_new_commands_imports_no_torch():
    code = (
        "import sys; from sec2sec.__main__ import main\n"
        "for name in ('data', 'extract', 'train', 'search', 'profile'):\n"
        "    try: main([name, '--help'])\n"
        "    except SystemExit: pass\n"
        "print([name for name in ('torch', 'numpy', 'lightning') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout[-300:] + done.stderr
