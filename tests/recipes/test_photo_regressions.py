"""The regressions that the checkpoint photos is measured by: no theme has a say in its own prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recipes.photo_regressions import best_possible, left_out, ratings_of, ridges
from sec2sec.datasets.oasis import read_oasis

THEMES, PICTURES, RATERS = 60, 3, 100


def write_ratings(folder: Path, ratings: np.ndarray) -> Path:
    """A table as OASIS has it: ratings (targets, pictures, raters), three pictures of each theme."""
    columns = [f"{target}_{what}" for target in ("Valence", "Arousal") for what in ("mean", "SD", "N")]
    lines = [",".join(["", "Theme", "Category", *columns])]
    for number in range(ratings.shape[1]):
        theme = f"{chr(65 + number // PICTURES // 26)}{chr(97 + number // PICTURES % 26)} {number % PICTURES + 1}"
        cells = [f"{value:.9f}" for of in ratings[:, number] for value in (of.mean(), of.std(ddof=1), len(of))]
        lines.append(",".join([f"I{number}", theme, "Object", *cells]))
    folder.mkdir(exist_ok=True)
    (folder / "OASIS.csv").write_text("\n".join([*lines, ""]))
    return folder


@pytest.fixture
def table(tmp_path):
    """Themes whose ratings nothing but their name tells."""
    rng = np.random.default_rng(0)
    felt = np.repeat(rng.uniform(2, 6, (2, THEMES)), PICTURES, 1)
    return read_oasis(write_ratings(tmp_path / "ratings", felt[..., None] + rng.normal(0, 0.5, (*felt.shape, RATERS))))


def test_what_only_the_theme_tells_is_of_no_use_where_it_is_left_out(table):
    names = np.array([row.group for row in table.rows])
    features = (names[:, None] == np.unique(names)).astype(float)
    few = list(ridges())[::4]
    predicted, truth = left_out(table, features, few), ratings_of(table)
    assert len(np.unique(names)) == THEMES
    assert all(np.corrcoef(predicted[:, k], truth[:, k])[0, 1] < 0.15 for k in range(2))
    told = np.concatenate([features, truth[:, :1]], 1)
    assert np.corrcoef(left_out(table, told, few)[:, 0], truth[:, 0])[0, 1] > 0.6


def test_nothing_correlates_better_with_the_means_than_what_the_raters_share(tmp_path):
    rng = np.random.default_rng(1)
    felt = rng.uniform(3, 5, (2, 1500))
    ratings = felt[..., None] + rng.normal(0, 2, (*felt.shape, 20))
    table = read_oasis(write_ratings(tmp_path / "ratings", ratings))
    known = [np.corrcoef(felt[k], ratings[k].mean(-1))[0, 1] for k in range(2)]
    np.testing.assert_allclose(best_possible(table), known, atol=0.03)
    assert max(known) < 0.85
