"""How long a clip takes on the GPU: the paper preset, its encoders alone, explanations, and published systems."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import torch
from torch import Tensor

from bench.gpu.agreement import relative, seconds_of, tokens_of
from bench.gpu.setting import CPU, FLIGHT, Setting, searched_kernels, tf32
from bench.row import Row
from sec2sec.baselines import SYSTEMS, build_system
from sec2sec.benchmark.cost import encode_both, macs
from sec2sec.checkpoints import Bundle, CheckpointSummary
from sec2sec.clip import EncodedClip, explain
from sec2sec.config import RESIZE, SAMPLE_RATE, EncoderConfig, ModelConfig
from sec2sec.encoders import build_encoders
from sec2sec.encoders.fold import fold
from sec2sec.encoders.paper import load_paper
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds, stack
from sec2sec.explanations import ClipSummary
from sec2sec.features import MfccImage, frame_tensor
from sec2sec.media import open_clip
from sec2sec.model import Output

LIMIT = 150.0  # ms from decoded seconds to an explanation
WARMING, TURNS = 4, 9


def paper_clip(setting: Setting) -> Iterator[Row]:
    """From a file to its explanation at D = 256; what follows decoding has the limit."""
    end = setting.size(10.0, 1.0)
    for title, config, limit in (
        ("full", EncoderConfig.paper(), LIMIT),
        ("pooled", EncoderConfig.paper_pooled(), None),
    ):
        bundle = setting.paper(config)
        taken = [explain(FLIGHT, bundle, end=end).seconds_taken for _ in range(setting.size(WARMING + TURNS, 1))]
        taken = taken[-TURNS:]  # as of an app that has answered before: torch loads each kernel at its first use
        stages = {stage: 1000 * median(stages_taken[stage] for stages_taken in taken) for stage in taken[0]}
        name = f"paper preset, {title} grids, {end:g} s"
        yield Row(f"{name}: decoded → explanation", stages["encoding"] + stages["explaining"], "ms", limit)
        for stage, milliseconds in stages.items():
            yield Row(f"{name}: {stage}", milliseconds, "ms")


@torch.inference_mode()
def encoders(setting: Setting) -> Iterator[Row]:
    """R(2+1)D-18 in several precisions and passes, ResNet-18 with its MFCC, and the way of frames to the GPU."""
    count = setting.size(32, 1)
    few = min(8, count)
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (count, 16, *RESIZE, 3), dtype=torch.uint8, generator=generator)
    moved = frames.to(setting.device)
    video, audio = (fold(network).to(setting.device) for network in load_paper(pretrained=False, seed=0))
    low = {dtype: copy.deepcopy(video).to(dtype) for dtype in setting.size((torch.float16, torch.bfloat16), ())}

    def run(network: torch.nn.Module, dtype: torch.dtype, seconds: int, chunk: int) -> Tensor:
        chunks = moved[:seconds].split(chunk)
        return torch.cat([network(frame_tensor(some).to(dtype)).float() for some in chunks])

    def autocast(dtype: torch.dtype) -> Tensor:
        with torch.autocast(setting.device.type, dtype):
            return run(video, torch.float32, few, few)

    ways: dict[str, Callable[[], Tensor]] = {"float32": partial(run, video, torch.float32, few, few)}
    ways |= {"float32 with TF32": ways["float32"], "bfloat16 under autocast": partial(autocast, torch.bfloat16)}
    if setting.cuda:  # a CPU has no float16 worth the name: a second takes it minutes
        ways["float16 under autocast"] = partial(autocast, torch.float16)
    for dtype, network in low.items():
        ways[f"{str(dtype).removeprefix('torch.')} weights"] = partial(run, network, dtype, few, few)
    with tf32(False):
        exact = ways["float32"]()
    for name, way in ways.items():
        with tf32("TF32" in name):
            yield Row(f"R(2+1)D-18, {few} s, {name}", setting.milliseconds(way, 3), "ms")
            yield Row(f"R(2+1)D-18, {name}: relative error of the tokens", relative(way(), exact))
    for chunk in setting.size((4, 8, 16, 32), (1,)):
        network, dtype = (low[torch.float16], torch.float16) if setting.cuda else (video, torch.float32)
        passes = partial(run, network, dtype, count, chunk)
        yield Row(f"R(2+1)D-18, {count} s in passes of {chunk}", setting.milliseconds(passes, 3), "ms")
        if setting.cuda and chunk == count:
            with searched_kernels():
                yield Row("the same with cudnn.benchmark", setting.milliseconds(passes, 3), "ms")
    yield from sound_rows(setting, audio, few)
    yield from upload_rows(setting, frames[:few])
    yield from whole_rows(setting)


def sound_rows(setting: Setting, audio: torch.nn.Module, seconds: int) -> Iterator[Row]:
    """The MFCC and ResNet-18, in float32."""
    samples = 0.1 * torch.randn(seconds, SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    mfcc, moved = MfccImage().to(setting.device), samples.to(setting.device)
    image = mfcc(moved)
    yield Row(f"MFCC, {seconds} s", setting.milliseconds(lambda: mfcc(moved), 3), "ms")
    yield Row(f"ResNet-18, {seconds} s, float32", setting.milliseconds(lambda: audio(image), 3), "ms")
    yield Row("MFCC beside the CPU's: largest difference", float((image.cpu() - MfccImage()(samples)).abs().max()))


def upload_rows(setting: Setting, frames: Tensor) -> Iterator[Row]:
    """Frames to the device, from memory that the system may move and from memory that it may not."""
    ways = {"pageable": frames}
    if setting.cuda:
        ways["pinned"] = frames.pin_memory()
    for name, there in ways.items():
        taken = setting.milliseconds(partial(there.to, setting.device, non_blocking=True))
        yield Row(f"{len(frames)} s of frames to the device, {name}", taken, "ms")


def whole_rows(setting: Setting) -> Iterator[Row]:
    """Both encoders as the app calls them, from decoded seconds, and the arithmetic that they do in that time."""
    bundle = setting.paper(EncoderConfig.paper())
    seconds = seconds_of(FLIGHT, bundle)[: setting.size(10, 1)]
    taken = setting.milliseconds(lambda: tokens_of(seconds, bundle.encoders, setting.device))
    frames = stack([second.frames for second in seconds[:1]]).to(setting.device)
    samples = stack([second.samples for second in seconds[:1]]).to(setting.device)
    operations = 2 * macs(lambda: encode_both(bundle.encoders, frames, samples), bundle.encoders, setting.device)
    yield Row(f"both encoders as the app calls them, {len(seconds)} s", taken, "ms")
    yield Row("arithmetic in that time", operations * len(seconds) / taken / 1e9, "TFLOP/s")


def tokens_explained(setting: Setting) -> Iterator[Row]:
    """The demo's model on random tokens: thousands of small kernels, so their launching decides."""
    cpu, gpu = setting.both()
    config = cpu.encoders.config
    for seconds in setting.size((10, 60), (10,)):
        generator = torch.Generator().manual_seed(seconds)
        noise = [torch.randn(seconds, *shape, generator=generator) for shape in config.shapes.values()]
        clip = ClipSummary("random", "", 0, seconds, seconds, True, True)
        for name, bundle, device in (("the device", gpu, setting.device), ("the CPU", cpu, CPU)):
            tokens = Tokens(*(tensor.to(device) for tensor in noise))
            taken = setting.milliseconds(partial(explain_anew, bundle, tokens, clip), 3)
            yield Row(f"tokens of {seconds} s → explanation, on {name}", taken, "ms")


