"""Claims that are wrong by construction, and claims that are right, about predictors whose truth is known.

T seconds, K targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from recipes.claim_predictors import Case
from sec2sec.explanations.results import SecondEffects
from sec2sec.predictors.claim_witnesses import Modality
from sec2sec.predictors.claims import Claim
from sec2sec.predictors.placements import heaviest_seconds, named_seconds, runs

CLEARLY_STRONGER = 1.5  # times, for an order to be right or wrong
ENDS_OFF = 0.3  # s, largest
SHARE = 0.9  # of the weight, on the second with the least effect

Kind = Callable[[Case, int, SecondEffects, np.random.Generator], Claim | None]  # None: this case has no such claim


def times_of(mask: np.ndarray, strength: np.ndarray) -> tuple[tuple[float, float], ...]:
    """The runs of a mask (T,) as times, the strongest first."""
    spans = sorted(runs(mask), key=lambda run: -float(strength[run[0] : sum(run)].sum()))
    return tuple((float(first), float(first + length)) for first, length in spans)


def is_half_right(claim: Claim, strength: np.ndarray) -> bool:
    """Whether the claim's seconds hold half of the strength of a target (T,), or half of them hold some."""
    if claim.weights is not None:
        mask = heaviest_seconds(np.array(claim.weights))
    elif claim.intervals:
        mask = np.any(named_seconds(claim.intervals, len(strength)), axis=0)
    else:
        return True
    held = strength[mask]
    return bool(strength.any() and (held.sum() >= strength.sum() / 2 or 2 * (held > 0).sum() >= len(held)))


