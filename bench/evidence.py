"""The cost of all evidence, beside the cost of encoding the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from bench.clip import FLIGHT, paper_bundle
from bench.row import Row, in_turns
from sec2sec import DEMO
from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.config import EncoderConfig
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.explanations import ClipSummary
from sec2sec.explanations.collect import collect_explanation
from sec2sec.explanations.features import FeatureCollector
from sec2sec.explanations.gradients import token_gradients
from sec2sec.explanations.masker import masker_of
from sec2sec.media import Second, open_clip


def rows() -> Iterator[Row]:
    """The demo checkpoint on 10 and on 60 s, then the paper preset; about a minute."""
    demo = load_checkpoint(DEMO, "cpu")
    ten = list(open_clip(FLIGHT, frames_per_second=demo.encoders.config.frames_per_second).seconds())
    sixty = [replace(ten[i % len(ten)], index=i) for i in range(60)]
    short, long = in_turns(everything(demo, ten), everything(demo, sixty), turns=5)
    yield Row("compact: all evidence and cues of 10 s, all targets", short, "s", 0.3)
    yield Row("compact: the same of 60 s ÷ of 10 s", long / short, "×", 10)
    pooled = EncoderConfig.paper_pooled()
    bundle = paper_bundle(pooled)
    seconds = list(open_clip(FLIGHT, frames_per_second=pooled.frames_per_second).seconds())

    def encoding() -> Tokens:
        return encode_seconds(seconds, bundle.encoders, bundle.device)

    tokens = encoding()

    def one_target() -> None:
        by_second = masker_of(bundle.model, tokens).by_second
        assert by_second is not None
        token_gradients(by_second, 0)

    encoded, evidence, gradients = in_turns(encoding, everything(bundle, seconds, tokens), one_target)
    yield Row(
        "paper, grids as `train` pools them, D=256: all evidence and cues ÷ encoding", evidence / encoded, "×", 0.10
    )
    yield Row("paper, the same: integrated gradients on tokens, one target ÷ encoding", gradients / encoded, "×", 0.5)
    full = paper_bundle(EncoderConfig.paper())
    tokens = encode_seconds(seconds, full.encoders, full.device)
    evidence, effects = in_turns(everything(full, seconds, tokens), lambda: masker_of(full.model, tokens).occlusion)
    yield Row("paper, full grids (2×7×7, 7×7): attention and effects ÷ encoding", effects / encoded, "×", 0.10)
    yield Row("paper, full grids: all evidence and cues ÷ encoding", evidence / encoded, "×")


def everything(bundle: Bundle, seconds: Sequence[Second], tokens: Tokens | None = None) -> Callable[[], None]:
    """Explain some decoded seconds with all evidence, cues included, from their tokens on."""
    if tokens is None:
        tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
    own = replace(tokens, mfcc=None)
    summary = ClipSummary(FLIGHT.name, "", 0.0, float(len(seconds)), len(seconds), True, True)

    @torch.inference_mode()
    def run() -> None:
        cues = FeatureCollector()
        for second in seconds:
            cues.add(second)
        collect_explanation(bundle, masker_of(bundle.model, own), summary, {}, cues.finish)

    return run
