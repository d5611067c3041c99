"""Whether a GPU says what the CPU says, and what each precision costs in exactness."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from bench.gpu.setting import CPU, EXAMPLES, Setting, tf32
from bench.row import Row
from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import Bundle
from sec2sec.clip import explain
from sec2sec.config import ModelConfig
from sec2sec.encoders import Encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_clip
from sec2sec.explanations import Explanation
from sec2sec.explanations.masker import masker_of
from sec2sec.media import Second, open_clip
from sec2sec.model import AttentionLSTM
from tests.helpers import systems as small_systems

RESIDUALS = (1e-4, 1e-6, 1e-7)  # sizes of the gradient that comes in
EFFECTS = ("effect", "effect_audio", "effect_video")


def first_explanation(setting: Setting) -> Iterator[Row]:
    """What the first visitor of a process waits for, when the GPU's kernels are loaded, and what the second does."""
    _, bundle = setting.both()
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        explain(setting.clip, bundle)
        taken.append(time.perf_counter() - began)
    yield Row("demo, a 5-second clip: the first explanation of a process", taken[0], "s")
    yield Row("the second", taken[1], "s")


def example_clips(setting: Setting) -> Iterator[Row]:
    """Every example clip, explained by the demo on the CPU and on the GPU."""
    cpu, gpu = setting.both()
    paths = sorted(EXAMPLES.glob("*.mp4"))[: setting.size(None, 1)]
    yield from differences([(explain(path, cpu), explain(path, gpu)) for path in paths], 0.0005, 0.001, 0)


def random_model(setting: Setting) -> Iterator[Row]:
    """A made-up clip and large random weights, which enlarge every rounding: no limit."""
    cpu, gpu = setting.both(setting.tiny)
    yield from differences([(explain(setting.clip, cpu), explain(setting.clip, gpu))])


def differences(
    pairs: Sequence[tuple[Explanation, Explanation]],
    prediction: float | None = None,
    effect: float | None = None,
    words: int | None = None,
) -> Iterator[Row]:
    """The largest differences between explanations of the same clips; with their limits."""
    apart: dict[str, list[float]] = {"prediction": [], "effect": [], "attention": []}
    verdicts = []
    for one, other in pairs:
        for name, target in one.targets.items():
            twin = other.targets[name]
            apart["prediction"].append(abs(target.prediction - twin.prediction))
            apart["effect"] += [float(np.abs(getattr(target, e) - getattr(twin, e)).max()) for e in EFFECTS]
            if target.attention is not None and twin.attention is not None:
                apart["attention"].append(float(np.abs(target.attention - twin.attention).max()))
            verdicts.append([explained.targets[name].verdict.word for explained in (one, other)])
    clips = "1 clip" if len(pairs) == 1 else f"{len(pairs)} clips"
    yield Row(f"largest difference of a prediction, {clips}", float(np.max(apart["prediction"])), "", prediction)
    yield Row("largest difference of an effect", float(np.max(apart["effect"])), "", effect)
    yield Row("largest difference of attention to a second", float(np.max(apart["attention"])))
    yield Row(f"verdicts of other words, of {len(verdicts)}", sum(a != b for a, b in verdicts), "", words)


def same_tokens(setting: Setting) -> Iterator[Row]:
    """The demo's float32 tokens through its model on both devices: what the model alone adds, with and without TF32."""
    cpu, gpu = setting.both()
    tokens = tokens_of(seconds_of(setting.clip, cpu), cpu.encoders, CPU)
    moved = on_device(tokens, setting.device)
    expected = masker_of(cpu.model, tokens).occlusion
    for name, allowed in (("as IEEE asks", False), ("with TF32", True)):
        with tf32(allowed):
            result = masker_of(gpu.model, moved).occlusion
        yield Row(f"same tokens, LSTM {name}: prediction", largest(result.prediction, expected.prediction))
        yield Row(f"same tokens, LSTM {name}: effect", largest(result.effect, expected.effect))


def precisions(setting: Setting) -> Iterator[Row]:
    """Tokens of the example clips in each precision, and what the demo's model says of them, beside float32.

    The model itself computes in float32 each time, without TF32, as it does in the app.
    """
    cpu, gpu = setting.both()
    wide = copy.deepcopy(cpu.encoders).to(setting.device)  # never rounded, unlike those of the GPU's own bundle
    paths = sorted(EXAMPLES.glob("*.mp4"))[: setting.size(None, 1)]
    clips = [seconds_of(path, cpu)[: setting.size(None, 6)] for path in paths]

    variants = {
        "float16": (copy.deepcopy(wide).in_precision(torch.float16), False),
        "bfloat16": (copy.deepcopy(wide).in_precision(torch.bfloat16), False),
        "float32 with TF32": (wide, True),
        "as the app encodes": (gpu.encoders, False),
    }
    with tf32(False):
        exact = [tokens_of(clip, wide, setting.device) for clip in clips]
        expected = [masker_of(gpu.model, tokens).occlusion for tokens in exact]
        for name, (encoders, rounded) in variants.items():
            errors: list[tuple[float, float, float]] = []
            ranks = []
            for clip, whole, truth in zip(clips, exact, expected, strict=True):
                with tf32(rounded):
                    tokens = tokens_of(clip, encoders, setting.device)
                result = masker_of(gpu.model, tokens).occlusion
                errors.append(
                    (
                        max(relative(*pair) for pair in token_pairs(tokens, whole)),
                        largest(result.prediction, truth.prediction),
                        largest(result.effect, truth.effect),
                    )
                )
                for ours, theirs in zip(np.abs(result.effect), np.abs(truth.effect), strict=True):
                    ranks.append(float(spearmanr(ours, theirs).statistic))
            token, prediction, effect = np.max(errors, axis=0)
            yield Row(f"{name}: relative error of the tokens", float(token))
            yield Row(f"{name}: prediction", float(prediction))
            yield Row(f"{name}: effect", float(effect))
            yield Row(f"{name}: lowest rank correlation of the size of effects", float(np.min(ranks)))


