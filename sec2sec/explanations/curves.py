"""The prediction while seconds are taken away, or put back, in some order: deletion, insertion and ERASER's figures.

Deletion and insertion: Petsiuk et al. 2018 (RISE), with seconds for pixels and the training mean for what is not there.
Comprehensiveness and sufficiency: DeYoung et al. 2020 (ERASER). Beside each curve stand the same of random orders and
of the last seconds first, because a curve alone says nothing: any order ends at the same place.

Which way is better? The claim under test is that *these seconds carry the prediction away from where it lies without
any second* (the baseline). So `sign` is that of prediction − baseline, and a good order brings the prediction to the
baseline early when it deletes and away from it early when it inserts. ERASER's figures are multiplied with it as well:
its probability of the predicted class becomes the distance on the side of the prediction. (The unsigned change would
punish a good order where two strong seconds cancel: once both are gone, nothing has changed.)

Attention has no sign, so the verdict does not ask that question but another, of the same curves: how early do their
steps come, up or down? A good order makes its large steps first, whether its seconds agree or oppose each other.

T seconds, S steps, R orders, K targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from sec2sec.explanations.masker import MaskedPredictor
from sec2sec.explanations.results import OrderCurve

RANDOM_ORDERS = 200
RANDOM_BAND = (5, 95)  # per cent of the random orders
MAX_EXACT_SECONDS = 20  # up to here every number of seconds is tried
MAX_POINTS = 8  # on the curve of a longer clip, so that cost grows with the clip and not with its square
FEW_ORDERS, FEW_POINTS = 20, 5  # for a system of which every variant is a run over the whole clip
MIN_ODDS = 1e-6  # predictions nearer to 0 or 1 count as this near, so that their logit is finite
AREA_ROUNDING = 1e-6  # of single precision: areas closer than this are equal


def curve_steps(seconds: int, few: bool = False) -> np.ndarray:
    """(S,) how many seconds are changed at each point of a curve: 0..T, alike from both ends."""
    points = FEW_POINTS if few else seconds + 1 if seconds <= MAX_EXACT_SECONDS else MAX_POINTS
    if points > seconds:
        return np.arange(seconds + 1)
    half = np.floor(np.arange(points // 2) * seconds / (points - 1) + 0.5).astype(int)
    middle = [seconds // 2] * (points % 2)  # of an odd number of points; alike from both ends in even clips alone
    return np.concatenate([half, middle, seconds - half[::-1]]).astype(int)


@lru_cache(maxsize=64)
def random_orders(seconds: int) -> np.ndarray:
    """(RANDOM_ORDERS, T) the same orders each time, for every target and clip of that length; read only."""
    orders = np.random.default_rng(seconds).permuted(np.tile(np.arange(seconds), (RANDOM_ORDERS, 1)), axis=1)
    orders.flags.writeable = False
    return orders


def most_attended_first(attention: np.ndarray) -> np.ndarray:
    """(K, T) → (K, T) the seconds of each target in falling order; equal ones from the start."""
    return np.argsort(-attention, axis=1, kind="stable")


def present_after(orders: np.ndarray, steps: np.ndarray, insertion: bool) -> np.ndarray:
    """(R, T) orders → (R, S, T) bool: which seconds are there once `steps` of them are taken away, or put back."""
    rank = np.argsort(orders, axis=1)[:, None]  # of each second in its order
    there = rank < steps[:, None]
    return there if insertion else ~there


@dataclass(frozen=True)
class ChanceCurves:
    """The predictions under the last seconds first, then under R random orders: what any order is compared with."""

    steps: np.ndarray  # (S,)
    values: np.ndarray  # (2, K, 1 + R, S) of deletion and of insertion

    @cached_property
    def areas(self) -> np.ndarray:
        """(2, K, 1 + R) under each curve."""
        areas: np.ndarray = np.trapezoid(self.values, self.steps / self.steps[-1], axis=-1)
        return areas

    @cached_property
    def centres(self) -> np.ndarray:
        """(2, K, R) when the steps of each random order come."""
        return centre_of_steps(self.values[:, :, 1:])

    @cached_property
    def band(self) -> np.ndarray:
        """(2, 2, K, S) the lower and the upper end of RANDOM_BAND over the random orders."""
        band: np.ndarray = np.percentile(self.values[:, :, 1:], RANDOM_BAND, axis=2)
        return band


def measure_chance(predict: MaskedPredictor, seconds: int, few: bool = False) -> ChanceCurves:
    """Run the orders of chance, which are the same for every target and every attention.

    The random orders of insertion are those of deletion backwards, so that they pass through the same variants. few:
    FEW_ORDERS and FEW_POINTS, where variants are dear.
    """
    steps = curve_steps(seconds, few)
    chance = random_orders(seconds)[: FEW_ORDERS if few else RANDOM_ORDERS]
    last = np.arange(seconds)[None, ::-1]
    deleted, inserted = np.concatenate([last, chance]), np.concatenate([last, chance[:, ::-1]])
    values = _run_orders(predict, deleted, inserted, steps)
    return ChanceCurves(steps, np.ascontiguousarray(np.moveaxis(values, 3, 1)))


def _run_orders(predict: MaskedPredictor, deleted: np.ndarray, inserted: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Orders (R, T) in which seconds are taken away, and put back → predictions (2, R, S, K)."""
    present = np.concatenate([present_after(deleted, steps, False), present_after(inserted, steps, True)])
    flat = present.reshape(-1, deleted.shape[1])
    return predict(flat, flat).reshape(2, len(deleted), len(steps), -1)


