"""What the tests of predictors start from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sec2sec import paths


@pytest.fixture(autouse=True)
def no_answers_of_before(tmp_path, monkeypatch):
    """Answers are kept for the test alone."""
    own = replace(paths.program_paths(), answers=tmp_path / "answers")
    monkeypatch.setattr("sec2sec.predictors.cache.program_paths", lambda: own)