@torch.inference_mode()
def tokens_of(seconds: Sequence[Second], encoders: Encoders, device: torch.device) -> Tokens:
    """Tokens of decoded seconds, in the precision of the encoders."""
    return encode_clip(seconds, encoders, device)


def seconds_of(path: object, bundle: Bundle) -> list[Second]:
    """The decoded seconds of a clip as a checkpoint reads them."""
    return list(open_clip(str(path), frames_per_second=bundle.encoders.config.frames_per_second).seconds())


def on_device(tokens: Tokens, device: torch.device) -> Tokens:
    """The same tokens on a device."""
    return Tokens(*(None if own is None else own.to(device) for own in (tokens.video, tokens.audio)))


def token_pairs(one: Tokens, other: Tokens) -> list[tuple[Tensor, Tensor]]:
    """The modalities of a clip, twice."""
    pairs = ((one.video, other.video), (one.audio, other.audio))
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def relative(result: Tensor, exact: Tensor) -> float:
    """The norm of the error as a share of the norm."""
    return float((result - exact).norm() / exact.norm())


def largest(result: Tensor | np.ndarray, exact: Tensor | np.ndarray) -> float:
    """The largest absolute difference; no number where one of them is none."""
    ours, theirs = (torch.as_tensor(values).cpu().double() for values in (result, exact))
    return float((ours - theirs).abs().max())


def lstm(setting: Setting) -> Iterator[Row]:
    """What an LSTM computes in under bfloat16's autocast, and what that does to small gradients.

    cuDNN runs it in float16 whatever autocast says, and a bfloat16 training does not scale its losses.
    """
    torch.manual_seed(0)
    layer = torch.nn.LSTM(96, 96, batch_first=True).to(setting.device)
    ours = AttentionLSTM(ModelConfig(dropout=0.0)).to(setting.device)
    joint, mask = torch.randn(32, 10, 96, device=setting.device), torch.ones(32, 10, dtype=torch.bool)
    mask = mask.to(setting.device)

    def gradient(run: Callable[[Tensor], Tensor], scale: float, autocast: bool) -> Tensor:
        inputs = joint.clone().requires_grad_()
        with torch.autocast(setting.device.type, torch.bfloat16, enabled=autocast):
            result = run(inputs)
        (result.float().sum() * scale).backward()
        assert inputs.grad is not None
        return inputs.grad

    with tf32(False):
        with torch.autocast(setting.device.type, torch.bfloat16), torch.no_grad():
            dtype = layer(joint)[0].dtype
        yield Row("torch's LSTM under bfloat16's autocast computes in float16 (1: yes)", dtype == torch.float16)
        for name, run in (
            ("torch's LSTM", lambda inputs: layer(inputs)[0][:, -1]),
            ("the project's attention-LSTM", lambda inputs: ours(inputs, mask)[0]),
        ):
            for scale in RESIDUALS:
                exact, rounded = gradient(run, scale, False), gradient(run, scale, True)
                yield Row(f"{name}, gradients of {scale:g}: relative error", relative(rounded, exact))
                yield Row(
                    f"{name}, gradients of {scale:g}: lost (exactly 0)", 100 * float((rounded == 0).float().mean()), "%"
                )
        exact = layer(joint)[0].detach()
    with tf32(True):
        yield Row("torch's LSTM with TF32: largest difference", largest(layer(joint)[0].detach(), exact))


def systems(setting: Setting) -> Iterator[Row]:
    """Small systems of every name with random weights, on random clips."""
    for name, system in SYSTEMS.items():
        model, inputs = small_systems.built(name), small_systems.tokens(name)
        moved = [tensor.to(setting.device) for tensor in inputs]
        with torch.inference_mode():
            expected = model(*inputs)
        twin = model.to(setting.device)
        with torch.inference_mode():
            result = twin(*moved)
        yield Row(f"{system.title}: logits", largest(result.logits, expected.logits))
        if expected.second_weights is not None:
            assert result.second_weights is not None
            yield Row(f"{system.title}: attention", largest(result.second_weights, expected.second_weights))
