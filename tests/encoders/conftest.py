"""A machine without a network and without published weights."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sec2sec.paths import Paths, program_paths


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """An empty HF_HOME, no network, and a folder for converted encoders."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    paths: Paths = replace(program_paths(), encoders=tmp_path / "encoders", checkpoints=tmp_path / "none")
    for module in ("published", "bundled"):
        monkeypatch.setattr(f"sec2sec.encoders.{module}.program_paths", lambda: paths)
    return paths
