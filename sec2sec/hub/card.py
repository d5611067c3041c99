"""README.md of a checkpoint on the Hugging Face Hub: the card, behind the metadata that the Hub searches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import Bundle

GENERATED_LICENCE, OTHER_LICENCE = "apache-2.0", "other"
TAGS = ("affective-computing", "explainable-ai", "video-classification", "multimodal")
# Our names of metrics that the Hub lists under the same name
METRICS = {"binary": ("accuracy", "f1", "balanced_accuracy"), "score": ("mean_accuracy", "r2", "ccc")}


def licence_of(bundle: Bundle) -> str:
    """apache-2.0 for a checkpoint that learned from generated clips alone; else nobody but its owner can say."""
    data = bundle.config.get("provenance", {}).get("data", [])
    return GENERATED_LICENCE if data and all("seed" in one for one in data) else OTHER_LICENCE


def hub_card(bundle: Bundle, repository: str, licence: str, datasets: Sequence[str] = ()) -> str:
    """Markdown with front matter. repository: user/name; datasets: identifiers of the Hub."""
    import yaml

    metadata = metadata_of(bundle, repository, licence, datasets)
    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    use = (
        "## Use\n\n```python\nimport sec2sec\n\n"
        f'model = sec2sec.load("{repository}")\nprint(sec2sec.encode("clip.mp4", model).predict())\n```\n'
    )
    if bundle.encoders.config.preset == "features":
        use = f"## Use\n\n`sec2sec explain ID --features DIR --checkpoint {repository}` explains a row of a table.\n"
    return f"---\n{front}---\n\n{bundle.card.rstrip()}\n\n{use}"


def metadata_of(bundle: Bundle, repository: str, licence: str, datasets: Sequence[str]) -> dict[str, Any]:
    """What stands before the card; an entry without a value is left out."""
    metadata: dict[str, Any] = {
        "license": licence,
        "library_name": "sec2sec",
        "pipeline_tag": "video-classification",
        "tags": ["sec2sec", bundle.model.config.system, *TAGS],
        "datasets": list(datasets),
        "metrics": sorted({metric["type"] for metric in _test_metrics(bundle)}),
        "base_model": base_models(bundle),
    }
    metadata = {name: value for name, value in metadata.items() if value}
    if metrics := _test_metrics(bundle):
        data = bundle.config.get("provenance", {}).get("data", [])
        name = ", ".join(str(one["name"]) for one in data if "name" in one) or "its own test clips"
        result = {
            "task": {"type": "video-classification"},
            "dataset": {"type": datasets[0] if datasets else re.sub(r"[^\w.-]+", "-", name), "name": name},
            "metrics": metrics,
        }
        metadata["model-index"] = [{"name": repository.partition("/")[2], "results": [result]}]
    return metadata


def base_models(bundle: Bundle) -> list[str]:
    """Published models of the Hub that the weights start from."""
    published = SYSTEMS[bundle.model.config.system].published
    started = bundle.config.get("provenance", {}).get("encoders_from", "")
    found = set(re.findall(r"[\w-]+/[\w.-]+", published)) if started == published else set[str]()
    config = bundle.encoders.config
    names = [encoder.name.partition(":")[2] for encoder in (config.video_encoder, config.audio_encoder)]
    return sorted(found | {name for name in names if "/" in name})  # of encoders by the name OWNER/NAME


def _test_metrics(bundle: Bundle) -> list[dict[str, Any]]:
    report = bundle.metrics.get("test")
    targets = report.get("targets", {}) if isinstance(report, Mapping) else {}
    return [
        {"type": metric, "name": f"{metric} of {target}", "value": round(float(figures[metric]), 4)}
        for target, figures in targets.items()
        for metric in METRICS.get(figures.get("kind"), ())
        if isinstance(figures.get(metric), float | int)
    ]
