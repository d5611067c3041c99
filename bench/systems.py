"""The systems of the tables beside Sec2Sec SA-CA: a clip's wall time, and an epoch of each from cached features.

Published sizes with random weights, which cost what trained ones cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from lightning_fabric import Fabric
from torch import nn
from torchvision.models.video import r2plus1d_18
from transformers import VivitConfig, VivitModel

from bench.clip import FLIGHT, paper_bundle
from bench.row import Row, in_turns
from bench.training import GRIDS, LIRIS, encoders, random_clips
from sec2sec.baselines import SYSTEMS, build_system
from sec2sec.baselines.late_fusion import ClipEmbeddings, LateFusion, StoredEmbedding
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.encoders import Encoders, build_encoders
from sec2sec.encoding import encode_clip
from sec2sec.media import open_clip
from sec2sec.metrics import TrainingLabels
from sec2sec.model import Model
from sec2sec.training.batches import Clips, TokenSource
from sec2sec.training.loop import TrainLoop
from sec2sec.training.module import TrainModule
from sec2sec.training.settings import TrainConfig

TARGETS = ("arousal", "valence")
CLIPS = 200  # an epoch is measured on so many, and stated for LIRIS
TURNS = 1  # after one for warming up: ViViT-B takes ten seconds per clip
PAPER = {  # minutes an epoch, arousal, table 1, on one RTX 3090
    **{"vit": "1:55", "vivit": "1:32", "vit-vivit": "3:31", "cma": "4:50", "avm": "4:49", "co-attention": "4:50"},
    **{"sec2sec-audio": "1:51", "sec2sec-vision": "1:20", "sec2sec-sa-sa": "2:17", "sec2sec-sa-ca": "2:14"},
}
SUMMARY = {"vit": (0, 768), "vivit": (768, 0), "vit-vivit": (768, 768), "avm": (512, 512)}  # of picture, of sound


def whole(model: Model, made: Encoders) -> tuple[Callable[[], object], Callable[[], object]]:
    """From the file to an Output, and from its decoded seconds."""
    config, cpu = made.config, torch.device("cpu")
    opened = partial(open_clip, FLIGHT, frames_per_second=config.frames_per_second, frame_size=config.frame_size)
    decoded = list(opened().seconds())

    @torch.inference_mode()
    def forward(seconds: object = decoded) -> object:
        tokens = encode_clip(seconds, made, cpu)  # type: ignore[arg-type]
        video, audio = tokens.filled(model.references(tokens.seconds))
        return model(video[None], audio[None], torch.ones(1, len(video), dtype=torch.bool))

    return lambda: forward(opened().seconds()), forward


def written_out(network: nn.Module, run: Callable[[], object]) -> None:
    """The run with every attention weight of ViViT written out, as its published code does.

    We run torch's fused kernel instead. ViT's few tokens make no difference.
    """
    network.set_attn_implementation("eager")  # type: ignore[operator]
    run()
    network.set_attn_implementation("sdpa")  # type: ignore[operator]


@torch.inference_mode()
def yardstick_rows() -> Iterator[Row]:
    """ViViT-B's forward on 32 frames beside R(2+1)D-18 on four times 8: which ViViT the limits were set by.

    When they were set it took 13.9 s where R(2+1)D-18 took 1.48 s (two cores, AVX2): 9.4 ×.
    """
    vivit, frames = VivitModel(VivitConfig()).eval(), torch.randn(1, 32, 3, 224, 224)
    network, seconds = r2plus1d_18().eval(), torch.randn(4, 3, 8, 112, 112)
    run = partial(vivit, frames)
    r2plus1d, fused, written = in_turns(partial(network, seconds), run, partial(written_out, vivit, run), turns=TURNS)
    yield Row("ViViT-B, attention written out ÷ torchvision's R(2+1)D-18 (9.4 for the limits)", written / r2plus1d, "×")
    yield Row("  the same with fused attention", fused / r2plus1d, "×")


def clip_rows() -> Iterator[Row]:
    """The limits are for ViViT as it was published and as it was when they were set (`yardstick_rows`).

    As we run it, with fused attention, it is reported. About five minutes on two calm cores.
    """
    ours = paper_bundle(EncoderConfig.paper())
    ours_whole, ours_forward = whole(ours.model, ours.encoders)
    for name, limit in (("vivit", 2.0), ("vit-vivit", 2.0), ("avm", None)):
        config = SYSTEMS[name].encoder_config("paper")
        model = build_system(ModelConfig(TARGETS, system=name, size="published"), config).eval()
        theirs_whole, theirs_forward = whole(model, build_encoders(config).eval())
        rivals = [ours_whole, theirs_whole, ours_forward, theirs_forward]
        if limit is not None:
            network = model.get_submodule("branches.video.read.network")
            rivals.append(partial(written_out, network, theirs_whole))
        taken = in_turns(*rivals, turns=TURNS)
        title = SYSTEMS[name].title
        if limit is not None:
            ratio = taken[4] / taken[0]
            yield Row(f"{title}, attention written out ÷ SA-CA, file → Output", ratio, "×", limit, "at least")
        yield Row(f"{title} as we run it ÷ SA-CA, file → Output", taken[1] / taken[0], "×")
        yield Row("  the same from decoded frames", taken[3] / taken[2], "×")
        yield Row(f"  {title}, file → Output", taken[1], "s")
        yield Row("  Sec2Sec SA-CA, file → Output", taken[0], "s")


def learner(name: str, clips: Callable[[Encoders], Clips]) -> tuple[Model, Clips, Encoders, TrainConfig]:
    """What learns in an epoch of a system in its published size, and the features that it learns from."""
    config = TrainConfig(system=name, preset="paper", heads=8, epochs=1, patience=1)
    if name not in SUMMARY:
        made = encoders()
        return build_system(config.model_config(TARGETS, GRIDS.width), GRIDS), clips(made), made, config
    branches = {
        modality: StoredEmbedding(size)
        for modality, size in zip(("video", "audio"), SUMMARY[name], strict=True)
        if size
    }
    cached = ClipEmbeddings(build_encoders(SYSTEMS[name].encoder_config("paper")), nn.ModuleDict(branches))
    head = LateFusion(config.model_config(TARGETS), cached.config, branches)
    return head, clips(cached), cached, config


def epoch(model: Model, clips: Clips, made: Encoders, config: TrainConfig) -> None:
    """One epoch, validated on a batch of the same clips."""
    few = Clips(clips.rows[:32], clips.files[:32], clips.seconds[:32], clips.labels[:32])
    labels = {name: TrainingLabels("binary", len(clips), 0.5, 0.5) for name in TARGETS}
    sources = TokenSource(clips, made.config), TokenSource(few, made.config)
    list(TrainLoop(TrainModule(model), *sources, config, labels, Fabric(accelerator="cpu", devices=1)).reports())


def epoch_rows() -> Iterator[Row]:
    """Frozen encoders and backbones: pooled encoder tokens, or one vector per clip and an FC layer."""
    for name, system in SYSTEMS.items():
        ready = learner(name, partial(random_clips, CLIPS))
        (taken,) = in_turns(partial(epoch, *ready), turns=TURNS)
        title = f"{system.title}: an epoch of {LIRIS} clips from cached features (paper's GPU {PAPER[name]})"
        yield Row(title, taken * LIRIS / CLIPS, "s")


def rows() -> Iterator[Row]:
    """All of them; about ten minutes."""
    yield from yardstick_rows()
    yield from clip_rows()
    yield from epoch_rows()
