"""One masked clip → its whole explanation. The methods share what they can.

T seconds, K targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

import torch

from sec2sec.checkpoints import Bundle
from sec2sec.explanations.attention import co_attention
from sec2sec.explanations.attention_profile import deviation_from_profile
from sec2sec.explanations.effects import mean_reference_effects, neighbour_effects, training_second_effects
from sec2sec.explanations.features import Measured, features_of
from sec2sec.explanations.gradients import gradient_evidence
from sec2sec.explanations.masker import Masker
from sec2sec.explanations.out_of_distribution import (
    TrainingSeconds,
    clip_length,
    load_training_seconds,
    ood_seconds,
    reference_distances,
)
from sec2sec.explanations.randomisation import randomisation_test
from sec2sec.explanations.results import (
    ClipLength,
    ClipSummary,
    Explanation,
    Feature,
    OutOfDistribution,
    SecondEffects,
    TargetExplanation,
)
from sec2sec.explanations.shapley import shapley
from sec2sec.explanations.verdict import are_alike, under_other_weights, verdicts, with_witnesses
from sec2sec.explanations.windows import curve_steps
from sec2sec.explanations.witnesses import further_witnesses
from sec2sec.lengths import learned_lengths
from sec2sec.progress import Progress, Steps, drain, relay

PARTS = 5  # of the work, about as long as each other
MAX_REFERENCES = 4  # under which effects are measured

R = TypeVar("R")


def collect_explanation(
    bundle: Bundle,
    masker: Masker,
    clip: ClipSummary,
    seconds_taken: Mapping[str, float],
    measured: Callable[[], Measured] | None = None,
) -> Explanation:
    """Prediction, effects, verdict and all other evidence of every target. Costs milliseconds.

    measured: gives what was measured of the decoded seconds, and waits for it; without it nothing is said of
    audio-visual features and of seconds out of distribution. Raises CheckpointError where the checkpoint's record of
    its training seconds is damaged.
    """
    return drain(collect_steps(bundle, masker, clip, seconds_taken, measured))


def collect_steps(
    bundle: Bundle,
    masker: Masker,
    clip: ClipSummary,
    seconds_taken: Mapping[str, float],
    measured: Callable[[], Measured] | None = None,
) -> Steps[Explanation]:
    """The same, a part at a time: whoever runs it can end it, or let somebody else go first, in between."""
    length = clip_length(clip.seconds, learned_lengths(bundle.metrics, bundle.summary.name))
    curve = None
    if length is not None and clip.seconds > length.longest:
        curve = yield from relay(
            curve_steps(masker, clip, window=length.window), lambda step: replace(step, done=0, total=PARTS)
        )
        yield replace(_progress(0, "Measuring the effect of each second"), early=curve)

    def computed(question: Callable[[], R]) -> R:
        with masker.threads(), torch.inference_mode():  # neither may stay in force in whoever runs the steps
            return question()

    occlusion, by_second = computed(lambda: masker.occlusion), masker.by_second
    training = load_training_seconds(bundle)
    effects: list[list[SecondEffects]] = []
    parts = effects_in_turn(masker, training)
    while some := computed(lambda: next(parts, None)):
        effects += some
        yield _progress(len(effects) / MAX_REFERENCES, "Measuring the effect of each second")
    yield _progress(1, "Judging whether the explanation is true")
    judgements = computed(
        lambda: verdicts(
            masker.predictor,
            occlusion,
            None if by_second is None else under_other_weights(by_second),
            effort=masker.effort,
            alike=are_alike(*masker.second_vectors),
        )
    )
    yield _progress(2, "Sharing the effect between sound and picture")
    shares = computed(lambda: shapley(masker.predictor, effects[0]))
    gradients = tests = None
    if by_second is not None:
        gradients = computed(lambda: gradient_evidence(by_second))
        yield _progress(3, "Comparing with random weights")
        tests = computed(lambda: randomisation_test(by_second, gradients))
    yield _progress(4, "Measuring sound and picture")
    attention = occlusion.attention
    targets = {
        name: TargetExplanation(
            prediction=float(occlusion.prediction[k]),
            baseline=float(occlusion.baseline[k]),
            attention=None if attention is None else attention[k],
            effects=tuple(reference[k] for reference in effects),
            verdict=judgements[k],
            randomisation=None if tests is None else tests[k],
            shapley=shares[k],
            profile=None if attention is None else deviation_from_profile(attention[k], bundle.metrics, name),
            gradients=None if gradients is None else gradients[k],
        )
        for k, name in enumerate(masker.targets)
    }
    of_seconds = None if measured is None else measured()
    explanation = computed(
        lambda: _with_familiarity(bundle, masker, clip, seconds_taken, targets, training, of_seconds, length)
    )
    return replace(explanation, curve=curve)


def _progress(done: float, message: str) -> Progress:
    return Progress(done, PARTS, message, "explaining")


def _with_familiarity(
    bundle: Bundle,
    masker: Masker,
    clip: ClipSummary,
    seconds_taken: Mapping[str, float],
    targets: dict[str, TargetExplanation],
    training: TrainingSeconds | None,
    of_seconds: Measured | None,
    length: ClipLength | None,
) -> Explanation:
    """The explanation of these targets, with what is out of distribution, the features, and what both say of trust."""
    unlike: tuple[OutOfDistribution, ...] = ()
    features: tuple[Feature, ...] = ()
    if of_seconds is not None:
        unlike = ood_seconds(of_seconds, masker.tokens, training, bundle.system.reads)
        features = features_of(of_seconds, {name: target.effect for name, target in targets.items()})
    for name, target in targets.items():
        further = further_witnesses(target, None if of_seconds is None else unlike, length)
        targets[name] = replace(target, verdict=with_witnesses(target.verdict, list(further)))
    return Explanation(
        clip,
        bundle.summary,
        targets,
        co_attention(masker),
        unlike,
        features,
        seconds_taken,
        reference_distances(masker, training),
        length,
    )


def second_effects(masker: Masker, training: TrainingSeconds | None) -> list[list[SecondEffects]]:
    """The effects of each second under each reference that this system has: references × targets.

    training: what the checkpoint knows of its training seconds, which may stand in for others.
    """
    return [one for some in effects_in_turn(masker, training) for one in some]


def effects_in_turn(masker: Masker, training: TrainingSeconds | None) -> Iterator[list[list[SecondEffects]]]:
    """The same, some references at a time: of a film each takes seconds."""
    yield [mean_reference_effects(masker.occlusion)]
    if (by_second := masker.by_second) is not None:
        yield [neighbour_effects(by_second)]
        yield training_second_effects(by_second, training)