def curves(
    predict: MaskedPredictor, orders: np.ndarray, signs: np.ndarray, chance: ChanceCurves
) -> list[tuple[OrderCurve, OrderCurve]]:
    """Deletion and insertion of each target by its own order. orders (K, T), signs (K,) of prediction − baseline."""
    seconds, steps = orders.shape[1], chance.steps
    values = _run_orders(predict, orders, orders, steps)

    def curve(target: int, insertion: bool) -> OrderCurve:
        own = values[int(insertion), target, :, target]  # (S,)
        where = int(insertion), target
        last, *others = chance.areas[where]
        area = np.trapezoid(own, steps / seconds)
        return OrderCurve(
            steps=steps,
            values=own,
            area=float(area),
            random_low=chance.band[0][where],
            random_high=chance.band[1][where],
            random_area=float(np.mean(others)),
            last_first=chance.values[where][0],
            last_first_area=float(last),
            better_than_random=_share_beaten(signs[target] * (area - np.array(others)) * (1 if insertion else -1)),
            earlier_than_random=_share_beaten(chance.centres[where] - centre_of_steps(own)),
        )

    return [(curve(k, insertion=False), curve(k, insertion=True)) for k in range(len(orders))]


def _share_beaten(ahead: np.ndarray) -> float:
    """How often a difference is positive; ties count half."""
    tie = np.abs(ahead) < AREA_ROUNDING
    return float(((ahead > 0) & ~tie).mean() + tie.mean() / 2)


def centre_of_steps(values: np.ndarray) -> np.ndarray:
    """When the steps of a curve come, whatever their sign: (…, S) → (…) from 0, the first step, to 1, the last.

    A step is the change of the logit, so that those near 0 and 1 count as those in the middle do. ½ without any step.
    """
    inner = np.clip(values, MIN_ODDS, 1 - MIN_ODDS)
    change = np.abs(np.diff(np.log(inner / (1 - inner))))
    total, moments = change.sum(-1), np.linspace(0, 1, change.shape[-1])
    centre: np.ndarray = np.divide(
        (change * moments).sum(-1), total, out=np.full_like(total, 0.5), where=total > MIN_ODDS
    )
    return centre


def comprehensiveness(deletion: OrderCurve, sign: float) -> np.ndarray:
    """(S − 1,) sign · (prediction − prediction without the first k seconds): high where they were needed."""
    fall: np.ndarray = sign * (deletion.values[0] - deletion.values[1:])
    return fall


def sufficiency(insertion: OrderCurve, sign: float) -> np.ndarray:
    """(S − 1,) sign · (prediction − prediction with the first k seconds alone): near 0 where they are enough."""
    missing: np.ndarray = sign * (insertion.values[-1] - insertion.values[1:])
    return missing
