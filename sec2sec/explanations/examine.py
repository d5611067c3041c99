"""Tokens of a clip → everything asked of its explanation. One call; the questions share what they can.

T seconds, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sec2sec.checkpoints import Bundle
from sec2sec.encode import Tokens
from sec2sec.explanations.effects import from_neighbour, from_training_mean, spread
from sec2sec.explanations.evidence import Cue, Evidence, Gradients, TargetEvidence, Unfamiliar
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
    *,
    gradients: Mapping[str, Gradients] | None = None,  # of each target
    unfamiliar: Sequence[Unfamiliar] = (),
    cues: Sequence[Cue] = (),
) -> Evidence:
    """The evidence for every target. joints and found: of these tokens; stability is asked for apart."""
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
    return Evidence(
        targets={
            name: TargetEvidence(
                effects=(by_mean[k], by_neighbour[k]),
                spread=spread((by_mean[k], by_neighbour[k])),
                verdict=judged[k],
                sanity=checked[k],
                shapley=shares[k],
                position=None if attention is None else position(attention[k], bundle.metrics, name),
                gradients=(gradients or {}).get(name),
            )
            for k, name in enumerate(names)
        },
        unfamiliar=tuple(unfamiliar),
        cues=tuple(cues),
    )
