"""How well plain regressions tell people's ratings of photographs: python -m recipes.photo_regressions DATA NAME ...

It is what the checkpoint photos has to be measured by: a ridge regression and a support vector regression on the mean
of an encoder's map, of each photograph and its mirror image. The themes are left out in the same five folds as in
recipes/photos.py. Strength and kernel width are chosen for each fold by a second cross-validation within its other
themes, so that no tested theme has a say in them. Names of several encoders stand side by side with a plus sign.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sec2sec.config import COMPACT
from sec2sec.datasets.folds import take_fold
from sec2sec.datasets.groups import DEFAULT_SHARES, fold_groups
from sec2sec.datasets.oasis import TARGETS, read_oasis
from sec2sec.datasets.table import Table
from sec2sec.encoders import build_encoders
from sec2sec.encoders.named import named_config
from sec2sec.training.settings import regridded

FOLDS, INNER_FOLDS = 5, 5
Regression = Callable[[int], Any]  # number of features → an estimator of scikit-learn


def ridges() -> Iterator[Regression]:
    """From hardly any regularisation to a lot."""
    for strength in 10.0 ** np.arange(0, 5.51, 0.5):
        yield partial(_ridge, strength)


def support_vectors() -> Iterator[Regression]:
    """Gaussian kernels of three widths, with three costs of an error of more than .05."""
    for gamma, cost in product((0.05, 0.15, 0.5), (0.06, 0.2, 0.6)):
        yield partial(_support_vectors, gamma, cost)


def _ridge(strength: float, _: int) -> Any:
    return make_pipeline(StandardScaler(), Ridge(strength))


def _support_vectors(gamma: float, cost: float, features: int) -> Any:
    return make_pipeline(StandardScaler(), SVR(gamma=gamma / features, C=cost, epsilon=0.05))


REGRESSIONS = {"ridge": ridges, "support vectors": support_vectors}


@torch.inference_mode()
def features_of(table: Table, name: str) -> np.ndarray:
    """(N, C) the mean of the encoder's map over places, of each photograph and its mirror image."""
    encoders = build_encoders(regridded(named_config(name, COMPACT, 1), (1, 1, 1), ())).eval()
    height, width = encoders.config.frame_size
    rows = []
    for row in table.rows:
        with Image.open(row.path) as image:
            seen = np.array(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
        both = torch.from_numpy(np.stack([seen, seen[:, ::-1]]))
        rows.append(encoders.encode_video(both[:, None]).mean((0, 1)).numpy())
    return np.stack(rows)


def ratings_of(table: Table) -> np.ndarray:
    """(N, K) the mean ratings, 0 to 1."""
    return np.array([[row.targets[target] for target in TARGETS] for row in table.rows])


def left_out(table: Table, features: np.ndarray, regressions: Sequence[Regression]) -> np.ndarray:
    """(N, K) the prediction of each photograph by regressions that saw none of its theme.

    Of the regressions the one is taken whose predictions correlate best with the ratings within the other themes.
    """
    truth, predicted = ratings_of(table), np.zeros((len(table.rows), len(TARGETS)))
    groups = np.array([row.group for row in table.rows])
    for fold in range(1, FOLDS + 1):
        split = take_fold(table, f"{fold}/{FOLDS}", 0, DEFAULT_SHARES)
        tested = np.array([row.split == "test" for row in split.rows])
        x, y, inner = features[~tested], truth[~tested], _inner_folds(groups[~tested])
        for k in range(len(TARGETS)):
            scores = [_score(regression, x, y[:, k], inner) for regression in regressions]
            best = regressions[int(np.argmax(scores))](features.shape[1])
            predicted[tested, k] = best.fit(x, y[:, k]).predict(features[tested])
    return predicted


def _inner_folds(groups: np.ndarray) -> np.ndarray:
    place_of = fold_groups(Counter(groups.tolist()), INNER_FOLDS, 0)
    return np.array([place_of[group] for group in groups])


def _score(regression: Regression, x: np.ndarray, y: np.ndarray, folds: np.ndarray) -> float:
    """Pearson's r of what is predicted for each fold by the others."""
    predicted = np.zeros(len(y))
    for fold in range(INNER_FOLDS):
        out = folds == fold
        predicted[out] = regression(x.shape[1]).fit(x[~out], y[~out]).predict(x[out])
    return float(np.corrcoef(predicted, y)[0, 1])


def best_possible(table: Table) -> np.ndarray:
    """(K,) the largest correlation that a prediction can have with these means: each is of some hundred raters.

    The square root of the share of the means' variance that is not the raters' own spread ÷ their number.
    """
    ceilings = []
    for target, truth in zip(TARGETS, ratings_of(table).T, strict=True):
        cells = [(float(row.columns[f"{target}_sd"]), float(row.columns[f"{target}_n"])) for row in table.rows]
        noise = np.mean([spread**2 / raters for spread, raters in cells])
        ceilings.append(np.sqrt(1 - noise / (truth * 6).var(ddof=1)))
    return np.array(ceilings)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each encoder and regression."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="OASIS as it is distributed")
    parser.add_argument("encoders", nargs="+", metavar="NAME", help="such as timm:tf_efficientnet_lite0")
    options = parser.parse_args(arguments)
    table = read_oasis(options.data)
    truth = ratings_of(table)
    print(f"at most: {_words(best_possible(table))}")
    for names in options.encoders:
        features = np.concatenate([features_of(table, name) for name in names.split("+")], 1)
        for regression, settings in REGRESSIONS.items():
            predicted = left_out(table, features, list(settings()))
            r = np.array([np.corrcoef(predicted[:, k], truth[:, k])[0, 1] for k in range(len(TARGETS))])
            print(f"{names}, {regression}: {_words(r)}", flush=True)


def _words(r: np.ndarray) -> str:
    return ", ".join(f"{target} {value:.3f}" for target, value in zip(TARGETS, r, strict=True))


if __name__ == "__main__":
    main()
