"""Tokens of a clip → everything asked of its explanation. One call; the questions share what they can.

T seconds, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sec2sec.checkpoints import Bundle
from sec2sec.encode import Tokens
from sec2sec.explanations.cues import Measured, cues_of
from sec2sec.explanations.effects import from_neighbour, from_training_mean, spread
from sec2sec.explanations.evidence import Evidence, TargetEvidence
from sec2sec.explanations.familiarity import load_familiarity, unfamiliar_seconds
from sec2sec.explanations.gradients import gradient_evidence
from sec2sec.explanations.occlusion import JointVectors, Occlusion
from sec2sec.explanations.position import position
from sec2sec.explanations.sanity import sanity
from sec2sec.explanations.shapley import shapley
from sec2sec.explanations.variants import over_inputs, over_joints
from sec2sec.explanations.verdict import under_other_weights, verdicts
from sec2sec.model import Sec2Sec


def examine(
    bundle: Bundle,
    tokens: Tokens,
    joints: JointVectors | None,
    found: Occlusion,
    measured: Measured | None = None,
) -> Evidence:
    """The evidence for every target. joints and found: of these tokens; stability is asked for apart.

    joints: None for a system that takes in the whole clip at once, of which less can be asked.

    measured: of the decoded seconds; without it nothing is said of cues and of unfamiliar seconds. Raises
    CheckpointError where the checkpoint's record of its training seconds is damaged.
    """
    model, names = bundle.model, bundle.model.config.targets
    if not isinstance(model, Sec2Sec) or joints is None:
        return examine_whole_clip(bundle, tokens, found, measured)
    predict = over_joints(model, joints)
    by_mean, by_neighbour = from_training_mean(found), from_neighbour(model, joints, found)
    prediction, baseline = (values.double().cpu().numpy() for values in (found.prediction, found.baseline))
    attention = None if found.attention is None else found.attention.double().cpu().numpy()
    judged = verdicts(
        predict,
        attention,
        found.effect.double().cpu().numpy().T,
        prediction,
        baseline,
        under_other_weights(model, joints, found.attention),
    )
    shares, gradients = shapley(predict, by_mean), gradient_evidence(model, tokens, joints)
    checked = sanity(model, tokens, joints, found, [gradients[name] for name in names])
    return _with_input(
        bundle,
        tokens,
        measured,
        {
            name: TargetEvidence(
                effects=(by_mean[k], by_neighbour[k]),
                spread=spread((by_mean[k], by_neighbour[k])),
                verdict=judged[k],
                sanity=checked[k],
                shapley=shares[k],
                position=None if attention is None else position(attention[k], bundle.metrics, name),
                gradients=gradients[name],
            )
            for k, name in enumerate(names)
        },
    )


@torch.inference_mode()
def examine_whole_clip(bundle: Bundle, tokens: Tokens, found: Occlusion, measured: Measured | None = None) -> Evidence:
    """What can be asked of a system that takes in the whole clip at once, where each variant is a run over all of it.

    Effects under the training mean, Shapley values, position, and the verdict from few orders; from none of a system of
    published size, whose one run takes seconds.
    """
    model, names = bundle.model, bundle.model.config.targets
    video, audio = tokens.filled(model)

    def forward(video: Tensor, audio: Tensor) -> Tensor:
        whole = torch.ones(video.shape[:2], dtype=torch.bool, device=video.device)
        return model(video, audio, whole, evidence=False).logits.sigmoid()

    predict = over_inputs(forward, video, audio, *model.references(len(video)))
    effects = from_training_mean(found)
    prediction, baseline = (values.double().cpu().numpy() for values in (found.prediction, found.baseline))
    attention = None if found.attention is None else found.attention.double().cpu().numpy()
    judged = verdicts(
        predict,
        attention,
        found.effect.double().cpu().numpy().T,
        prediction,
        baseline,
        effort="none" if model.config.backbone == "published" else "few",
    )
    shares = shapley(predict, effects)
    return _with_input(
        bundle,
        tokens,
        measured,
        {
            name: TargetEvidence(
                effects=(effects[k],),
                spread=spread((effects[k],)),
                verdict=judged[k],
                shapley=shares[k],
                position=None if attention is None else position(attention[k], bundle.metrics, name),
            )
            for k, name in enumerate(names)
        },
    )


def _with_input(
    bundle: Bundle, tokens: Tokens, measured: Measured | None, targets: Mapping[str, TargetEvidence]
) -> Evidence:
    """The targets' evidence and what is to be said of the clip itself."""
    if measured is None:
        return Evidence(targets)
    effects = {name: target.effects[0].whole for name, target in targets.items()}
    unfamiliar = unfamiliar_seconds(measured, tokens, load_familiarity(bundle))
    return Evidence(targets, unfamiliar, cues_of(measured, effects))
