"""What a paper cites of a benchmark: a manifest of all that its figures depend on, and the sources that it used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sec2sec.training.citing import SCHEMA, licence, sources


def manifest(results: Mapping[str, Any]) -> dict[str, Any]:
    """All that the figures depend on. results: of `collect`."""
    data = results["data"]
    return {
        "schema": SCHEMA,
        "code": results["versions"].get("sec2sec"),
        "commit": results.get("commit"),
        "command": results["command"],
        "settings": results["settings"],
        "overrides": results["overrides"],
        "tuning": results.get("tuning"),
        "seeds": list(range(int(results["seeds"]))),
        "data": {**data, "licence": licence(data)},
        "hardware": results["hardware"],
        "versions": results["versions"],
    }


def cited(results: Mapping[str, Any]) -> list[str]:
    """Keys of references.bib, of the paper, the data set, and the systems and encoders that were trained."""
    systems = [row["name"] for row in results["systems"] if row["done"]]
    # features bring no encoders of ours
    preset = "features" if "features" in results["data"] else str(results["settings"].get("preset", ""))
    encoders = [str(results["settings"].get(name, "")) for name in ("video_encoder", "audio_encoder")]
    return sources(str(results["data"]["name"]), systems, preset, filter(None, encoders))