def explain_anew(bundle: Bundle, tokens: Tokens, clip: ClipSummary) -> None:
    """All evidence from tokens; nothing of an earlier answer is used."""
    EncodedClip(bundle, tokens, clip).explain()


def published(setting: Setting, name: str) -> Iterator[Row]:
    """A system in its published size with random weights on ten seconds; in its small size in a dry run."""
    system, device = SYSTEMS[name], setting.device
    config = system.encoder_config("compact" if setting.dry else "paper")
    torch.manual_seed(0)
    sizes = ModelConfig(system=system.name, size="small" if setting.dry else "published")
    model = build_system(sizes, config).eval().to(device)
    inputs = build_encoders(config).for_inference(device)
    bundle = Bundle(CheckpointSummary("random", "", ""), inputs, model, {}, {}, "", device)
    end = setting.size(10.0, 3.0)
    opened = open_clip(FLIGHT, end=end, frames_per_second=config.frames_per_second, frame_size=config.frame_size)
    seconds = list(opened.seconds())
    mask = torch.ones(1, len(seconds), dtype=torch.bool, device=device)

    @torch.inference_mode()
    def predict() -> Tensor:
        video, audio = encode_seconds(seconds, inputs, device).filled(model.references(len(seconds)))
        output: Output = model(video[None], audio[None], mask, evidence=False)
        return output.logits

    title = f"{system.title}, {sizes.size} size, {end:g} s"
    yield Row(f"{title}: decoded → prediction", setting.milliseconds(predict, 3), "ms")
    taken = explain(FLIGHT, bundle, end=end).seconds_taken
    yield Row(f"{title}: decoded → explanation", 1000 * (taken["encoding"] + taken["explaining"]), "ms")
