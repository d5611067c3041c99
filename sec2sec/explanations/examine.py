"""Tokens of a clip → everything asked of its explanation. One call; the questions share what they can.

T seconds, K targets.
"""

from __future__ import annotations

from sec2sec.checkpoints import Bundle
from sec2sec.encode import Tokens
from sec2sec.explanations.cues import Measured, cues_of
from sec2sec.explanations.effects import from_neighbour, from_training_mean, spread
from sec2sec.explanations.evidence import Cue, Evidence, TargetEvidence, Unfamiliar
from sec2sec.explanations.familiarity import load_familiarity, unfamiliar_seconds
from sec2sec.explanations.gradients import gradient_evidence
from sec2sec.explanations.occlusion import JointVectors, Occlusion
from sec2sec.explanations.position import position
from sec2sec.explanations.sanity import sanity
from sec2sec.explanations.shapley import shapley
from sec2sec.explanations.variants import over_joints
from sec2sec.explanations.verdict import under_other_weights, verdicts


def examine(
    bundle: Bundle,
    tokens: Tokens,
    joints: JointVectors,
    found: Occlusion,
    measured: Measured | None = None,
) -> Evidence:
    """The evidence for every target. joints and found: of these tokens; stability is asked for apart.

    measured: of the decoded seconds; without it nothing is said of cues and of unfamiliar seconds. Raises
    CheckpointError where the checkpoint's record of its training seconds is damaged.
    """
    model, names = bundle.model, bundle.model.config.targets
    predict = over_joints(model, joints)
    by_mean, by_neighbour = from_training_mean(found), from_neighbour(model, tokens, joints, found)
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
    shares, checked = shapley(predict, by_mean), sanity(model, tokens, joints, found)
    gradients = gradient_evidence(model, tokens, joints)
    cues: tuple[Cue, ...] = ()
    unfamiliar: tuple[Unfamiliar, ...] = ()
    if measured is not None:
        cues = cues_of(measured, {name: by_mean[k].whole for k, name in enumerate(names)})
        unfamiliar = unfamiliar_seconds(measured, tokens, load_familiarity(bundle))
    return Evidence(
        targets={
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
        unfamiliar=unfamiliar,
        cues=cues,
    )