def _planted(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    decisive = case.strength[k] > 0
    return Claim(times_of(decisive, case.strength[k])) if decisive.any() else None


def _planted_inexactly(case: Case, k: int, effects: SecondEffects, chance: np.random.Generator) -> Claim | None:
    if (exact := _planted(case, k, effects, chance)) is None:
        return None
    off = chance.uniform(-ENDS_OFF, ENDS_OFF, (len(exact.intervals), 2))
    return Claim(
        tuple(
            (max(0.0, begin + a), min(float(case.seconds), end + b))
            for (begin, end), (a, b) in zip(exact.intervals, off, strict=True)
        )
    )


def _planted_modality(case: Case, k: int, effects: SecondEffects, chance: np.random.Generator) -> Claim | None:
    claim = _planted(case, k, effects, chance)
    return None if claim is None or case.modality[k] is None else Claim(claim.intervals, modality=case.modality[k])


def _largest(case: Case, k: int, effects: SecondEffects, _: np.random.Generator) -> Claim | None:
    """As many seconds as were planted, of the largest effect; only where a single effect shows them."""
    count = int((case.strength[k] > 0).sum())
    if not count or not case.singly[k]:
        return None
    size = np.abs(effects.whole)
    mask = np.zeros(case.seconds, bool)
    mask[np.argsort(-size, kind="stable")[:count]] = True
    return Claim(times_of(mask, size))


def _planted_weights(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    return _weights(case.strength[k]) if case.strength[k].any() and case.singly[k] else None


def _effect_weights(case: Case, k: int, effects: SecondEffects, chance: np.random.Generator) -> Claim | None:
    return _weights(np.abs(effects.whole)) if case.strength[k].any() and case.singly[k] else None


def _modality(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    return None if case.modality[k] is None or not case.strength[k].any() else Claim(modality=case.modality[k])


def _weights(values: np.ndarray) -> Claim:
    return Claim(weights=tuple(map(float, values)))


RIGHT: Mapping[str, Kind] = {
    "planted times": _planted,
    "planted times, ends off by up to 0.3 s": _planted_inexactly,
    "planted times, of the right modality": _planted_modality,
    "times of the largest effects": _largest,
    "weights: planted": _planted_weights,
    "weights: size of the effect": _effect_weights,
    "right modality": _modality,
}


def _random(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    """As many seconds, of which none says anything."""
    silent = np.flatnonzero(case.strength[k] == 0)
    count = max(1, case.seconds - len(silent))
    if count > len(silent):
        return None
    mask = np.zeros(case.seconds, bool)
    mask[chance.permutation(silent)[:count]] = True
    return Claim(times_of(mask, chance.random(case.seconds)))


def _least(case: Case, k: int, effects: SecondEffects, _: np.random.Generator) -> Claim | None:
    return _second(int(np.abs(effects.whole).argmin()))


def _second(place: int) -> Claim:
    return Claim(((float(place), place + 1.0),))


def _moving(number: int) -> Kind:
    def moving(case: Case, *_: object) -> Claim | None:
        return _second(int(case.moving[number])) if len(case.moving) else None

    return moving


def _shifted(by: int) -> Kind:
    def shifted(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
        strength = np.roll(case.strength[k], by)
        return Claim(times_of(strength > 0, strength)) if strength.any() else None

    return shifted


def _other(modality: Modality | None) -> Modality | None:
    return None if modality is None else "video" if modality == "audio" else "audio"


def _other_modality(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    other = _other(case.modality[k])
    return None if other is None or not case.strength[k].any() else Claim(modality=other)


def _other_modality_of_planted(case: Case, k: int, effects: SecondEffects, chance: np.random.Generator) -> Claim | None:
    claim, other = _planted(case, k, effects, chance), _other(case.modality[k])
    return None if claim is None or other is None else Claim(claim.intervals, modality=other)


def _wrong_order(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    """The weakest first, where it clearly is."""
    strength = case.strength[k]
    spans = times_of(strength > 0, strength)
    if len(spans) < 2:
        return None
    sums = [strength[int(begin) : int(end)].sum() for begin, end in spans]
    return Claim(spans[::-1]) if sums[0] >= CLEARLY_STRONGER * sums[-1] else None


def _another(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    """What would be right in a clip whose decisive seconds lie elsewhere."""
    strength = chance.permutation(case.strength[k])
    return Claim(times_of(strength > 0, strength)) if strength.any() else None


def _dirichlet(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    return _weights(chance.dirichlet(np.ones(case.seconds)))


def _permuted(case: Case, k: int, effects: SecondEffects, chance: np.random.Generator) -> Claim | None:
    return _weights(chance.permutation(np.abs(effects.whole)) + 1e-9)


def _on_the_least(case: Case, k: int, effects: SecondEffects, _: np.random.Generator) -> Claim | None:
    size = np.abs(effects.whole)
    weights = (1 - SHARE) * size / max(size.sum(), 1e-9)
    weights[size.argmin()] = SHARE
    return _weights(weights)


def _reversed(case: Case, k: int, effects: SecondEffects, _: np.random.Generator) -> Claim | None:
    return _weights(np.abs(effects.whole)[::-1] + 1e-9)


WRONG: Mapping[str, Kind] = {
    "random seconds": _random,
    "least second": _least,
    "planted times, 1 s earlier": _shifted(-1),
    "planted times, 1 s later": _shifted(1),
    "planted times, 2 s later": _shifted(2),
    "last second": lambda case, *_: _second(case.seconds - 1),
    "first second": lambda *_: _second(0),
    "loudest second where nothing is planted": _moving(0),
    "most moving second where nothing is planted": _moving(1),
    "another clip's": _another,
    "planted times, the weakest first": _wrong_order,
    "planted times, of the other modality": _other_modality_of_planted,
    "other modality": _other_modality,
    "whole clip": lambda case, *_: Claim(((0.0, float(case.seconds)),)),
    "weights: Dirichlet": _dirichlet,
    "weights: of the effect, permuted": _permuted,
    "weights: of the effect, reversed in time": _reversed,
    "weights: 90 % on the least second": _on_the_least,
    "weights: a ramp": lambda case, *_: _weights(np.arange(1.0, case.seconds + 1)),
    "weights: nearly even": lambda case, k, e, chance: _weights(1 + 1e-3 * chance.random(case.seconds)),
}
NEVER_RIGHT = (
    "planted times, the weakest first",
    "planted times, of the other modality",
    "other modality",
    "whole clip",
    "weights: nearly even",
)


def _among_more(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    """The planted times among as many that say nothing."""
    planted = case.strength[k] > 0
    silent = np.flatnonzero(~planted)
    if not planted.any() or 4 * planted.sum() > case.seconds:
        return None
    mask = planted.copy()
    mask[chance.permutation(silent)[: planted.sum()]] = True
    return Claim(times_of(mask, case.strength[k]))


def _one_of_several(case: Case, k: int, _: SecondEffects, chance: np.random.Generator) -> Claim | None:
    places = np.flatnonzero(case.strength[k])
    return _second(int(chance.choice(places))) if len(places) > 1 else None


OPEN: Mapping[str, Kind] = {"planted times among as much else": _among_more, "one of several planted": _one_of_several}
KINDS: Mapping[str, Kind] = {**RIGHT, **WRONG, **OPEN}


def claims_of_kind(
    name: str, case: Case, effects: Mapping[str, SecondEffects], chance: np.random.Generator
) -> dict[str, Claim]:
    """By target, where the case has such a claim; one of a wrong kind that is right by accident is left out."""
    kind = KINDS[name]
    claims = {}
    for k, target in enumerate(case.targets):
        if case.known is not None and not case.known[k]:
            continue
        claim = kind(case, k, effects[target], chance)
        if claim is None:
            continue
        if name in WRONG and name not in NEVER_RIGHT and is_half_right(claim, case.strength[k]):
            continue
        claims[target] = claim
    return claims
