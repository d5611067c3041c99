"""What a predictor answers about one clip: a number for each target, and what it claims to have gone by.

    {"arousal": 0.7, "claims": {"arousal": [[7.0, 8.0]]}, "modality": {"arousal": "audio"}}

Every number is a prediction. `claims` names times in s of the clip, the strongest first; `weights` gives one number per
second; `modality` says "audio" or "video".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sec2sec.errors import UserError
from sec2sec.predictors.claims import Claim

CLAIMS = ("claims", "weights", "modality")  # keys of an answer that are no targets
MAX_TARGETS = 100
MAX_CLAIMED = 10_000  # intervals or weights of one target
EXAMPLE = 'such as {"arousal": 0.7}'


class PredictorError(UserError):
    """A predictor that cannot be asked, or whose answer is no prediction: which one, what was found, what to do."""


@dataclass(frozen=True)
class Answer:
    """What a predictor said of one clip."""

    predictions: Mapping[str, float]  # by target, as the predictor counts
    claims: Mapping[str, Claim] = field(default_factory=dict)  # by target; one that claims nothing is left out


def read_answer(value: object, who: str) -> Answer:
    """A JSON object, or a dictionary, as an Answer. who: the predictor, for the error. Raises PredictorError."""
    if not isinstance(value, Mapping):
        raise PredictorError(f"{who}: answered with {_short(value)}; expected an object, {EXAMPLE}")
    predictions: dict[str, float] = {}
    for name, number in value.items():
        if name in CLAIMS:
            continue
        if not isinstance(name, str) or not name.strip():
            raise PredictorError(f"{who}: named a target {_short(name)}; a target's name is a word, {EXAMPLE}")
        predictions[name] = _number(number, f"{who}: its prediction of {name} is")
    if not predictions:
        raise PredictorError(f"{who}: its answer {_short(value)} holds no prediction; expected a number, {EXAMPLE}")
    if len(predictions) > MAX_TARGETS:
        raise PredictorError(f"{who}: answered with {len(predictions)} targets; at most {MAX_TARGETS} can be shown")
    return Answer(predictions, _claims(value, predictions, who))


def _claims(value: Mapping[Any, Any], predictions: Mapping[str, float], who: str) -> dict[str, Claim]:
    """By target, of those that claim anything."""
    parts = {key: _by_target(value.get(key), key, predictions, who) for key in CLAIMS}
    claims = {}
    for target in predictions:
        about = f"{who}: of {target}"
        intervals = _intervals(parts["claims"].get(target), about)
        weights = _weights(parts["weights"].get(target), about)
        modality = parts["modality"].get(target)
        if modality not in (None, "audio", "video"):
            raise PredictorError(f'{about} it claims the modality {_short(modality)}; expected "audio" or "video"')
        if intervals or weights is not None or modality is not None:
            try:
                claims[target] = Claim(intervals=intervals, weights=weights, modality=modality)
            except UserError as error:
                raise PredictorError(f"{about} {error}") from error
    return claims


def _by_target(part: object, key: str, predictions: Mapping[str, float], who: str) -> Mapping[str, Any]:
    if part is None:
        return {}
    if not isinstance(part, Mapping):
        raise PredictorError(f'{who}: its "{key}" are {_short(part)}; expected an object with a target\'s name as key')
    if unknown := [name for name in part if name not in predictions]:
        raise PredictorError(f'{who}: its "{key}" name {_short(unknown[0])}, which it does not predict')
    return part


def _intervals(values: Any, about: str) -> tuple[tuple[float, float], ...]:
    if values is None:
        return ()
    if not _is_list(values) or len(values) > MAX_CLAIMED:
        raise PredictorError(f"{about} it claims {_short(values)}; expected times in s, such as [[7.0, 8.0]]")
    intervals = []
    for pair in values:
        if not _is_list(pair) or len(pair) != 2:
            raise PredictorError(f"{about} it claims {_short(pair)}; expected begin and end in s, such as [7.0, 8.0]")
        begin, end = (_number(time, f"{about} it claims a time that is") for time in pair)
        if not 0 <= begin < end:
            raise PredictorError(f"{about} it claims {begin:g} to {end:g} s; expected 0 ≤ begin < end")
        intervals.append((begin, end))
    return tuple(intervals)


def _weights(values: Any, about: str) -> tuple[float, ...] | None:
    if values is None:
        return None
    if not _is_list(values) or not 0 < len(values) <= MAX_CLAIMED:
        raise PredictorError(f"{about} its weights are {_short(values)}; expected a number for each second")
    return tuple(_number(weight, f"{about} it gives a weight that is") for weight in values)


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and hasattr(value, "__iter__") and not isinstance(value, str | bytes | Mapping)


def _number(value: object, what: str) -> float:
    """A finite number; those of numpy and torch are numbers as well."""
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise PredictorError(f"{what} {_short(value)}; expected a number")
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise PredictorError(f"{what} {_short(value)}; expected a number") from None
    if not math.isfinite(number):
        raise PredictorError(f"{what} {number}; expected a finite number")
    return number


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
